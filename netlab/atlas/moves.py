# SPDX-License-Identifier: GPL-2.0-or-later
"""The moves seen in runs: two consecutive samples of one end that differ in state.

Samples are up to 20 ms apart, and more on a busy machine, so much can have happened in between. A
`Move` therefore carries all the evidence about that time: calls, timers, counters, and the peer's
state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netlab.model.evidence import Evidence, Interval
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import Side
from netlab.scenario import steps


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one end's application."""

    between: frozenset[str]  # between the two samples
    until: frozenset[str]  # up to the second sample

    def since_ever(self, *names: str) -> bool:
        """True if it has made one of these calls, or is a program whose calls are not known."""
        return bool(self.until & (steps.programs() | {*names}))


@dataclass(frozen=True, slots=True)
class Move:
    """One end was in one state, and in another in the next sample."""

    scenario: str
    side: Side
    before: Interval
    after: Interval
    #: The sample before those of `before`: its timer was read no earlier, though perhaps earlier
    #: than the time of its first sample says, which a busy machine takes late.
    unseen_since: float
    lasted: float  # seconds that the state before was seen
    calls: Calls
    counters: Mapping[str, int]  # of the whole run
    sysctls: Mapping[str, str]
    peer_before: Interval | None  # the peer in the first of the two samples
    peer_after: Interval | None
    peer_calls: Calls
    peer_counters: Mapping[str, int]

    @property
    def source(self) -> State:
        """The state before."""
        return self.before.state

    @property
    def target(self) -> State:
        """The state after.

        A listener outlives its connections, and its row remains when they end: only an end without
        a connection can begin to listen, and only SYN_RECV returns to LISTEN.
        """
        left = self.source not in (State.CLOSED, State.SYN_RECV)
        return State.CLOSED if left and self.after.state is State.LISTEN else self.after.state

    @property
    def gap(self) -> float:
        """The time between the two samples, in seconds."""
        return self.after.since - self.before.until

    @property
    def could_repeat(self) -> bool:
        """True if this end's retransmission timer may have fired between the two samples."""
        due = self.unseen_since + self.before.remaining
        return self.before.timer is not Timer.RETRANSMIT or due <= self.after.since

    @property
    def reopened(self) -> bool:
        """True if either end opened a connection between the two samples."""
        return bool((self.calls.between | self.peer_calls.between) & steps.opening())

    def peer_was(self, *states: State) -> bool:
        """True if the peer was in one of these states in the first sample."""
        return self.peer_before is not None and self.peer_before.state in states

    def peer_stays(self, *states: State) -> bool:
        """True if the peer was in one of these states in the second sample, and in a later one.

        The two ends of a sample are read 0.1 ms apart; a state that lasts was there in both.
        """
        seen = self.peer_after
        return seen is not None and seen.state in states and seen.until > self.after.since

    def __str__(self) -> str:
        return (
            f"{self.scenario}: {self.side} {self.source} at +{self.before.until:.4f} s, "
            f"{self.after.state} at +{self.after.since:.4f} s"
        )


def moves(run: Evidence) -> Iterator[Move]:
    """All moves of both ends, each end's in order."""
    for side in Side:
        end, peer = run.end(side), run.end(side.peer)
        entered = end.intervals[0].since if end.intervals else 0.0
        ends_before = [entered, *(interval.until for interval in end.intervals)]
        for unseen_since, before, after in zip(
            ends_before, end.intervals, end.intervals[1:], strict=False
        ):
            if before.state is not after.state:
                yield Move(
                    scenario=run.scenario,
                    side=side,
                    before=before,
                    after=after,
                    unseen_since=unseen_since,
                    lasted=before.until - entered,
                    calls=_calls(run, side, before.until, after.since),
                    counters=end.counters,
                    sysctls=end.sysctls,
                    peer_before=_at(peer.intervals, before.until),
                    peer_after=_at(peer.intervals, after.since),
                    peer_calls=_calls(run, side.peer, before.until, after.since),
                    peer_counters=peer.counters,
                )
                entered = after.since


def _calls(run: Evidence, side: Side, begin: float, end: float) -> Calls:
    # Steps and samples share one clock and are rounded alike, so their order is kept.
    made = [step for step in run.steps if step.side is side and step.at <= end]
    between = (step.kind for step in made if step.at >= begin)
    return Calls(frozenset(between), frozenset(step.kind for step in made))


def _at(intervals: Sequence[Interval], moment: float) -> Interval | None:
    begun = [interval for interval in intervals if interval.since <= moment]
    return begun[-1] if begun else None
