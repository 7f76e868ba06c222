# SPDX-License-Identifier: GPL-2.0-or-later
"""Proves that a pair of states is reached and then held: the first two of the three proofs.

(The third, that the connection heals when the cause is removed, is another pair to reach.)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from netlab import scheduler
from netlab.model.errors import NotHeld, TooBusy
from netlab.model.evidence import Failure, FailureRow, Interval
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import ExpectedPair, Pair, Side
from netlab.testbed.connection import Flow
from netlab.testbed.context import LabContext
from netlab.testbed.faults.tally import Tally
from netlab.testbed.flows import Which

#: Seconds that a pair may take beyond the kernel's own timer. It is reached within milliseconds;
#: this is for a machine whose cores are all busy with something else.
GRACE = 5.0
#: Seconds between two samples of a hold. Beyond `UNSEEN` both must show the same sockets, because
#: the states of a socket have no way back (RFC 9293, figure 5): a pair that was left in between
#: comes back with a new one. That takes a SYN, and a SYN is sent again after `TOLERATED`
#: (TCP_TIMEOUT_INIT; RFC 6298, section 2): beyond that, nothing is proven. Within `UNSEEN`
#: (TCP_RTO_MIN) no timer that one sample shows can have started, fired and been answered.
UNSEEN, TOLERATED = scheduler.UNSEEN, 1.0
HOLDS = 3  # how often one begins anew before the machine counts as too busy
#: Seconds between readings of the counters while a pair is held.
COUNTING_INTERVAL = 0.05


@dataclass(frozen=True, slots=True)
class Held:
    """A pair that was reached and held. Times are seconds on the lab's clock."""

    pair: Pair
    before: float  # the last sample that did not show it; 0 if there was none
    since: float  # it was reached then
    start: float  # of the hold that is proven: the same, unless nobody looked for too long after it
    until: float
    samples: int  # from `start` on
    gap: float  # the longest time between two of them

    @property
    def seconds(self) -> float:
        """How long it was seen without a break, in seconds."""
        return self.until - self.start


def prove(
    context: LabContext,
    claim: ExpectedPair,
    hold: float,
    within: float | None,
    enough: Callable[[], bool],
    which: Which,
    tally: Tally,
) -> Held:
    """Reach the pair within `within` seconds and hold it for `hold` seconds, and longer until
    `enough`: the tally then has what the faults have done meanwhile.

    Without `within`, the kernel's timers set the deadline. Raises `NotHeld`, and `TooBusy` where
    samples were too rare to prove anything, or where it fails after nobody looked.
    """
    try:
        if hold:
            tally.forget()
        flow = _reach(context, claim, which, within)
        came = _last_without(flow, claim), context.elapsed()
        for _ in range(HOLDS):
            try:
                return _hold(context, flow, claim, hold, enough, came, tally)
            except _Unwatched as error:
                gap = error.gap
    except NotHeld as error:
        context.excuse(error)
        why, seen = context.flows.instead(which)
        if not why:
            raise
        summary = f"{error.failure.summary}: {why}"
        rows = tuple(map(_unseen, error.failure.rows))
        failure = replace(error.failure, summary=summary, rows=rows, notes=seen)
        raise NotHeld(failure, error.held) from None
    raise TooBusy(
        f"{gap:.2f} s between two samples (20 ms are wanted, {TOLERATED:g} s tolerated), "
        f"and so {HOLDS} times"
    )


class _Unwatched(Exception):
    """Nobody looked at a pair for so long that its hold proves nothing: it begins anew."""

    def __init__(self, gap: float) -> None:
        super().__init__()
        self.gap = gap  # seconds


def _hold(
    context: LabContext,
    flow: Flow,
    claim: ExpectedPair,
    hold: float,
    enough: Callable[[], bool],
    came: tuple[float, float],
    tally: Tally,
) -> Held:
    """See the pair in every sample of `hold` seconds. Raises `NotHeld` and `_Unwatched`."""
    if hold:
        tally.begin()
    reached, start = scheduler.now(), context.elapsed()
    samples = 0
    last, gap = reached, 0.0
    counted = 0.0
    seen: set[Pair] = set()

    def look() -> bool | None:
        nonlocal samples, counted, last, gap
        at = scheduler.now()
        alone, last = at - last, at
        gap = max(gap, alone)
        before = _sockets(flow)
        context.sample()
        if not claim.admits(flow.pair):
            return False
        if alone > _tolerated(flow, claim, before):
            raise _Unwatched(alone)
        seen.add(flow.pair)
        samples += 1
        at = scheduler.now()
        if at - reached < hold or at - counted < COUNTING_INTERVAL:
            return None
        counted = at
        if hold:
            tally.look()
        return True if enough() and (not hold or _flickered(claim, seen)) else None

    patience = _Patience(flow, claim, reached + hold, GRACE)
    held = scheduler.wait(look, patience.deadline, scheduler.steadily())
    if held:
        return Held(flow.pair, *came, start, context.elapsed(), samples, gap)
    if held is None and hold and not _flickered(claim, seen):
        raise _not_held(flow, claim, f"never seen alternating as {claim}")
    if held is None:
        raise _not_held(
            flow, claim, "pair held, but the wrong number of packets was dropped", held=True
        )
    seconds = scheduler.now() - reached
    asked = f" of {hold:g} s" if seconds < hold else ""
    raise _not_held(flow, claim, f"pair not held, left after {seconds:.2f} s{asked}")


