# SPDX-License-Identifier: GPL-2.0-or-later
"""What netlab answers to pastes out of public threads; see README.md."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from .score import OPEN, Judged, asked, corpus, judged, judged_all

#: The bars: as many as there were when they were set. They only move the right way.
MOST = {"refused-badly": 0, "silent": 0, "wrong": 0, "partly": 0}
LEAST = {"right": 102}


@cache
def verdicts() -> dict[str, Judged]:
    return judged_all()


@pytest.mark.parametrize("verdict", MOST)
def test_no_more_answers_are_bad_than_there_were(verdict: str) -> None:
    bad = {file: one.reasons for file, one in verdicts().items() if one.verdict == verdict}
    assert len(bad) <= MOST[verdict], bad


def test_no_fewer_are_right() -> None:
    counted = Counter(one.verdict for one in verdicts().values())
    assert counted["right"] >= LEAST["right"], counted


def test_every_text_of_the_corpus_is_scored() -> None:
    files = {path.relative_to(OPEN).as_posix() for path in OPEN.rglob("*.txt")}
    assert files == {entry["file"] for entry in corpus()} == {*verdicts()}


@pytest.mark.parametrize("entry", corpus(), ids=lambda entry: entry["file"])
def test_every_row_is_read_once(entry: dict[str, object]) -> None:
    """Whatever is said of them: no socket is lost, and none is two."""
    said = asked((OPEN / str(entry["file"])).read_bytes())
    if said.code != 2:
        assert said.sockets >= int(str(entry.get("must_read", 0)))
        assert said.sockets <= int(str(entry.get("sockets_at_most", said.sockets)))


def test_the_score_sees_what_it_looks_for() -> None:
    """A refusal, silence, and a wrong cause are not right by being said of the wrong text."""
    entries = {str(entry["file"]): entry for entry in corpus()}
    leak, healthy = entries["min/noise-box.txt"], entries["min/grep-loopback.txt"]
    stuck = (OPEN / "min/noise-box.txt").read_bytes()
    assert judged(leak, asked(stuck)).verdict == "right"
    assert judged(leak, asked(b"LISTEN 0 128 *:80 *:*\n")).verdict == "silent"
    assert judged(leak, asked(b"hello")).verdict == "refused-badly"
    assert judged(healthy, asked(stuck)).verdict == "wrong"
