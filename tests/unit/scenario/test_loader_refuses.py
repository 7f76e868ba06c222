# SPDX-License-Identifier: GPL-2.0-or-later
"""Where and how a wrong scenario file is refused: path, line, what was expected and found."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State, why_unreachable
from netlab.model.vocabulary import ExpectedPair
from netlab.scenario import loader
from tests.rights import nobody
from tests.unit.scenario.wrong_documents import GOOD, NAME, NO_YAML, SENSE, SHAPES, WORDS, Wrong

NOISE = random.Random(0).randbytes(1 << 20)  # the same in every run, so that a failure comes again


def refusal(text: str) -> ScenarioError:
    """What the loader says of a text."""
    with pytest.raises(ScenarioError) as caught:
        loader.parse(text, Path(NAME))
    return caught.value


@pytest.mark.parametrize("wrong", WORDS + SHAPES + NO_YAML + SENSE, ids=lambda wrong: wrong.what)
def test_a_wrong_document_is_refused_with_its_line_and_the_reason(wrong: Wrong) -> None:
    error = refusal(wrong.text)
    assert str(error).startswith(f"{NAME}:{wrong.line}: ")
    assert wrong.says in error.problem
    assert (error.path, error.line, error.exit_code) == (Path(NAME), wrong.line, 2)
    assert "\n" not in str(error)


def test_a_complaint_does_not_repeat_a_whole_page() -> None:
    message = str(refusal(GOOD.replace("1.2s", "x" * 50_000)))
    assert message.startswith(f"{NAME}:10: hold: expected a duration ")
    assert len(message) < 1000


@pytest.mark.parametrize("server", State, ids=str)
@pytest.mark.parametrize("client", State, ids=str)
def test_a_pair_is_refused_exactly_where_tcp_cannot_reach_it(client: State, server: State) -> None:
    healed = "healed: {client: ESTABLISHED, server: ESTABLISHED}"
    text = GOOD.replace(healed, "cause: it is another pair's")  # which may be that pair
    text = text.replace("client: SYN_SENT, server: SYN_RECV", f"client: {client}, server: {server}")
    why = why_unreachable(client, server)
    if why is None:
        assert loader.parse(text, Path(NAME)).expect.claim == ExpectedPair((client,), (server,))
    else:
        assert str(refusal(text)) == f"{NAME}:9: {client}/{server} cannot be: {why}"


# --- what is no scenario file at all


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (NOISE, ": is larger than 64 KiB: this is not a scenario"),
        (NOISE[:4096], ":1: is not UTF-8 text: this is not a scenario"),
        (GOOD.encode() + b"# \xe9\n", ":13: is not UTF-8 text: this is not a scenario"),
        (GOOD.encode("utf-16"), ":1: is not UTF-8 text: this is not a scenario"),
        (b"#" * (64 * 1024 + 1), ": is larger than 64 KiB: this is not a scenario"),
        (b"#" * (64 * 1024), ":1: is empty: expected a mapping with source, steps and expect"),
    ],
    ids=["1 MB", "4 KB", "a letter of Latin 1", "UTF-16", "too large by one", "just not too large"],
)
def test_noise_is_told_that_it_is_no_scenario(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / NAME
    path.write_bytes(data)
    with pytest.raises(ScenarioError) as caught:
        loader.load(path)
    assert str(caught.value) == f"{path}{says}"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"is a folder, and a scenario is a regular file"):
        loader.load(tmp_path)


@pytest.mark.parametrize("name", [NAME, "no/such/folder.yaml", "a.yaml" * 100])
def test_a_missing_file_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    reason = "cannot be read: File name too long" if len(name) > 255 else "no such file. 'netlab li"
    with pytest.raises(ScenarioError) as caught:
        loader.load(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: {reason}")


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_text(GOOD)
    path.chmod(0)
    with nobody(), pytest.raises(ScenarioError) as caught:
        loader.load(path)
    assert str(caught.value) == f"{path}: cannot be read: Permission denied"
