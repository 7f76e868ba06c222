# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of causes: what is typed and what is set is code, and no word of a sentence."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from netlab.diagnosis import causes

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))

from reference.causes import _advice, _seen, typed

ADVICE = sorted({
    text
    for cause in causes.parse(causes.HOME.read_text())
    for text in (cause.confirm, cause.fix, cause.next, *(case.confirm for case in cause.seen))
})  # fmt: skip


@pytest.mark.parametrize("text", ADVICE)
def test_what_is_typed_is_code(text: str) -> None:
    words = re.sub(r"`[^`]*`", "", typed(text))
    assert not re.search(
        r"\b(tcpdump|nstat|ss|conntrack|ping) -|(^| )'|\btcp\\?_|\bnet\.", words
    ), words


def test_words_beside_it_are_none() -> None:
    assert typed(
        "nstat -az TcpExtX and ss -ltn 'sport = :{port}' in a_row, net.ipv4.tcp_rmem=1"
    ) == ("`nstat -az TcpExtX` and `ss -ltn 'sport = :PORT'` in a\\_row, `net.ipv4.tcp_rmem=1`")


@pytest.mark.parametrize("text", ADVICE)
def test_a_command_is_copied_as_it_is_typed(text: str) -> None:
    """Without a capital, though most are the first word of a sentence."""
    assert not re.search(r"`[A-Z][a-z]+ |^(Tcpdump|Nstat|Ss|Conntrack|Ip|Nft|Cat) ", _advice(text))


def test_a_scenario_that_stands_in_is_not_said_to_bring_it_about() -> None:
    every = {cause.id: cause for cause in causes.parse(causes.HOME.read_text())}
    assert "stands in for it" in " ".join(_seen(every["next-hop-silent"]))
    assert "brings it about" in " ".join(_seen(every["data-lost"]))
