# SPDX-License-Identifier: GPL-2.0-or-later
"""The only place that waits.

Everything that takes time is written as a condition, and polled until it holds or its deadline
has passed. Many labs can wait at once: each function given to `side_by_side` runs as plain
sequential code in its own greenlet, and `wait` passes the turn to the one that is due next. There
is one thread, so nothing else runs between two waits, and a player may enter a namespace.

The kernel's timers do not wait for anybody. Whoever judges by the clock asks `lost`, too: how long
nobody looked who was to look.
"""

from __future__ import annotations

import heapq
import select
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import greenlet

T = TypeVar("T")


@dataclass(slots=True)
class Leaps:
    """Whether time leaps while everything waits, as a guest's virtual clock does, and how often a
    condition is polled then. Looks are all that takes time there, and nobody is ever late.
    """

    on: bool = False
    alert: float = 1.0  # seconds for which polling is as usual where it gets rarer
    rarest: float = 1.0  # seconds between two polls while a timer is known to run
    #: In seconds, and as a part of the time waited so far, while nothing is to change. Less than
    #: `UNSEEN`: TCP does not go and come back within that.
    longest: float = 0.1
    part: float = 0.25


LEAPS = Leaps()

#: Seconds: a condition is polled after a millisecond, then less and less often, up to `LONGEST`.
SHORTEST, LONGEST = 0.001, 0.02
#: Where there is no hurry: after ten seconds, poll at 1/200 of the time waited so far, but at most
#: a quarter of a second apart, because some kernels (5.10) give a packet that a rule drops the time
#: at which it is read, and it must still be matched with the packet that was sent.
HURRY, PART, RAREST = 10.0, 0.005, 0.25

#: Seconds that a turn may last, or that the one may be late which ends a wait: more is lost. A look
#: that finds nothing delays nobody, unless it is later than TCP's shortest time-out, `UNSEEN`.
USUAL, UNSEEN = 0.05, 0.2

#: In seconds: nobody new enters while somebody's turn is this late; but after `NEWCOMER` one does,
#: if the others have had as long as the last one took to come in.
LATE, NEWCOMER = 0.01, 0.25
#: If somebody was later than `UNSEEN` since the last one entered, so many times that must pass.
REST = 4.0


def now() -> float:
    """Seconds on the clock that all deadlines and samples use (CLOCK_MONOTONIC)."""
    return time.monotonic()


def wait(
    condition: Callable[[], T | None],
    deadline: Callable[[], float] | float,
    again: Callable[[], float] | None = None,
) -> T | None:
    """Evaluate `condition` until it returns something other than None, and return that.

    Returns None once `deadline` (in seconds on the clock of `now`; called each time if it is a
    function) has passed. The condition is always evaluated after that, so a process that was not
    scheduled for some time does not miss what happened in time. `again` returns when to evaluate
    it next, if the caller knows that nothing can happen before.
    """
    due = started = now()
    while True:
        looked = now()
        found = condition()
        end = deadline() if callable(deadline) else deadline
        if found is not None or looked >= end:
            _account().end_wait(looked - min(due, end))
            return found
        due = again() if again is not None else looked + _pause(looked - started)
        _pause_until(min(due, end))


def _pause(waited: float) -> float:
    return min(LONGEST, max(SHORTEST, waited / 10))


def ever_rarer(timer: Callable[[], float | None] = lambda: None) -> Callable[[], float]:
    """For `wait`: poll as usual for ten seconds, then less and less often.

    For an end that comes after minutes: polling costs processor time, and where time `LEAPS`
    nothing else does. There `timer` tells when the next thing can happen by itself, in seconds from
    now, or None where that is not known: it is polled right then, and seldom before. Do not use it
    to wait for what must be sampled without gaps.
    """
    started = fired = now()

    def again() -> float:
        nonlocal fired
        at = now()
        waited = at - started
        left = timer() if LEAPS.on and waited > LEAPS.alert else None
        if left is None:
            return at + (min(RAREST, waited * PART) if waited > HURRY else _pause(waited))
        # One that is to fire and has not yet may do so at any moment: timers of minutes are seconds
        # late (kernel/time/timer.c: the wheel's levels).
        due = at + min(LEAPS.rarest if left else RAREST, max(SHORTEST, at - fired))
        if left and at + left <= due:
            due = fired = at + left + SHORTEST
        return due

    return again


def steadily() -> Callable[[], float] | None:
    """For `wait`: poll without gaps that matter, though no more than that where time `LEAPS`."""
    if not LEAPS.on:
        return None
    started = now()

    def again() -> float:
        at = now()
        return at + min(LEAPS.longest, max(SHORTEST, (at - started) * LEAPS.part))

    return again


