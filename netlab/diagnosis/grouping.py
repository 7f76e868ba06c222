# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts connections together that are stuck for one reason, so that one fault is one finding.

What the network does is told by service. What a program does is told by program: its connections
are one finding, however many peers and ports they have, and whether or not data is left to read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from netlab.diagnosis import services, wording
from netlab.diagnosis.facts.timing import stuck_for
from netlab.diagnosis.observed import ObservedEnd
from netlab.diagnosis.pairing import EndPair
from netlab.diagnosis.rules import Candidate
from netlab.model.findings import StuckConnection
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.owners import processes
from netlab.snapshot.records import Endpoint, Socket

#: The name and the number of each process that holds a socket.
Holders: TypeAlias = Callable[[Socket], Iterable[tuple[str, str]]]
#: The processes at one end of a connection.
Held: TypeAlias = tuple[tuple[str, str], ...]
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
    hosts: Counter[str] = field(default_factory=Counter)
    programs: Counter[str] = field(default_factory=Counter)  # names, at the end that it is about
    oldest: float | None = None  # seconds: see `stuck_for`

    @property
    def service(self) -> Endpoint:
        """Where most of them go, as the end that the texts are about has it."""
        ports = Counter[int]()
        for (_, port), number in self.endpoints.items():
            ports[port] += number
        (port, _), *_ = ports.most_common(1)
        there = [endpoint for endpoint in self.endpoints if endpoint[1] == port]
        return next((each for each in there if (each[0] == ANY) is self.here), there[0])

    def named_owners(self) -> Iterator[str]:
        """The processes that hold most of them, and how many each."""
        for (name, process), number in self.owners.most_common(MOST_OWNERS):
            many = f" x {number}" if number > 1 and len(self.owners) > 1 else ""
            yield f"{name} (pid {process}){many}"

    def grow(
        self,
        connection: StuckConnection,
        service: Endpoint,
        here: Held,
        there: Held,
        age: float | None,
    ) -> None:
        """One more connection, its service, the processes that hold either end, and for how many
        seconds it has been stuck.
        """
        self.connections.append(connection)
        self.endpoints[service] += 1
        if here or there:
            for process in here + there:
                self.owners[process] += 1
            for name in {name for name, _ in here or there}:
                self.programs[name] += 1
        if age is not None:
            self.oldest = max(age, self.oldest or 0.0)


class Groups:
    """Every stuck connection, in the group of its fault."""

    def __init__(self, holders: Holders) -> None:
        self._known: dict[object, Group] = {}
        self._holders = holders

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
        held, theirs = self._held(own), self._held(peer)
        key: tuple[object, ...]
        if queued := first.cause.id in QUEUED:
            key = _queue(own, peer, service, here)
        else:
            key = (states, here, *_fault(first, also, own, service, held + theirs))
        group = self._known.get(key)
        if group is None or (queued and first.points > group.candidates[0].points):
            oriented = EndPair(own, peer, pair.translated, pair.translator)
            if group is None:
                group = self._known[key] = Group(oriented, candidates, here)
            group.pair, group.candidates, group.here = oriented, candidates, here
        local, remote = wording.four_tuple(own, peer)
        connection = StuckConnection(local, remote, states, pair.translated)
        group.grow(connection, service, held, theirs, stuck_for(own))
        group.hosts[own.host.name] += 1
        if peer is not None and peer.socket is not None and peer.host.name != own.host.name:
            group.hosts[peer.host.name] += 1

    def _held(self, end: ObservedEnd | None) -> Held:
        return () if end is None or end.socket is None else tuple(self._holders(end.socket))


def _queue(
    own: ObservedEnd, peer: ObservedEnd | None, service: Endpoint, here: bool
) -> tuple[object, ...]:
    """The queue that a connection waits in or behind: of the program that listens, where its host
    is seen, whichever end that is.
    """
    end = own if here else peer
    listener = None if end is None else end.host.listeners.get(service[1])
    if listener is None:
        return "queue", here, service[1]
    return "queue", tuple(processes(listener.owner)) or service[1]


def _fault(
    first: Candidate,
    also: Iterable[str],
    own: ObservedEnd,
    service: Endpoint,
    holders: Held,
) -> tuple[object, ...]:
    if first.cause.id not in FORGOTTEN:
        return (first.cause.id, *also), service[1]
    if own.state is State.CLOSE_WAIT:
        return "forgotten", holders or service[1]
    return (first.cause.id, *also), service[1], holders


def as_listed(socket: Socket) -> Iterable[tuple[str, str]]:
    """The processes that hold a socket, of those that its listing names."""
    return processes(socket.owner) if socket.owner else ()


def _oriented(pair: EndPair, candidate: Candidate) -> tuple[ObservedEnd, ObservedEnd | None]:
    if candidate.turned and pair.peer is not None:
        return pair.peer, pair.own
    return pair.own, pair.peer
