# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of the causes in ``causes.yaml`` fit a connection.

A cause fits where one of its cases does; its points are those of the best case and of every sign
that is known to be so. Many connections look alike: what the conditions say of one is its *shape*,
and each shape is judged once, however many connections have it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from netlab.diagnosis.causes import HOME, Case, Cause, Condition, parse
from netlab.diagnosis.ends import End, Host
from netlab.tcp import State, why_unreachable


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cause that fits, how well, and why. `turned`: its `own` is the connection's second end."""

    cause: Cause
    points: float
    turned: bool
    scenario: str
    for_: tuple[str, ...]
    against: tuple[str, ...]


class Rules:
    """All causes, sorted by the states in which they are seen."""

    def __init__(self, causes: Sequence[Cause]) -> None:
        self.causes = {cause.id: cause for cause in causes}
        self._of: dict[State, list[tuple[Cause, Case]]] = {state: [] for state in State}
        for cause in causes:
            for case in cause.seen:
                for state in case.own:
                    self._of[state].append((cause, case))
        self._asked = {state: self._conditions(state) for state in State}
        self._judged: dict[object, tuple[Candidate, ...]] = {}
        self._elsewhere: dict[object, tuple[tuple[str, tuple[str, ...]], ...]] = {}

    def _conditions(self, state: State) -> tuple[Condition, ...]:
        """Everything that is asked of a connection whose own end is in this state."""
        found: dict[str, Condition] = {}
        for cause, case in self._of[state]:
            signs = (condition for sign in cause.signs for condition in sign.when)
            for condition in (*case.when, *case.unless, *signs):
                found.setdefault(condition.text, condition)
        return tuple(found.values())

    def _shape(self, own: End, peer: End | None) -> tuple[bool | None, ...]:
        return tuple([condition.holds(own, peer) for condition in self._asked[own.state]])

    def judge(self, own: End, peer: End | None) -> tuple[Candidate, ...]:
        """The causes that fit a connection, the best first; none: nothing is wrong with it."""
        here = self._shape(own, peer)
        there = None if peer is None else self._shape(peer, own)
        shape = (own.state, None if peer is None else peer.state, here, there)
        if shape not in self._judged:
            fitting = [*self._fitting(own.state, shape[1], here, turned=False)]
            if peer is not None and there is not None:
                fitting += self._fitting(peer.state, own.state, there, turned=True)
            self._judged[shape] = _best(fitting)
        return self._judged[shape]

    def _fitting(
        self, own: State, peer: State | None, known: tuple[bool | None, ...], turned: bool
    ) -> Iterator[Candidate]:
        told = {c.text: holds for c, holds in zip(self._asked[own], known, strict=True)}
        for cause, case in self._of[own]:
            if (
                peer in case.peer
                and all(told[c.text] is True for c in case.when)
                and not any(told[c.text] is True for c in case.unless)
            ):
                signs = [s for s in cause.signs if all(told[c.text] is True for c in s.when)]
                yield Candidate(
                    cause,
                    case.points + sum(sign.points for sign in signs),
                    turned,
                    case.scenario,
                    (case.because, *(sign.because for sign in signs if sign.points > 0)),
                    tuple(sign.because for sign in signs if sign.points < 0),
                )

    def elsewhere(self, own: End) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What the other end, of which nothing is known, may show, and what that would mean:
        cause, and the states.
        """
        shape = (own.state, self._shape(own, None))
        if shape not in self._elsewhere:
            meaning: dict[str, list[str]] = {}
            host = Host("")
            for state in State:
                found = () if why_unreachable(own.state, state) else self.judge(
                    own, End(state, host)
                )  # fmt: skip
                if found:
                    meaning.setdefault(found[0].cause.id, []).append(str(state))
            self._elsewhere[shape] = tuple((c, tuple(states)) for c, states in meaning.items())
        return self._elsewhere[shape]

    def of_host(self, host: Host) -> Iterator[Candidate]:
        """What the counters of a host say, whatever its sockets do."""
        end = End(State.CLOSED, host)
        for cause in self.causes.values():
            signs = [s for s in cause.host if all(c.holds(end, None) for c in s.when)]
            if signs:
                told = tuple(sign.because for sign in signs)
                points = sum(sign.points for sign in signs)
                yield Candidate(cause, points, False, cause.scenario, told, ())


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
