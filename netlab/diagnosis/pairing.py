# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets of both ends of a connection put together by their four numbers.

A NAT on the way changes the address (or the port) of one end: what is left over is put together by
its two ports, where only one socket on each side has them, and the connection says so. Where the
other host is known and has no such socket, that is known as well: the end is gone, or listens.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netlab.diagnosis.ends import End, Host
from netlab.diagnosis.records import ANY, Endpoint, Snapshot, Socket
from netlab.tcp import State

Numbers = tuple[Endpoint, Endpoint]


@dataclass(slots=True)
class Connection:
    """One end, and the other one where anything is known of it."""

    own: End
    peer: End | None = None
    translated: bool = False  # put together by ports: a NAT changed an address


def connections(snapshots: Sequence[Snapshot]) -> Iterator[Connection]:
    """Every connection of the snapshots once, and every listener."""
    hosts = [Host.of(snapshot, number) for number, snapshot in enumerate(snapshots)]
    tables = [_Table(snapshot, host) for snapshot, host in zip(snapshots, hosts, strict=True)]
    if len(tables) == 1 and not tables[0].talks_to_itself:
        yield from tables[0].alone()
        return
    yield from _Pairing(tables).connections()


class _Table:
    """The sockets of one snapshot, by their four numbers."""

    def __init__(self, snapshot: Snapshot, host: Host) -> None:
        self.host = host
        last = snapshot.looks[-1]
        self.sockets = last.sockets
        self._before: dict[Numbers, Socket] | None = None
        self._elapsed: float | None = None
        if len(snapshot.looks) > 1:
            first = snapshot.looks[0]
            self._before = {(socket.local, socket.remote): socket for socket in first.sockets}
            if first.at is not None and last.at is not None:
                self._elapsed = last.at - first.at
            else:
                self._elapsed = 1.0  # two looks that do not say when: a person's time apart
        host.addresses = {socket.local[0] for socket in self.sockets} - {ANY, "0.0.0.0", "::"}

    @functools.cached_property
    def destinations(self) -> set[str]:
        """The other hosts that its connections go to."""
        found = {socket.remote[0] for socket in self.sockets} - {ANY, *self.host.addresses}
        return {address for address in found if not _is_loopback(address)}

    @property
    def talks_to_itself(self) -> bool:
        """Whether any connection has both its ends here."""
        addresses = self.host.addresses
        listening = State.LISTEN
        return any(
            socket.remote[0] in addresses
            for socket in self.sockets
            if socket.state is not listening
        )

    def end(self, socket: Socket) -> End:
        """One of its sockets, as the rules see it."""
        if self._before is None:
            return End(socket.state, self.host, socket)
        before = self._before.get((socket.local, socket.remote))
        return End(socket.state, self.host, socket, before, self._elapsed)

    def alone(self) -> Iterator[Connection]:
        """Every socket with nothing known of its other end."""
        return (Connection(self.end(socket)) for socket in self.sockets)


class _Pairing:
    """Several snapshots, or one of a host that talks to itself."""

    def __init__(self, tables: Sequence[_Table]) -> None:
        self._tables = tables
        self._all: dict[Numbers, list[tuple[_Table, Socket]]] = {}
        for table in tables:
            for socket in table.sockets:
                if socket.state is not State.LISTEN:
                    numbers = (socket.local, socket.remote)
                    self._all.setdefault(numbers, []).append((table, socket))
        self._done: set[int] = set()

    def connections(self) -> Iterator[Connection]:
        """Pairs by all four numbers, then by ports, then what has no other end."""
        left = []
        for table in self._tables:
            for socket in table.sockets:
                if socket.state is State.LISTEN or socket.local == socket.remote:
                    yield Connection(table.end(socket))
                elif id(socket) in self._done:
                    continue
                elif other := self._other(table, socket):
                    self._done |= {id(socket), id(other[1])}
                    yield Connection(table.end(socket), other[0].end(other[1]))
                else:
                    left.append((table, socket))
        yield from self._by_ports([pair for pair in left if id(pair[1]) not in self._done])

    def _other(self, table: _Table, socket: Socket) -> tuple[_Table, Socket] | None:
        found = self._all.get((socket.remote, socket.local), ())
        free = [each for each in found if id(each[1]) not in self._done]
        here = [each for each in free if each[0] is table]
        if _is_loopback(socket.remote[0]):
            return here[0] if here else None
        there = [each for each in free if each[0] is not table]
        return there[0] if there else here[0] if here else None

    def _by_ports(self, left: Sequence[tuple[_Table, Socket]]) -> Iterator[Connection]:
        ports: dict[tuple[int, int], list[tuple[_Table, Socket]]] = {}
        for table, socket in left:
            ports.setdefault((socket.local[1], socket.remote[1]), []).append((table, socket))
        for table, socket in left:
            if id(socket) in self._done:
                continue
            local, remote = socket.local[1], socket.remote[1]
            same, others = ports[local, remote], ports.get((remote, local), [])
            if len(same) == len(others) == 1 and others[0][0] is not table:
                other, found = others[0]
                self._done |= {id(socket), id(found)}
                yield Connection(table.end(socket), other.end(found), translated=True)
            else:
                self._done.add(id(socket))
                yield Connection(table.end(socket), self._gone(table, socket))

    def _gone(self, table: _Table, socket: Socket) -> End | None:
        """The end that is not there, where its host is known."""
        for other in self._hosts_of(table, socket):
            listens = socket.remote[1] in other.host.listeners and any(
                each.state is State.LISTEN and each.local[1] == socket.remote[1]
                for each in other.sockets
            )
            return End(State.LISTEN if listens else State.CLOSED, other.host)
        return None

    def _hosts_of(self, table: _Table, socket: Socket) -> Iterator[_Table]:
        address = socket.remote[0]
        if _is_loopback(address) or address in table.host.addresses:
            yield table
            return
        others = [other for other in self._tables if other is not table]
        yield from (other for other in others if address in other.host.addresses)
        # The other host has no socket with an address of its own: it is the one that everything
        # here goes to, or nothing is known of it.
        if len(others) == 1 and not others[0].host.addresses and len(table.destinations) == 1:
            yield others[0]


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
