# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps that runs have shown: two consecutive samples of one end that differ in state.

Samples are up to 20 ms apart, and more on a busy machine, so much can have happened in between. A
`Move` therefore carries all that the evidence knows of that time: calls, timers, counters, and
what the peer was in.
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
    """What one end's application has done."""

    between: frozenset[str]  # the two samples
    until: frozenset[str]  # the second sample

    def since_ever(self, *names: str) -> bool:
        """Whether it has made one of these calls, or is a program of which nobody knows."""
        return bool(self.until & (steps.programs() | {*names}))


@dataclass(frozen=True, slots=True)
class Move:
    """One end was in a state, and in the next sample in another."""

    scenario: str
    side: Side
    before: Interval
    after: Interval
    lasted: float  # seconds that the state before was seen
    calls: Calls
    counters: Mapping[str, int]  # of the whole run
    sysctls: Mapping[str, str]
    peer_before: Interval | None  # what the peer showed in the first of the two samples
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

        A listener goes on while its connections come and go, and shows where they have gone: only
        an end without a connection begins to listen, and only SYN_RECV returns to LISTEN.
        """
        left = self.source not in (State.CLOSED, State.SYN_RECV)
        return State.CLOSED if left and self.after.state is State.LISTEN else self.after.state

    @property
    def gap(self) -> float:
        """Seconds between the two samples."""
        return self.after.since - self.before.until

    @property
    def could_repeat(self) -> bool:
        """Whether this end's retransmission timer may have fired between the two samples."""
        due = self.before.since + self.before.remaining
        return self.before.timer is not Timer.RETRANSMIT or due <= self.after.since

    @property
    def reopened(self) -> bool:
        """Whether either end began a connection between the two samples."""
        return bool((self.calls.between | self.peer_calls.between) & steps.opening())

    def peer_was(self, *states: State) -> bool:
        """Whether the peer was in one of these in the first sample."""
        return self.peer_before is not None and self.peer_before.state in states

    def peer_stays(self, *states: State) -> bool:
        """Whether the peer was in one of these in the second sample, and in a later one.

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
    """All steps of both ends, each end's in order."""
    for side in Side:
        end, peer = run.end(side), run.end(side.peer)
        entered = end.intervals[0].since if end.intervals else 0.0
        for before, after in zip(end.intervals, end.intervals[1:], strict=False):
            if before.state is not after.state:
                yield Move(
                    scenario=run.scenario,
                    side=side,
                    before=before,
                    after=after,
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
    # Steps and samples are on one clock, and rounded alike: what came later is never earlier here.
    made = [step for step in run.steps if step.side is side and step.at <= end]
    between = (step.kind for step in made if step.at >= begin)
    return Calls(frozenset(between), frozenset(step.kind for step in made))


def _at(intervals: Sequence[Interval], moment: float) -> Interval | None:
    begun = [interval for interval in intervals if interval.since <= moment]
    return begun[-1] if begun else None
