# SPDX-License-Identifier: GPL-2.0-or-later
"""The only place that waits: how long, for what, and for many at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from netlab.model.errors import LabError
from netlab.scheduler import LATE, REST, UNSEEN, USUAL, lost, now, side_by_side, wait

#: Long enough that what is played one after the other cannot be taken for side by side.
PAUSE = 0.3
LONG = 1000.0
BUILDING = 0.02  # seconds


def nothing() -> None:
    """A condition that never holds."""


# --- wait


@pytest.mark.parametrize("found", [True, False, 0, "", "word"], ids=repr)
def test_whatever_is_not_none_ends_a_wait(found: object) -> None:
    assert wait(lambda: found, now() + LONG) == found


@pytest.mark.parametrize("age", [LONG, 0], ids=["long ago", "now"])
def test_a_condition_is_looked_at_once_after_its_deadline(age: float) -> None:
    looks: list[int] = []
    assert wait(lambda: looks.append(1), now() - age) is None
    assert looks == [1]


def test_what_comes_just_in_time_is_not_missed() -> None:
    end = now() + 0.05
    assert wait(lambda: True if now() >= end else None, end)


def test_a_wait_ends_at_its_deadline_and_not_before() -> None:
    began, looks = now(), 0

    def look() -> None:
        nonlocal looks
        looks += 1

    assert wait(look, began + PAUSE) is None
    assert now() - began >= PAUSE
    assert 2 <= looks <= PAUSE / 0.001 + 2  # it does not spin


def test_a_deadline_can_be_put_off() -> None:
    first = now() + 0.05
    put_off = wait(lambda: True if now() > first + PAUSE else None, lambda: now() + 0.05)
    assert put_off


def test_a_deadline_can_come_nearer() -> None:
    looks: list[int] = []
    assert wait(lambda: looks.append(1), lambda: now() + LONG if len(looks) < 3 else 0) is None
    assert looks == [1, 1, 1]


def test_an_exception_of_a_condition_ends_the_wait() -> None:
    def broken() -> None:
        raise LabError("the table reads as empty")

    with pytest.raises(LabError, match="reads as empty"):
        wait(broken, now() + LONG)


# --- the time that is lost


def test_what_ends_too_late_is_lost_and_what_is_awaited_is_not() -> None:
    before = lost()
    assert wait(lambda: None, now() + PAUSE) is None
    assert lost() - before < PAUSE  # a busy machine may be late, but not for all of it
    assert wait(lambda: time.sleep(PAUSE), now() + 2 * PAUSE) is None
    assert PAUSE - USUAL <= lost() - before < 2 * PAUSE + UNSEEN


def test_each_player_has_lost_what_the_others_took_from_it() -> None:
    def idle() -> float:
        before = lost()
        assert wait(lambda: True if now() >= began + 2 * PAUSE else None, now() + LONG)
        return lost() - before

    def busy() -> float:
        wait(nothing, began + PAUSE / 2)
        time.sleep(PAUSE)
        assert lost() >= PAUSE  # its own turn is not over, but counts
        return lost()

    began = now()
    found = dict(side_by_side([idle, busy], jobs=2))
    most = now() - began - PAUSE / 2  # for so long, both had what they waited for
    assert all(PAUSE - USUAL <= seconds < most for seconds in found.values())


def test_what_a_caller_does_between_its_waits_is_not_lost() -> None:
    before = lost()
    time.sleep(PAUSE)
    assert wait(lambda: True, now() + LONG)
    assert lost() - before < PAUSE


# --- side by side


def test_those_that_wait_are_all_under_way() -> None:
    begun: set[int] = set()

    def play(number: int) -> bool | None:
        begun.add(number)
        return wait(lambda: len(begun) == 100 or None, now() + LONG)

    plays = [partial(play, number) for number in range(100)]
    assert dict(side_by_side(plays, jobs=100)) == dict.fromkeys(range(100), True)


def test_results_come_as_they_end_with_their_numbers() -> None:
    def play(number: int) -> str:
        wait(nothing, began + PAUSE * (3 - number))
        return f"play {number}"

    began = now()
    plays = [partial(play, number) for number in range(3)]
    assert list(side_by_side(plays, jobs=3)) == [(2, "play 2"), (1, "play 1"), (0, "play 0")]


@pytest.mark.parametrize("jobs", [1, 3, 50])
def test_no_more_are_played_at_once_than_there_are_jobs(jobs: int) -> None:
    playing, most = 0, 0

    def play() -> None:
        nonlocal playing, most
        playing += 1
        most = max(most, playing)
        wait(nothing, now() + 0.02)
        playing -= 1

    played = dict(side_by_side([play] * 20, jobs))
    assert len(played) == 20
    assert most == min(jobs, 20)


def test_a_play_that_does_not_wait_is_played_too() -> None:
    assert list(side_by_side([lambda: 1, lambda: 2], jobs=1)) == [(0, 1), (1, 2)]
    assert list(side_by_side([], jobs=1)) == []


def test_something_can_be_done_while_all_wait() -> None:
    turns: list[float] = []
    play = partial(wait, nothing, now() + PAUSE)
    assert dict(side_by_side([play], 1, meanwhile=lambda: turns.append(now()))) == {0: None}
    assert len(turns) >= 2


class Played:
    """Plays that say whether they were ended in order."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self.ended: list[int] = []

    def play(self, number: int) -> None:
        """Wait until somebody ends it."""
        self.began.append(number)
        try:
            wait(nothing, now() + LONG)
        finally:
            self.ended.append(number)

    def all_of(self, count: int) -> Iterator[Callable[[], None]]:
        """So many plays."""
        return (partial(self.play, number) for number in range(count))


