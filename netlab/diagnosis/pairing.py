# SPDX-License-Identifier: GPL-2.0-or-later
"""Matches the two ends of each connection by their four-tuples.

A NAT on the way changes the address (or the port) of one end: sockets that are left over are
matched by their two ports, if only one socket on each side has them, and the pair records that. If
the other host is known and has no such socket, that is known as well: the end is gone, or a
listener.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from netlab.diagnosis.observed import ObservedEnd, ObservedHost
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Endpoint, Snapshot, Socket

FourTuple: TypeAlias = tuple[Endpoint, Endpoint]


@dataclass(slots=True)
class EndPair:
    """One end of a connection, and the other one if anything is known about it."""

    own: ObservedEnd
    peer: ObservedEnd | None = None
    translated: bool = False  # matched by ports: a NAT changed an address


def pairs(snapshots: Sequence[Snapshot], hosts: Sequence[ObservedHost]) -> Iterator[EndPair]:
    """Every connection of the snapshots once, and every listener; `hosts`: one per snapshot."""
    tables = [_HostTable(snapshot, host) for snapshot, host in zip(snapshots, hosts, strict=True)]
    if len(tables) == 1 and not tables[0].talks_to_itself:
        yield from tables[0].alone()
        return
    yield from _Matcher(tables).pairs()


class _HostTable:
    """The sockets of one snapshot."""

    def __init__(self, snapshot: Snapshot, host: ObservedHost) -> None:
        self.host = host
        last = snapshot.samples[-1]
        self.sockets = last.sockets
        self._before: dict[FourTuple, Socket] | None = None
        self._elapsed: float | None = None
        if len(snapshot.samples) > 1:
            first = snapshot.samples[0]
            self._before = {(socket.local, socket.remote): socket for socket in first.sockets}
            if first.at is not None and last.at is not None:
                self._elapsed = last.at - first.at
            else:
                self._elapsed = 1.0  # seconds: samples without a time were taken by hand

    @functools.cached_property
    def listening(self) -> set[int]:
        """The ports of its listeners, of those that the snapshot shows."""
        return {socket.local[1] for socket in self.sockets if socket.state is State.LISTEN}

    @functools.cached_property
    def destinations(self) -> set[str]:
        """The addresses of the other hosts that its connections go to."""
        others = {socket.remote[0] for socket in self.sockets} - {ANY, *self.host.addresses}
        return {address for address in others if not _is_loopback(address)}

    @property
    def talks_to_itself(self) -> bool:
        """Whether any connection has both ends on this host."""
        addresses = self.host.addresses
        listening = State.LISTEN
        return any(
            socket.remote[0] in addresses
            for socket in self.sockets
            if socket.state is not listening
        )

    def end(self, socket: Socket) -> ObservedEnd:
        """A socket as an end, with its record of the first sample."""
        if self._before is None:
            return ObservedEnd(socket.state, self.host, socket)
        before = self._before.get((socket.local, socket.remote))
        return ObservedEnd(socket.state, self.host, socket, before, self._elapsed)

    def alone(self) -> Iterator[EndPair]:
        """Every socket, with an unknown other end."""
        return (EndPair(self.end(socket)) for socket in self.sockets)


class _Matcher:
    """Several snapshots, or one of a host that talks to itself."""

    def __init__(self, tables: Sequence[_HostTable]) -> None:
        self._tables = tables
        #: By table and four-tuple, the last one first. A listing may have one several times.
        self._all: list[tuple[_HostTable, dict[FourTuple, list[Socket]]]] = []
        for table in tables:
            known: dict[FourTuple, list[Socket]] = {}
            for socket in reversed(table.sockets):
                if socket.state is not State.LISTEN:
                    known.setdefault((socket.local, socket.remote), []).append(socket)
            self._all.append((table, known))
        self._done: set[int] = set()

    def pairs(self) -> Iterator[EndPair]:
        """Pairs by four-tuples, then by ports, then single ends."""
        left = []
        for table in self._tables:
            for socket in table.sockets:
                if socket.state is State.LISTEN or socket.local == socket.remote:
                    yield EndPair(table.end(socket))
                elif id(socket) in self._done:
                    continue
                elif other := self._other(table, socket):
                    self._done |= {id(socket), id(other[1])}
                    yield EndPair(table.end(socket), other[0].end(other[1]))
                else:
                    left.append((table, socket))
        yield from self._by_ports([pair for pair in left if id(pair[1]) not in self._done])

    def _other(self, table: _HostTable, socket: Socket) -> tuple[_HostTable, Socket] | None:
        first: tuple[_HostTable, Socket] | None = None
        for other, known in self._all:
            matching = known.get((socket.remote, socket.local), [])
            while matching and id(matching[-1]) in self._done:
                matching.pop()
            if not matching:
                continue
            if (other is table) == _is_loopback(socket.remote[0]):
                return other, matching[-1]
            if not _is_loopback(socket.remote[0]):
                first = other, matching[-1]
        return first

    def _by_ports(self, left: Sequence[tuple[_HostTable, Socket]]) -> Iterator[EndPair]:
        ports: dict[tuple[int, int], list[tuple[_HostTable, Socket]]] = {}
        for table, socket in left:
            ports.setdefault((socket.local[1], socket.remote[1]), []).append((table, socket))
        for table, socket in left:
            if id(socket) in self._done:
                continue
            local, remote = socket.local[1], socket.remote[1]
            same, others = ports[local, remote], ports.get((remote, local), [])
            if len(same) == len(others) == 1 and others[0][0] is not table:
                other, its_socket = others[0]
                self._done |= {id(socket), id(its_socket)}
                yield EndPair(table.end(socket), other.end(its_socket), translated=True)
            else:
                self._done.add(id(socket))
                yield EndPair(table.end(socket), self._gone(table, socket))

    def _gone(self, table: _HostTable, socket: Socket) -> ObservedEnd | None:
        """The other end as gone or listening, if its host is known."""
        for other in self._hosts_of(table, socket):
            listens = socket.remote[1] in other.listening
            return ObservedEnd(State.LISTEN if listens else State.CLOSED, other.host)
        return None

    def _hosts_of(self, table: _HostTable, socket: Socket) -> Iterator[_HostTable]:
        address = socket.remote[0]
        if _is_loopback(address) or address in table.host.addresses:
            yield table
            return
        others = [other for other in self._tables if other is not table]
        yield from (other for other in others if address in other.host.addresses)
        # No socket of the other host shows that host's address: it is the one that everything here
        # goes to, or nothing is known about it.
        if len(others) == 1 and not others[0].host.addresses and len(table.destinations) == 1:
            yield others[0]


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