def _sockets(flow: Flow) -> tuple[str, ...]:
    """The kernel's names for the sockets of both ends; it hides them from some users."""
    return tuple(row.pointer for row in flow.rows.values() if row is not None)


def _tolerated(flow: Flow, claim: ExpectedPair, before: tuple[str, ...]) -> float:
    """How many seconds may lie between a sample with the sockets `before` and this one.

    Where an end alternates between two states, its sockets do.
    """
    return TOLERATED if claim.flickers or _sockets(flow) == before else UNSEEN


def _reach(context: LabContext, claim: ExpectedPair, which: Which, within: float | None) -> Flow:
    began = scheduler.now()
    patience = _Patience(context.flows.chosen(which), claim, began, within or GRACE)

    def look() -> bool | None:
        context.sample()
        patience.flow = context.flows.chosen(which)  # one that is seen by now may fit better
        return claim.admits(patience.flow.pair) or None

    def timer() -> float | None:
        return _next_timer(context, patience.flow)

    deadline = patience.deadline if within is None else lambda: began + within
    reached = scheduler.wait(look, deadline, scheduler.ever_rarer(timer))
    if not reached:
        raise _not_held(patience.flow, claim, "pair not reached", reached=False)
    return patience.flow


def _next_timer(context: LabContext, flow: Flow) -> float | None:
    """Seconds until the next of the kernel's timers of a connection fires. None where one shows
    none, where a program may act before, and where packets are recorded: what is dropped has the
    time of its reading, on some kernels.
    """
    if context.recorder is not None or context.programs:
        return None
    return min((row.remaining for row in flow.rows.values() if row and row.timer), default=None)


def _last_without(flow: Flow, claim: ExpectedPair) -> float:
    """When the last sample was taken that did not show the pair; 0 if there was none."""
    return max(
        (
            interval.until
            for side in Side
            for interval in flow.timelines[side].intervals()
            if interval.state not in claim.states(side)
        ),
        default=0.0,
    )


def _flickered(claim: ExpectedPair, seen: set[Pair]) -> bool:
    return {pair.client for pair in seen}.issuperset(claim.flickering(Side.CLIENT)) and (
        {pair.server for pair in seen}.issuperset(claim.flickering(Side.SERVER))
    )


class _Patience:
    """How long to wait: until the kernel's own timer has fired once more, plus `grace` seconds.

    The deadline is reset for every pair not seen before, never while a pair stays: an end that
    keeps retransmitting into a fault that is never removed must not prolong the wait.
    """

    def __init__(self, flow: Flow, claim: ExpectedPair, earliest: float, grace: float) -> None:
        self.flow, self._claim = flow, claim
        self._earliest, self._grace = earliest, grace
        self._seen: set[Pair] = set()
        self._deadline = 0.0

    def deadline(self) -> float:
        """The deadline, in seconds on the clock of `scheduler.now`."""
        pair = self.flow.pair
        if pair not in self._seen:
            self._seen.add(pair)
            timers = [self._timer(side) for side in Side]
            self._deadline = max(self._earliest, scheduler.now() + max(timers)) + self._grace
        return self._deadline

    def _timer(self, side: Side) -> float:
        row = self.flow.rows[side]
        if row is None or row.timer is Timer.KEEPALIVE:
            return 0.0
        if row.timer is Timer.TIME_WAIT:
            wanted = self._claim.states(side)
            return row.remaining if set(wanted) & {State.CLOSED, State.LISTEN} else 0.0
        return row.remaining


def _not_held(
    flow: Flow, claim: ExpectedPair, summary: str, reached: bool = True, held: bool = False
) -> NotHeld:
    """The error that shows, for each end, what was expected and what was sampled."""
    rows = []
    for side in Side:
        intervals = flow.timelines[side].intervals()
        state = intervals[-1].state if intervals else State.CLOSED
        rows.append(
            FailureRow(
                side=side,
                expected=claim.states(side),
                sampled=state,
                how_long=_how_long(intervals, state in claim.states(side)),
                retransmits=max((each.retransmits for each in intervals), default=0),
            )
        )
    summary = f"{summary} (kernel {os.uname().release})"
    return NotHeld(Failure(summary, rows=tuple(rows), reached=reached), held)


def _unseen(row: FailureRow) -> FailureRow:
    """The row of an end where no connection is meant: it is not closed, there is none. A listener
    is one.
    """
    return replace(row, seen=False, how_long="") if row.sampled is State.CLOSED else row


def _how_long(intervals: tuple[Interval, ...], as_claimed: bool) -> str:
    """Since when, or for how long, an end has been in its last state."""
    if not intervals:
        return ""
    last = intervals[-1]
    since = last.since
    for each in reversed(intervals):
        if each.state is not last.state:
            break
        since = each.since
    return f"for {last.until - since:.2f} s" if as_claimed else f"from +{since:.2f} s"
