# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab atlas explains a pair, or a state, by whatever name somebody has for it."""

from __future__ import annotations

import pytest

from netlab import cli

from .shell import netlab


@pytest.mark.parametrize(
    "words",
    [["FW1/EST"], ["fin-wait-1", "/", "estab"], ["FIN_WAIT1/ESTABLISHED"], ["FIN_WAIT_1", "ESTAB"]],
    ids=" ".join,
)
def test_a_pair_is_explained(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["atlas", *words]) == 0
    assert "FIN_WAIT1/ESTABLISHED: every FIN to the server is lost." in capsys.readouterr().out


def test_a_state_alone_is_explained_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["atlas", "FIN-WAIT-2"]) == 0
    told = capsys.readouterr().out
    assert "  FIN_WAIT2/CLOSE_WAIT     can be\n" in told
    assert "  FIN_WAIT2/TIME_WAIT      cannot be: TIME_WAIT needs a peer that took the FIN" in told
    assert max(map(len, told.splitlines())) <= 80


def test_no_state_is_answered_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["atlas", "ESTABL/FIN"]) == 2
    told = capsys.readouterr().err
    assert "'ESTABL' is no state: did you mean ESTABLISHED? The states are ESTABLISHED, " in told


@pytest.mark.parametrize(
    "locale",
    [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}],
    ids=str,
)
def test_a_locale_without_its_letters_gets_a_picture_too(locale: dict[str, str]) -> None:
    done = netlab("atlas", "FW1/CW", **locale)
    assert (done.code, done.err) == (0, "")
    assert done.out.isascii()
    assert "?" not in done.out
    assert "  |            -----> CLOSE_WAIT   FIN reaches the server" in done.out
