# SPDX-License-Identifier: GPL-2.0-or-later
"""Each word from its own evidence, and from nothing less."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlab.audit.verdicts import RULES, judged, repeated
from netlab.model.auditing import Asked, AuditCell, AuditPlay, Blocked, Until, Visited

REQUEST = Asked("POST /", 1, False, True, 0.1)
SOUND = AuditPlay("", 0.5, True, 0, 0.1, "all of it\n", "", (REQUEST,), 1, at_once=1)
MET = replace(SOUND, fault="syn-lost")
MISSED = replace(MET, asked=(replace(REQUEST, answered=False),))

SERVED = replace(MET, ended=False, exit_code=None, visit=Visited(0.1, served=0.2))


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
        (replace(MET, busy=(5.0, 4.0), cpu=4.0), ["spins"]),  # in several threads
        (replace(MET, busy=(5.0, 0.9), cpu=0.9), ["fine"]),  # a runtime that compiles
        (replace(SERVED, busy=(5.0, 4.0), cpu=4.0), ["fine"]),  # many have asked it
        (replace(MET, asked=(REQUEST, REQUEST)), ["sent twice"]),
        (replace(MET, asked=(REQUEST, REQUEST), exit_code=1), ["sent twice"]),
        (replace(MET, asked=(), queued=(REQUEST, REQUEST), exit_code=1), ["sent twice"]),
        (replace(MET, asked=(), queued=(REQUEST,), exit_code=1), ["error"]),
        (replace(MET, asked=(), queued=(REQUEST,)), ["short"]),  # nobody has heard it yet
        (replace(MISSED, output=""), ["short"]),
        (replace(MISSED, output="all"), ["short"]),
        (replace(MET, output="all of"), ["short"]),  # it had all, and lost the last bytes
        (replace(MET, asked=()), ["short"]),  # the server has not even heard of it
        (MISSED, ["short"]),  # it says what it says without the fault, and has nothing
        (replace(MISSED, errors="no answer\n"), ["short"]),  # and yet it claims to have it
        (replace(MISSED, output="", errors="no answer\n"), ["error"]),  # with exit code 0
        (replace(MISSED, output="", exit_code=3), ["error"]),
        (replace(MISSED, output="it failed: no answer\n"), ["error"]),  # where others say results
        (replace(MET, output="another time of the day"), ["fine"]),
        (replace(MET, left=("sh (pid 5)",)), ["leaks"]),
        (replace(MET, dead=("a", "b")), ["leaks"]),
        (replace(MET, held=4), ["leaks"]),
        (replace(MET, held=2), ["fine"]),
        (replace(MET, ended=False, exit_code=None, seconds=40.0), ["hangs"]),
        (replace(MET, seconds=10.2), ["late", "fine"]),
        (replace(MET, seconds=10.0, reached_at=2.0), ["fine"]),  # it began late itself
        (replace(MISSED, seconds=30.0, exit_code=1), ["late", "error"]),
        (replace(MET, seconds=12.0, disturbed=2.5), ["fine"]),  # the machine was busy
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


def test_the_same_with_a_new_number_in_it_is_sent_twice() -> None:
    first, second = (replace(REQUEST, key=f"POST / {n}", alike="POST / #") for n in (1, 2))
    (found,) = judged(replace(MET, asked=(first, second)), replace(SOUND, asked=(first,)), 10.0)
    assert found.why == "the server saw POST / # twice, each with other numbers"
    both = replace(SOUND, asked=(first, second))
    assert words(replace(MET, asked=(first, second)), both) == ["fine"]  # two orders
    unlike = replace(second, alike="POST / other")
    assert words(replace(MET, asked=(first, unlike)), replace(SOUND, asked=(first,))) == ["fine"]


GET = replace(REQUEST, key="GET /", repeatable=True)


@pytest.mark.parametrize(
    ("exit_code", "times", "word", "why"),
    [
        (0, 2, "fine", "as without the fault; GET / twice, which may be repeated"),
        (1, 3, "error", "exit code 1: no; GET / 3 times, which may be repeated"),
    ],
)
def test_what_may_be_repeated_is_a_note_beside_the_verdict(
    exit_code: int, times: int, word: str, why: str
) -> None:
    sound = replace(SOUND, asked=(GET,))
    play = replace(MET, exit_code=exit_code, errors="no", asked=(GET,) * times)
    cell = AuditCell("x", "", play, judged(play, sound, 10.0), repeated=repeated(play, sound))
    assert (cell.word, cell.sound, cell.why) == (word, True, why)


def test_a_request_is_repeated_where_it_comes_more_often_than_usual() -> None:
    usual = replace(SOUND, asked=(GET, GET, REQUEST))
    assert repeated(replace(MET, asked=(GET, GET, REQUEST)), usual) is None
    twice = replace(MET, asked=(GET, GET, REQUEST, REQUEST))
    assert repeated(twice, usual) is None  # that one may not
    assert words(twice, usual) == ["sent twice"]
    assert str(repeated(replace(twice, asked=(GET,) * 4), usual)).startswith("GET / 4 times")


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
    (found,) = judged(replace(hung, until=Until(None, "no timer", wakes=0.5)), SOUND, 10.0)
    said = "for ever: no timer, unless a clock of its own ends it sooner: it looks every 0.5 s, in "
    assert found.why.startswith(said)
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


def test_only_what_is_meant_is_allowed_and_not_what_comes_with_it() -> None:
    twice = judged(replace(MET, asked=(REQUEST, REQUEST)), SOUND, 10.0)
    leaks = judged(replace(MET, left=("sh (pid 5)",)), SOUND, 10.0)
    alone, both = AuditCell("x", "", MET, twice), AuditCell("x", "", MET, twice + leaks)
    assert alone.allowing("sent twice").sound
    assert not both.allowing("sent twice").sound
    assert not alone.allowing("leaks").sound
    assert AuditCell("x", "", MET, ()).allowing("not reached").allowed


HANGING = replace(MET, ended=False, exit_code=None, seconds=40.0)


@pytest.mark.parametrize(
    ("play", "tries"),
    [
        (replace(HANGING, connections=6), True),
        (replace(HANGING, connections=2, newest=30.0), True),  # one of late: there may be more
        (replace(HANGING, connections=2, newest=3.0), False),
        (replace(HANGING, connections=1, newest=30.0), False),
    ],
)
def test_who_opens_connections_all_the_time_tries_again(play: AuditPlay, tries: bool) -> None:
    (found,) = judged(play, SOUND, promise=10.0)
    assert ("it tries again and again" in found.why) == tries


def test_how_many_requests_a_server_of_ones_own_should_hear_is_not_known() -> None:
    vague = replace(REQUEST, vague=True)
    sound = replace(SOUND, asked=(vague, vague))
    assert words(replace(MET, asked=(vague,)), sound) == ["fine"]
    assert words(replace(MET, asked=()), sound) == ["short"]
