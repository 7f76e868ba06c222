# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the causes of ``causes.yaml`` that fit a connection.

A cause fits if one of its cases does; its points are those of the best case plus those of
every sign that is known to hold. Many connections look alike: the answers to all conditions are the
*shape* of a connection, and each shape is judged once, however many connections have it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from netlab.diagnosis.causes import HOME, Case, Cause, parse
from netlab.diagnosis.conditions import Condition
from netlab.diagnosis.observed import Destination, ObservedEnd, ObservedHost
from netlab.model.tcp import State, why_unreachable

#: Shapes that are remembered (1 KB each): a host that is watched for weeks shows ever new ones.
MOST_SHAPES = 10_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cause that fits, how well, and why. `turned`: its `own` is the connection's second end."""

    cause: Cause
    points: float
    turned: bool
    scenario: str
    for_: tuple[str, ...]
    against: tuple[str, ...]
    confirm: str = ""


@dataclass(frozen=True, slots=True)
class HostCandidate:
    """A cause that fits a host or a destination, how certain that is (0 to 1), and why."""

    cause: Cause
    confidence: float
    evidence: tuple[str, ...]


class Rules:
    """All causes, by the states in which they are seen."""

    def __init__(self, causes: Sequence[Cause]) -> None:
        self.causes = {cause.id: cause for cause in causes}
        self._of: dict[State, list[tuple[Cause, Case]]] = {state: [] for state in State}
        for cause in causes:
            for case in cause.seen:
                for state in case.own:
                    self._of[state].append((cause, case))
        self._with_destinations = [cause for cause in causes if cause.destinations]
        self._by_state = {state: self._conditions(state) for state in State}
        self._judged: dict[object, tuple[Candidate, ...]] = {}
        self._other_end: dict[object, tuple[tuple[str, tuple[str, ...]], ...]] = {}

    def _conditions(self, state: State) -> tuple[Condition, ...]:
        """All conditions of cases for this state, each once."""
        conditions: dict[str, Condition] = {}
        for cause, case in self._of[state]:
            signs = (condition for sign in cause.signs for condition in sign.when)
            for condition in (*case.when, *case.unless, *signs):
                conditions.setdefault(condition.text, condition)
        return tuple(conditions.values())

    def _shape(self, own: ObservedEnd, peer: ObservedEnd | None) -> tuple[bool | None, ...]:
        return tuple([condition.holds(own, peer) for condition in self._by_state[own.state]])

    def judge(self, own: ObservedEnd, peer: ObservedEnd | None) -> tuple[Candidate, ...]:
        """The causes that fit a connection, the best first; empty if nothing is wrong with it."""
        here = self._shape(own, peer)
        there = None if peer is None else self._shape(peer, own)
        shape = (own.state, None if peer is None else peer.state, here, there)
        if shape not in self._judged:
            if len(self._judged) >= MOST_SHAPES:
                self._judged.clear()
            fitting = [*self._fitting(own.state, shape[1], here, turned=False)]
            if peer is not None and there is not None:
                fitting += self._fitting(peer.state, own.state, there, turned=True)
            self._judged[shape] = _best(fitting)
        return self._judged[shape]

    def _fitting(
        self, own: State, peer: State | None, known: tuple[bool | None, ...], turned: bool
    ) -> Iterator[Candidate]:
        answers = {c.text: holds for c, holds in zip(self._by_state[own], known, strict=True)}
        for cause, case in self._of[own]:
            if (
                peer in case.peer
                and all(answers[c.text] is True for c in case.when)
                and not any(answers[c.text] is True for c in case.unless)
            ):
                signs = [s for s in cause.signs if all(answers[c.text] is True for c in s.when)]
                yield Candidate(
                    cause,
                    case.points + sum(sign.points for sign in signs),
                    turned,
                    case.scenario,
                    (case.because, *(sign.because for sign in signs if sign.points > 0)),
                    tuple(sign.because for sign in signs if sign.points < 0),
                    case.confirm or cause.confirm,
                )

    def other_end(self, own: ObservedEnd) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What an unknown other end may show: ids of causes, each with the states that mean it."""
        shape = (own.state, self._shape(own, None))
        if shape not in self._other_end:
            if len(self._other_end) >= MOST_SHAPES:
                self._other_end.clear()
            meaning: dict[str, list[str]] = {}
            host = ObservedHost()
            for state in State:
                if why_unreachable(own.state, state):
                    continue
                candidates = self.judge(own, ObservedEnd(state, host))
                if candidates:
                    meaning.setdefault(candidates[0].cause.id, []).append(str(state))
            self._other_end[shape] = tuple((c, tuple(states)) for c, states in meaning.items())
        return self._other_end[shape]

    def of_host(self, host: ObservedHost) -> Iterator[HostCandidate]:
        """The causes that the counters of a host show, whatever its sockets do."""
        end = ObservedEnd(State.CLOSED, host)
        for cause in self.causes.values():
            cases = [case for case in cause.host if all(c.holds(end, None) for c in case.when)]
            if cases:
                confidence = max(case.confidence for case in cases)
                yield HostCandidate(cause, confidence, tuple(case.because for case in cases))

    def of_destination(self, destination: Destination) -> Iterator[HostCandidate]:
        """The causes that the connections to one destination show when taken together."""
        for cause in self._with_destinations:
            cases = [c for c in cause.destinations if all(w.holds(destination) for w in c.when)]
            if cases:
                confidence = max(case.confidence for case in cases)
                yield HostCandidate(cause, confidence, tuple(case.because for case in cases))


def _best(fitting: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each cause once, with its best case, the best cause first."""
    best: dict[str, Candidate] = {}
    for candidate in fitting:
        known = best.get(candidate.cause.id)
        if candidate.points > 0 and (known is None or candidate.points > known.points):
            best[candidate.cause.id] = candidate
    return tuple(sorted(best.values(), key=lambda candidate: -candidate.points))


@functools.cache
def rules() -> Rules:
    """The causes that come with netlab."""
    return Rules(parse(HOME.read_text(encoding="utf-8")))
