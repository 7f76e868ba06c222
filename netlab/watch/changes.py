# SPDX-License-Identifier: GPL-2.0-or-later
"""From a stream of findings to what began, what grew, and what ended.

A finding is the same at two looks if its cause, its process and the port of its service are,
however many connections it has. It is still the same if only its cause is another one that the
evidence could not tell from it, or only its port is (a client's leak has many) while it has some
of the connections that it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from netlab.model.findings import Finding, StuckConnection
from netlab.model.watching import Happened, Key, Standing, Turn

#: Looks without a finding after which it has ended: what comes and goes is not told each time.
MISSED = 2
#: Connections that are remembered of a finding, to know it again.
REMEMBERED = 100


@dataclass(slots=True)
class _Open:
    """A finding that stands, and what was told of it."""

    standing: Standing
    told: int  # connections, when it was last spoken of
    connections: frozenset[StuckConnection]
    missed: int = 0
    gone: float = 0.0  # when it was missed first

    def is_alike(self, key: Key, finding: Finding) -> bool:
        """Whether a finding with another key may be this one."""
        own = self.standing.key
        if key.process != own.process:
            return False
        if key.port == own.port:
            return key.cause in self.standing.finding.also or own.cause in finding.also
        return key.cause == own.cause and any(c in self.connections for c in finding.connections)


@dataclass
class Changes:
    """All findings that stand, and how many have begun and ended."""

    began: int = 0
    ended: int = 0
    _open: dict[Key, _Open] = field(default_factory=dict)

    @property
    def standing(self) -> list[Standing]:
        """The findings that have begun and not ended, the first one first."""
        return [each.standing for each in self._open.values()]

    def look(self, at: float, findings: Iterable[Finding]) -> list[Happened]:
        """What has changed since the last look, by the findings of this one.

        `at`: seconds since the epoch.
        """
        seen = _by_key(findings)
        known = {key: self._open[key] for key in seen if key in self._open}
        left = {key: each for key, each in self._open.items() if key not in known}
        changes = []
        for key, members in seen.items():
            each = known.get(key) or _alike(left, key, members[0])
            if each is None:
                changes.append(self._begin(at, key, members))
            else:
                left.pop(each.standing.key, None)
                changes += _go_on(at, each, members)
        return [*changes, *self._miss(at, left)]

    def _begin(self, at: float, key: Key, members: Sequence[Finding]) -> Happened:
        number = _number(members)
        ages = [finding.oldest for finding in members if finding.oldest is not None]
        standing = Standing(key, members[0], at - max(ages, default=0.0), number, number)
        self._open[key] = _Open(standing, number, _remembered(members[0]))
        self.began += 1
        return Happened(Turn.BEGAN, at, standing)

    def _miss(self, at: float, left: dict[Key, _Open]) -> Iterator[Happened]:
        for key, each in left.items():
            each.gone = each.gone if each.missed else at
            each.missed += 1
            each.standing = replace(each.standing, number=0)
            if each.missed >= MISSED:
                del self._open[key]
                self.ended += 1
                yield Happened(Turn.ENDED, each.gone, each.standing)


def _go_on(at: float, each: _Open, members: Sequence[Finding]) -> Iterator[Happened]:
    number, was = _number(members), each.standing
    each.standing = replace(was, finding=members[0], number=number, most=max(was.most, number))
    each.connections = _remembered(members[0])
    each.missed = 0
    if number >= _worth_telling(each.told):
        each.told = number
        yield Happened(Turn.GREW, at, each.standing)


def _worth_telling(told: int) -> int:
    """The number of connections to be told after so many: twice as many, or one more digit."""
    one_digit_more: int = 10 ** len(str(told))
    return max(1, min(2 * told, one_digit_more))


def _by_key(findings: Iterable[Finding]) -> dict[Key, list[Finding]]:
    """The findings of one look; those that are one for the watch together, the largest first."""
    seen: dict[Key, list[Finding]] = {}
    for finding in findings:
        process = finding.programs[0] if finding.programs else ""
        seen.setdefault(Key(finding.cause, finding.port, process), []).append(finding)
    for members in seen.values():
        members.sort(key=lambda finding: -len(finding.connections))
    return seen


def _alike(left: dict[Key, _Open], key: Key, finding: Finding) -> _Open | None:
    return next((each for each in left.values() if each.is_alike(key, finding)), None)


def _number(members: Sequence[Finding]) -> int:
    return sum(len(finding.connections) for finding in members)


def _remembered(finding: Finding) -> frozenset[StuckConnection]:
    return frozenset(islice(finding.connections, REMEMBERED))
