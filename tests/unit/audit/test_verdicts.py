# SPDX-License-Identifier: GPL-2.0-or-later
"""Each word from its own evidence, and from nothing less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlab.audit.verdicts import RULES, judged
from netlab.model.auditing import Asked, AuditCell, AuditPlay, Blocked, Until

REQUEST = Asked("POST /", 1, False, True, 0.1)
SOUND = AuditPlay("", 0.5, True, 0, 0.1, "all of it\n", "", (REQUEST,), 1, at_once=1)
MET = replace(SOUND, fault="syn-lost")
MISSED = replace(MET, asked=(replace(REQUEST, answered=False),))


def words(play: AuditPlay, sound: AuditPlay = SOUND) -> list[str]:
    return [each.word for each in judged(play, sound, promise=10.0)]


def test_each_word_has_a_rule_and_the_worst_is_first() -> None:
    assert [*RULES] == [
        "dies", "spins", "sent twice", "short", "hangs", "leaks", "late", "error", "fine",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("play", "expected"),
    [
        (MET, ["fine"]),
        (replace(MET, exit_code=-11), ["dies"]),
        (replace(MET, exit_code=139), ["dies"]),  # of a shell
        (replace(MET, over="it took more than 1 GiB"), ["dies"]),
        (replace(MET, spun=(5.0, 4.0), cpu=4.0), ["spins"]),
        (replace(MET, spun=(5.0, 0.1), cpu=0.2), ["fine"]),  # the machine was busy, and not it
        (replace(MET, spun=(5.0, 4.0), cpu=4.0, ended=False), ["spins", "hangs"]),
        (replace(MET, asked=(REQUEST, REQUEST)), ["sent twice"]),
        (replace(MET, asked=(REQUEST, REQUEST), exit_code=1), ["sent twice"]),
        (replace(MISSED, output=""), ["short"]),
        (replace(MISSED, output="all"), ["short"]),
        (replace(MET, output="all of"), ["short"]),  # it had all, and lost the last bytes
        (replace(MET, asked=()), ["short"]),  # the server has not even heard of it
        (MISSED, ["short"]),  # it says what it says without the fault, and has nothing
        (replace(MISSED, errors="no answer\n"), ["short"]),  # and yet it claims to have it
        (replace(MISSED, output="", errors="no answer\n"), ["error"]),  # with exit code 0
        (replace(MISSED, output="", exit_code=3), ["error"]),
        (replace(MET, output="another time of the day"), ["fine"]),
        (replace(MET, left=("sh (pid 5)",)), ["leaks"]),
        (replace(MET, dead=("a", "b")), ["leaks"]),
        (replace(MET, held=4), ["leaks"]),
        (replace(MET, held=2), ["fine"]),
        (replace(MET, ended=False, exit_code=None, seconds=40.0), ["hangs"]),
        (replace(MET, seconds=10.2), ["late", "fine"]),
        (replace(MET, seconds=10.0, reached_at=2.0), ["fine"]),  # it began late itself
        (replace(MISSED, seconds=30.0, exit_code=1), ["late", "error"]),
        (replace(MET, reached_at=None), []),
        (replace(MET, reached_at=None, exit_code=-11), ["dies"]),
        (replace(MET, problem="no lab"), []),
    ],
)  # fmt: skip
def test_a_word(play: AuditPlay, expected: list[str]) -> None:
    found = words(play)
    grave = [word for word in found if word not in ("fine", "error")]
    assert (grave or found) == [word for word in expected if word in (grave or found)]
    assert found[:1] == expected[:1]


def test_what_may_be_repeated_is_told_and_no_fault() -> None:
    get = replace(REQUEST, key="GET /", repeatable=True)
    sound = replace(SOUND, asked=(get,))
    (first, *_) = judged(replace(MET, asked=(get, get)), sound, 10.0)
    assert (first.word, first.sound) == ("sent twice", True)
    assert "may be repeated" in first.why


def test_what_it_does_without_a_fault_too_is_no_finding() -> None:
    twice = (REQUEST, REQUEST)
    busy = replace(SOUND, asked=twice, cpu=5.0, left=("a",), dead=("b",))
    play = replace(busy, fault="x", spun=(5.0, 5.0), cpu=5.2)
    assert words(play, busy) == ["fine"]


def test_where_it_hangs_is_said() -> None:
    hung = replace(
        MET, ended=False, exit_code=None, seconds=40.0, until=Until(131.2, "SYNs"),
        blocked=(Blocked(1, 1, "a", "futex"), Blocked(1, 2, "a", "connect", socket="a -> b")),
    )  # fmt: skip
    (found,) = judged(hung, SOUND, 10.0)
    assert found.why == "until 131 s: SYNs, in connect() on a -> b"
    (found,) = judged(replace(hung, until=Until(None, "no timer")), SOUND, 10.0)
    assert found.why.startswith("for ever: no timer")
    (found,) = judged(replace(hung, connections=9), SOUND, 10.0)
    assert "9 connections so far" in found.why


def test_the_last_sentence_is_told_and_not_its_last_line() -> None:
    said = "Traceback\n  File x\npkg.Error: server closed\n\tThis probably means\n\tbefore it\n"
    (found,) = judged(replace(MET, exit_code=1, errors=said), SOUND, 10.0)
    assert found.why == "exit code 1: pkg.Error: server closed"


def test_a_cell_that_is_meant_is_sound() -> None:
    bad = judged(replace(MET, exit_code=-11), SOUND, 10.0)
    cell = AuditCell("x", "", MET, bad)
    assert (cell.word, cell.sound, replace(cell, allowed=True).sound) == ("dies", False, True)
    assert AuditCell("x", "", MET, ()).word == "not reached"
    assert AuditCell("x", "", replace(MET, problem="no lab"), ()).word == "not played"