def test_an_exception_is_raised_and_ends_the_others_in_order() -> None:
    def fail() -> None:
        wait(lambda: True if len(played.began) == 3 else None, now() + LONG)
        raise LabError("one of them")

    played = Played()
    with pytest.raises(LabError, match="one of them"):
        list(side_by_side([*played.all_of(3), fail], jobs=4))
    assert sorted(played.ended) == played.began == [0, 1, 2]


def test_closing_ends_what_is_played_and_begins_nothing_more() -> None:
    played = Played()
    plays = side_by_side([lambda: None, *played.all_of(5)], jobs=4)
    assert next(plays) == (0, None)
    plays.close()  # type: ignore[attr-defined]  # it is a generator
    assert sorted(played.ended) == sorted(played.began)
    assert len(played.began) < 5


def test_an_interrupt_ends_all_of_them() -> None:
    def interrupt() -> None:
        if len(played.began) == 2:
            raise KeyboardInterrupt

    played = Played()
    with pytest.raises(KeyboardInterrupt):
        list(side_by_side(played.all_of(2), 2, meanwhile=interrupt))
    assert sorted(played.ended) == [0, 1]


def test_a_newcomer_waits_while_others_are_late() -> None:
    """Each builds something first, which stops all others. Nobody waits for all of them."""
    gaps: list[float] = []

    def play() -> None:
        began = now()
        while now() - began < BUILDING:
            pass
        last = now()

        def look() -> None:
            nonlocal last
            gaps.append(now() - last)
            last = now()

        wait(look, now() + 1.0)

    assert len(dict(side_by_side([play] * 40, jobs=40))) == 40
    assert max(gaps) < 40 * BUILDING / 2  # with all at the beginning, the first waits for 39


def test_newcomers_enter_though_somebody_is_always_late() -> None:
    entered: list[float] = []

    def slow() -> None:
        entered.append(now())
        for _ in range(8):
            wait(nothing, now() + 0.001)
            began = now()
            while now() - began < 2 * LATE:
                pass

    assert len(dict(side_by_side([slow] * 12, jobs=12))) == 12
    assert len(entered) == 12


def test_the_later_others_were_the_later_enters_the_next_one() -> None:
    entered: list[float] = []

    def play() -> None:
        entered.append(now())
        time.sleep(PAUSE)  # it builds something; the others are so late
        wait(lambda: True if len(entered) == 3 else None, now() + LONG)

    assert len(dict(side_by_side([play] * 3, jobs=3))) == 3
    assert entered[1] - entered[0] < 2 * PAUSE  # nobody was late by then
    assert entered[2] - entered[1] >= REST * (PAUSE - USUAL)


def test_who_is_not_patient_lets_the_next_one_enter_as_soon_as_nobody_waits() -> None:
    entered: list[float] = []

    def play() -> None:
        entered.append(now())
        time.sleep(PAUSE)
        wait(lambda: True if len(entered) == 3 else None, now() + LONG)

    assert len(dict(side_by_side([play] * 3, jobs=3, patient=False))) == 3
    assert entered[2] - entered[1] < REST * (PAUSE - USUAL)


def test_those_who_are_in_get_as_much_time_as_a_newcomer_takes() -> None:
    """Though somebody is always late: not all of them build, while nobody is looked at."""
    entered: list[float] = []

    def slow() -> None:
        for _ in range(20):
            wait(nothing, now() + 0.001)
            time.sleep(2 * LATE)

    def builds() -> None:
        entered.append(now())
        time.sleep(PAUSE)
        wait(nothing, now() + 0.001)

    plays = [slow, slow, slow, builds, builds]
    assert len(dict(side_by_side(plays, jobs=5, patient=False))) == 5
    assert entered[1] - entered[0] >= 2 * PAUSE
