# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the causes of ``causes.yaml`` that fit a connection.

A cause fits if one of its cases does; its points are those of the best case plus those of
every sign that is known to hold. Of all conditions, most connections answer by the first few: which
one is asked next depends on the answers so far, and is worked out once. So the questions are a
tree, which grows as connections answer in ways that none has before; a leaf has the causes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from netlab.diagnosis.causes import HOME, Case, Cause, parse
from netlab.diagnosis.conditions import Condition
from netlab.diagnosis.facts import Fact
from netlab.diagnosis.observed import Destination, ObservedEnd, ObservedHost
from netlab.model.tcp import State
from netlab.snapshot.records import Socket

#: Of the two ends (None: nothing is known about the other one), and whether they have figures.
States: TypeAlias = tuple[State, State | None, bool]
#: Questions that are remembered (half a KB each): a host that is watched for weeks shows ever new
#: ways to answer them.
MOST_QUESTIONS = 20_000
NOBODY = ObservedHost()
#: The ends of a connection of which no figures are known.
SOMEWHERE, ELSEWHERE = ("", 0), ("", 1)


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


Fitting: TypeAlias = tuple[Candidate, ...]  # each cause once, the best first


@dataclass(frozen=True, slots=True)
class HostCandidate:
    """A cause that fits a host or a destination, how certain that is (0 to 1), and why."""

    cause: Cause
    confidence: float
    evidence: tuple[str, ...]


class _Question:
    """What to ask of a connection next, and where each answer leads: to another question, or to
    what fits.
    """

    __slots__ = ("asks", "before", "key", "met", "no", "yes")

    def __init__(
        self, condition: Condition, turned: bool, before: _Question | None, met: bool
    ) -> None:
        holds = condition.holds
        #: Asked of both ends, in the order of the connection.
        self.asks: Fact = _of_the_second(holds) if turned else holds
        self.key = turned, condition.text
        self.before, self.met = before, met  # the question before it, and the answer there
        self.yes: _Question | Fitting | None = None
        self.no: _Question | Fitting | None = None


def _of_the_second(holds: Fact) -> Fact:
    return lambda own, peer: peer is not None and holds(peer, own)


class _NotAsked(Exception):
    """What fits depends on this condition, of the second end or of the first."""

    def __init__(self, condition: Condition, turned: bool) -> None:
        super().__init__(condition.text)
        self.condition, self.turned = condition, turned


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
        self._first: dict[States, _Question | Fitting] = {}
        self._questions = 0

    def judge(self, own: ObservedEnd, peer: ObservedEnd | None) -> Fitting:
        """The causes that fit a connection, the best first; empty if nothing is wrong with it."""
        figures = own.has_figures or (peer is not None and peer.has_figures)
        states = own.state, None if peer is None else peer.state, figures
        here = self._first.get(states)
        if here is None:
            here = self._first[states] = self._after(states, None, False)
        while isinstance(here, _Question):
            question = here
            if question.asks(own, peer):
                if (here := question.yes) is None:
                    here = question.yes = self._after(states, question, True)
            elif (here := question.no) is None:
                here = question.no = self._after(states, question, False)
        return here

    def _after(self, states: States, question: _Question | None, met: bool) -> _Question | Fitting:
        """What to ask after this answer and those before it, or what fits if they suffice."""
        own, peer, figures = states
        known: dict[tuple[bool, str], bool] = {}
        one, answer = question, met
        while one is not None:
            known[one.key] = answer
            answer, one = one.met, one.before

        def holds(condition: Condition, turned: bool) -> bool:
            if condition.end == "peer" and peer is None:
                return False
            if condition.of_state or (condition.of_figures and not figures):
                return _by_states(condition, (peer, own) if turned else (own, peer))
            try:
                return known[turned, condition.text]
            except KeyError:
                raise _NotAsked(condition, turned) from None

        try:
            fitting = [*self._fitting(own, peer, functools.partial(holds, turned=False))]
            if peer is not None:
                turned = self._fitting(peer, own, functools.partial(holds, turned=True))
                fitting += [replace(candidate, turned=True) for candidate in turned]
        except _NotAsked as unknown:
            if self._questions >= MOST_QUESTIONS:
                self._first.clear()
                self._questions = 0
            self._questions += 1
            return _Question(unknown.condition, unknown.turned, question, met)
        return _best(fitting)

    def _fitting(
        self, own: State, peer: State | None, holds: Callable[[Condition], bool]
    ) -> Iterator[Candidate]:
        for cause, case in self._of[own]:
            if (
                peer in case.peer
                and all(map(holds, case.when))
                and not any(map(holds, case.unless))
            ):
                signs = [sign for sign in cause.signs if all(map(holds, sign.when))]
                yield Candidate(
                    cause,
                    case.points + sum(sign.points for sign in signs),
                    False,
                    case.scenario,
                    (case.because, *(sign.because for sign in signs if sign.points > 0)),
                    tuple(sign.because for sign in signs if sign.points < 0),
                    case.confirm or cause.confirm,
                )

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


def _by_states(condition: Condition, states: tuple[State | None, State | None]) -> bool:
    """Whether a condition is met of which nothing but states is known."""
    own, peer = (None if state is None else _bare(state) for state in states)
    assert own is not None
    return bool(condition.holds(own, peer))


def _bare(state: State) -> ObservedEnd:
    return ObservedEnd(state, NOBODY, Socket(state, SOMEWHERE, ELSEWHERE, 0, 0))


def _best(fitting: Iterable[Candidate]) -> Fitting:
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
