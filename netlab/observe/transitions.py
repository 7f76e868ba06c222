# SPDX-License-Identifier: GPL-2.0-or-later
"""The path of one end through its states: what was traced and what was sampled, merged.

The tracepoint ``inet_sock_set_state`` is exact, but does not cover what is no full socket: a
request (SYN_RECV before the third segment of the handshake), and what is left of a connection in
TIME_WAIT or in an orphaned FIN_WAIT2 (``tcp_time_wait``, ``net/ipv4/tcp_minisocks.c``), which it
reports as closed. Samples show these. In all other states the two must agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, zip_longest

from netlab.model.errors import LabError
from netlab.model.evidence import Interval, Transition
from netlab.model.tcp import State, Timer

ROUNDING = 2e-5  # seconds; times are kept to a microsecond, and come from two clocks
GONE = (State.CLOSED, State.LISTEN)  # this connection has no full socket


@dataclass(frozen=True, slots=True)
class Visit:
    """A state that one end was in from `since` (seconds) until the next visit."""

    state: State
    since: float
    traced: bool = True


@dataclass(frozen=True, slots=True)
class Span:
    """A state that consecutive samples saw one end in, the first of them taken at `since`.

    A sample is stamped before the tables are read. So the state was entered after `earliest`,
    the stamp of the last sample that saw another one, and before `latest`, that of the next sample.
    All are in seconds.
    """

    state: State
    small: bool  # in TIME_WAIT or an orphaned FIN_WAIT2: what is left is no full socket
    earliest: float
    since: float
    latest: float
    until: float


def sampled(intervals: Sequence[Interval]) -> tuple[Transition, ...]:
    """The transitions that samples alone show."""
    return _transitions([Visit(span.state, span.since, traced=False) for span in _spans(intervals)])


def reconciled(
    traced: Sequence[Visit], intervals: Sequence[Interval], requests: Sequence[float] = ()
) -> tuple[Transition, ...]:
    """The transitions that trace and samples show together.

    `requests`: when this end sent a SYN-ACK, in seconds. Raises `LabError` where the two disagree:
    then one of netlab's observers is wrong.
    """
    way = _Way(traced, requests)
    spans = _spans(intervals)
    for span, following in zip_longest(spans, spans[1:]):
        way.match(span, following)
    return _transitions(way.visits)


def _spans(intervals: Sequence[Interval]) -> list[Span]:
    spans, earliest = [], 0.0
    following = [*(each.since for each in intervals[1:]), float("inf")]
    numbered = zip(intervals, following, strict=False)
    for (state, small), group in groupby(numbered, key=lambda pair: _kind(pair[0])):
        members = list(group)
        first, after = members[0]
        latest = first.until if first.samples > 1 else after
        spans.append(Span(state, small, earliest, first.since, latest, members[-1][0].until))
        earliest = spans[-1].until
    return spans


def _kind(interval: Interval) -> tuple[State, bool]:
    return interval.state, interval.timer is Timer.TIME_WAIT


def _transitions(visits: Sequence[Visit]) -> tuple[Transition, ...]:
    changes = [next(group) for _, group in groupby(visits, key=lambda visit: visit.state)]
    return tuple(
        Transition(round(after.since, 6), before.state, after.state, after.traced)
        for before, after in pairwise(changes)
    )


class _Way:
    """The traced visits, and how far the samples have followed them."""

    def __init__(self, traced: Sequence[Visit], requests: Sequence[float]) -> None:
        self._requests = requests
        self.visits = [Visit(State.CLOSED, 0.0), *traced]
        self._here = 0

    def match(self, span: Span, following: Span | None) -> None:
        """Find the visit that a span of samples saw, or add what only samples can see.

        Visits that are passed over lie between two samples: the span before was seen to its end.
        """
        found = None if span.small else self._find((span.state,), span)
        if found is None:
            found = self._without_socket(span, following)
        if found is None:
            raise LabError(
                f"sampled {span.state} from {span.since:.4f} s to {span.until:.4f} s, "
                f"traced {self._told(span)}"
            )
        self._here = self._left(found, span)

    def _find(self, states: Sequence[State], span: Span) -> int | None:
        """The first visit from here on that is one of `states`, at a time the span allows."""
        for number in range(self._here, len(self.visits)):
            visit = self.visits[number]
            if (
                visit.state in states
                and visit.since <= span.latest + ROUNDING
                and self._end(number) >= span.since - ROUNDING
            ):
                return number
        return None

    def _end(self, number: int) -> float:
        following = number + 1
        return self.visits[following].since if following < len(self.visits) else float("inf")

    def _without_socket(self, span: Span, following: Span | None) -> int | None:
        """Insert a state without a full socket, where the trace says that there is none."""
        number = self._find(GONE, span)
        if number is None:
            return None
        for later in range(number + 1, len(self.visits)):
            if self.visits[later].state in GONE and self.visits[later].since <= span.since:
                number = later
        if not self._may_be(span.state, number):
            return None
        gone = self.visits[number]
        left_just_now = self.visits[number - 1].state not in (*GONE, State.SYN_RECV)
        if span.small and left_just_now and number > self._here:
            put_in = [replace(gone, state=span.state)]  # the closed socket turned into it
        else:
            put_in = [gone, self._entered(span, gone)]
        last = self._meanwhile(number, span, following) if span.small else number
        end = self._end(last)
        self.visits[number : number + 1] = put_in
        if following is not None and following.since < end:
            rest = following.state if following.state in GONE else gone.state
            after = last + len(put_in)
            self.visits.insert(after, Visit(rest, following.since, traced=False))
        return number

    def _meanwhile(self, number: int, span: Span, following: Span | None) -> int:
        """The last visit during which the connection is still in TIME_WAIT.

        Neither a listener nor a socket that cannot have the ports ends it by coming and going.
        """
        end = following.since if following is not None else float("inf")
        for later in range(number + 1, len(self.visits)):
            visit = self.visits[later]
            if visit.since > end or (visit.state not in GONE and visit.since > span.until):
                break
            if visit.state in GONE and (later == number + 1 or visit.since <= span.until):
                self.visits[later] = replace(visit, state=span.state)
                number = later
        return number

    def _entered(self, span: Span, before: Visit) -> Visit:
        """When a state without a socket began: a request with its SYN-ACK, else with its sample."""
        if span.state is State.SYN_RECV:
            earliest = max(span.earliest, before.since)
            for at in self._requests:
                if earliest <= at <= span.latest:
                    return Visit(span.state, at)
        return Visit(span.state, span.since, traced=False)

    def _may_be(self, state: State, number: int) -> bool:
        if state is State.SYN_RECV:
            return True
        if state is State.LISTEN:  # one at any address, as programs have it, is not followed
            return not any(visit.state is state and visit.traced for visit in self.visits)
        if state not in (State.TIME_WAIT, State.FIN_WAIT2):
            return False
        past = [visit.state for visit in self.visits[:number] if visit.state not in GONE]
        ends = (State.FIN_WAIT1, State.FIN_WAIT2, State.CLOSING, State.TIME_WAIT)
        return bool(past) and past[-1] in ends

    def _left(self, found: int, span: Span) -> int:
        """The visit that the last sample of a span saw: the same one, or the state again."""
        for number in range(found, len(self.visits)):
            if (
                self.visits[number].state is span.state
                and self._end(number) >= span.until - ROUNDING
            ):
                return number
        raise LabError(
            f"sampled {span.state} until {span.until:.4f} s, "
            f"traced {self.visits[found + 1].state} from {self._end(found):.6f} s"
        )

    def _told(self, span: Span) -> str:
        return " ".join(
            f"{visit.state} at {visit.since:.6f} s"
            for number, visit in enumerate(self.visits)
            if self._end(number) >= span.earliest and visit.since <= span.until
        )
