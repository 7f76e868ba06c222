# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts connections together that are stuck for one reason, so that one fault is one finding.

What the network does is told by service. What a program does is told by program: its connections
are one finding, however many peers and ports they have, and whether or not data is left to read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from netlab.diagnosis import services, wording
from netlab.diagnosis.observed import ObservedEnd
from netlab.diagnosis.pairing import EndPair
from netlab.diagnosis.rules import Candidate
from netlab.model.findings import StuckConnection
from netlab.model.tcp import State
from netlab.snapshot.owners import processes
from netlab.snapshot.records import Endpoint

#: What a program that forgets its connections shows: who does not read does not close either.
FORGOTTEN = frozenset({"not-closed", "not-read"})
#: What a full queue of a listener shows, at it and at all who wait behind it.
QUEUED = frozenset({"accept-queue-full", "not-accepted", "syn-queue-full", "syn-flood"})
#: Processes that are named.
MOST_OWNERS = 3


@dataclass(slots=True)
class Group:
    """Connections of one finding while they are collected; texts are about the first.

    Of a queue and those who wait behind it, they are about the one that tells most.
    """

    pair: EndPair
    candidates: tuple[Candidate, ...]
    here: bool  # whether the service is at the first end
    connections: list[StuckConnection] = field(default_factory=list)
    endpoints: Counter[Endpoint] = field(default_factory=Counter)  # of the service
    owners: Counter[tuple[str, str]] = field(default_factory=Counter)  # names, and numbers

    @property
    def service(self) -> Endpoint:
        """Where most of them go."""
        ports = Counter[int]()
        for (_, port), number in self.endpoints.items():
            ports[port] += number
        (port, _), *_ = ports.most_common(1)
        return next(endpoint for endpoint in self.endpoints if endpoint[1] == port)

    def named_owners(self) -> Iterator[str]:
        """The processes that hold most of them, and how many each."""
        for (name, process), number in self.owners.most_common(MOST_OWNERS):
            many = f" x {number}" if number > 1 and len(self.owners) > 1 else ""
            yield f"{name} (pid {process}){many}"


class Groups:
    """Every stuck connection, in the group of its fault."""

    def __init__(self) -> None:
        self._known: dict[object, Group] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(self._known.values())

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, pair: EndPair, candidates: tuple[Candidate, ...], also: Iterable[str]) -> None:
        """A connection, the causes that fit it, and those that cannot be told from the first."""
        first = candidates[0]
        own, peer = _oriented(pair, first)
        service, here = services.of(own, peer)
        states = (own.state,) if peer is None else (own.state, peer.state)
        holders = _holders(own, peer)
        kind = None if first.cause.id in QUEUED else states
        key = (kind, here, *_fault(first, also, own, service, holders))
        group = self._known.get(key)
        if group is None:
            oriented = EndPair(own, peer, pair.translated)
            group = self._known[key] = Group(oriented, candidates, here)
        elif kind is None and first.points > group.candidates[0].points:
            group.pair, group.candidates = EndPair(own, peer, pair.translated), candidates
        local, remote = wording.four_tuple(own, peer)
        group.connections.append(StuckConnection(local, remote, states, pair.translated))
        group.endpoints[service] += 1
        group.owners.update(holders)


def _fault(
    first: Candidate,
    also: Iterable[str],
    own: ObservedEnd,
    service: Endpoint,
    holders: Iterable[tuple[str, str]],
) -> tuple[object, ...]:
    if first.cause.id in QUEUED:
        listener = own.listener
        return "queue", tuple(processes(listener.owner if listener else "")) or service[1]
    if first.cause.id not in FORGOTTEN:
        return (first.cause.id, *also), service[1]
    if own.state is State.CLOSE_WAIT:
        return "forgotten", tuple(holders) or service[1]
    return (first.cause.id, *also), service[1], tuple(holders)


def _holders(own: ObservedEnd, peer: ObservedEnd | None) -> list[tuple[str, str]]:
    return [
        process
        for end in (own, peer)
        if end is not None and end.socket is not None
        for process in processes(end.socket.owner)
    ]


def _oriented(pair: EndPair, candidate: Candidate) -> tuple[ObservedEnd, ObservedEnd | None]:
    if candidate.turned and pair.peer is not None:
        return pair.peer, pair.own
    return pair.own, pair.peer