def lost() -> float:
    """Seconds that the caller has lost so far, in all, because the machine was busy or stopped.

    Those are what its turns lasted, if `side_by_side` gives them, and how late it looked; `USUAL`
    and `UNSEEN` say what is not counted. What the caller does with its time outside of `wait` and
    `side_by_side` is its own affair.
    """
    account = _account()
    return account.lost + account.unfinished()


class Stirs:
    """What ends all pauses early: where time jumps while nothing happens, each look costs, and
    there is to be one when something happens. Nobody else follows anything.
    """

    def __init__(self) -> None:
        self.last = 0.0  # when something stirred, on the clock of `now`
        self.wanted = False
        self._followed: select.epoll | None = None

    def follow(self, descriptor: int) -> None:
        """Have whatever changes at a descriptor end pauses, until it is closed, if that is
        `wanted` at all.
        """
        if not self.wanted:
            return
        if self._followed is None:
            self._followed = select.epoll()
        what = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
        self._followed.register(descriptor, what)

    def sleep(self, seconds: float) -> bool:
        """Sleep so many seconds, or until something has stirred; return whether it has."""
        if self._followed is None:
            time.sleep(seconds)
            return False
        if self._followed.poll(seconds):
            self.last = now()
            return True
        return False


STIRS = Stirs()


class _Account:
    """The time that one caller has lost, in seconds."""

    lost = 0.0
    entered: float | None = None  # when its turn began, if somebody gave it one

    def unfinished(self) -> float:
        """What the present turn has lost so far."""
        return 0.0 if self.entered is None else _more_than(USUAL, now() - self.entered)

    def leave(self) -> None:
        """The present turn ends."""
        self.lost += self.unfinished()
        self.entered = None

    def come(self, late: float) -> None:
        """A turn begins so late."""
        self.lost += _more_than(UNSEEN, late)

    def end_wait(self, late: float) -> None:
        """The last turn of a wait came so late; a very late one has been counted when it came."""
        if late <= UNSEEN:
            self.lost += _more_than(USUAL, late)


def _more_than(usual: float, seconds: float) -> float:
    return seconds if seconds > usual else 0.0


class _Player(greenlet.greenlet):
    """One of the functions that are played side by side."""

    def __init__(self, function: Callable[[], None]) -> None:
        super().__init__(function)
        self.account = _Account()


_ALONE = _Account()  # of whoever waits outside of `side_by_side`


def _account() -> _Account:
    player = greenlet.getcurrent()
    return player.account if isinstance(player, _Player) else _ALONE


def _pause_until(due: float) -> None:
    player = greenlet.getcurrent()
    if isinstance(player, _Player) and player.parent is not None:
        player.account.leave()
        due = max(due, now())
        player.parent.switch(due)
        player.account.come(now() - due)
        player.account.entered = now()
    else:  # no other player waits
        STIRS.sleep(max(0.0, due - now()))
        _ALONE.come(now() - due)


def side_by_side(
    plays: Iterable[Callable[[], T]],
    jobs: int,
    meanwhile: Callable[[], None] = lambda: None,
    patient: bool = True,
) -> Iterator[tuple[int, T]]:
    """Run functions at the same time, at most `jobs` of them; yield (number, result) as they end.

    `meanwhile` is called whenever all of them wait. An exception of a function is raised here and
    ends the others, and so does closing the iterator: their ``finally`` clauses run.

    One more enters only while nobody waits for its turn for long, and the later they were since the
    last one entered, the later: what it builds first stops all others. So on a busy machine fewer
    are played at once, and it takes longer. Who is not `patient` has the next one enter as soon as
    nobody waits: for what nobody has to look at all the time.
    """
    waiting = enumerate(plays)
    turns: list[tuple[float, int, _Player]] = []  # a heap: who is due first
    results: dict[int, T] = {}
    entered = latest = took = 0.0

    def play(number: int, function: Callable[[], T]) -> None:
        results[number] = function()

    def has_room() -> bool:
        if len(turns) >= jobs:
            return False
        if not turns:
            return True
        at = now()
        late = at - turns[0][0]
        rest = REST * _more_than(UNSEEN, max(late, latest)) if patient else 0.0
        return at - entered >= rest and (late < LATE or at - entered > max(NEWCOMER, 2 * took))

    try:
        while True:
            meanwhile()
            number, function = next(waiting, (0, None)) if has_room() else (0, None)
            if function is not None:
                entered, latest = now(), 0.0
                player = _Player(partial(play, number, function))
                player.account.entered = entered
            elif turns:
                if STIRS.sleep(max(0.0, turns[0][0] - now())):
                    at = now()
                    turns = [(min(due, at), number, player) for due, number, player in turns]
                due, number, player = heapq.heappop(turns)
                latest = max(latest, now() - due)
            else:
                return
            due = player.switch()
            if function is not None:
                took = now() - entered
            if player.dead:
                yield number, results.pop(number)
            else:
                heapq.heappush(turns, (due, number, player))
    finally:
        for _, _, player in turns:
            player.throw(greenlet.GreenletExit)
