# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets of a host that has very many, most of which are at rest.

A socket is at rest if nothing can be wrong with it as far as it alone shows: ESTABLISHED without
anything to send or to read, or TIME_WAIT. What is asked of those is how many there are, where they
lead, and when they last heard from the other end; so they stay columns, as small as the text that
they were read from, and a record is made of one only while somebody looks at it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import replace
from typing import NamedTuple, Protocol, overload

from netlab.model.tcp import State
from netlab.snapshot.records import Endpoint, Snapshot, Socket


class Rows(NamedTuple):
    """Some thousands of sockets at rest, as columns."""

    states: Sequence[State]
    local_addresses: Sequence[str]
    local_ports: Sequence[int]
    remote_addresses: Sequence[str]
    remote_ports: Sequence[int]
    #: Seconds since anything was heard, and until a timer fires; None where it is not known, of one
    #: socket or of all.
    heard: Sequence[float | None] | None = None
    remaining: Sequence[float | None] | None = None

    @property
    def remotes(self) -> Iterator[Endpoint]:
        """Where each of them leads."""
        return zip(self.remote_addresses, self.remote_ports, strict=True)

    @property
    def locals(self) -> Iterator[Endpoint]:
        """Their own ends."""
        return zip(self.local_addresses, self.local_ports, strict=True)


class Batch(Protocol):
    """Some thousands of sockets at rest, wherever they are."""

    @property
    def size(self) -> int:
        """How many."""

    def addresses(self) -> Set[str]:
        """Those of their own ends."""

    def rows(self) -> Rows:
        """Their columns, which are not kept."""

    def sockets(self) -> Iterable[Socket]:
        """Their records, which are not kept either."""

    def has(self, figure: str) -> bool:
        """Whether any of them has this figure of ``ss -i``."""


class Crowd(Sequence[Socket]):
    """The sockets of one sample: those that are not at rest come first."""

    def __init__(self, restless: Sequence[Socket], batches: Sequence[Batch]) -> None:
        self.restless, self.batches = restless, batches
        self._size = len(restless) + sum(batch.size for batch in batches)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Socket]:
        return itertools.chain(self.restless, *(batch.sockets() for batch in self.batches))

    @overload
    def __getitem__(self, index: int) -> Socket: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Socket]: ...
    def __getitem__(self, index: int | slice) -> Socket | Sequence[Socket]:
        return [*self][index]


def restless(sockets: Sequence[Socket]) -> Sequence[Socket]:
    """Those of a sample that are not at rest, or all of them if it is a small one."""
    return sockets.restless if isinstance(sockets, Crowd) else sockets


def resting(sockets: Sequence[Socket]) -> Iterator[Rows]:
    """The others, some thousands at a time."""
    for batch in sockets.batches if isinstance(sockets, Crowd) else ():
        yield batch.rows()


def addresses(sockets: Sequence[Socket]) -> set[str]:
    """Those of the own ends of a sample."""
    found = {socket.local[0] for socket in restless(sockets)}
    batches = sockets.batches if isinstance(sockets, Crowd) else ()
    return found.union(*(batch.addresses() for batch in batches))


def changed(sockets: Sequence[Socket], change: Callable[[Socket], Socket]) -> Sequence[Socket]:
    """Those of a sample after a change of some that are not at rest, as listeners never are."""
    some = [change(socket) for socket in restless(sockets)]
    return Crowd(some, sockets.batches) if isinstance(sockets, Crowd) else tuple(some)


def shows(sockets: Sequence[Socket], figure: str) -> bool:
    """Whether any socket of a sample that is at rest has this figure of ``ss -i``."""
    return isinstance(sockets, Crowd) and any(batch.has(figure) for batch in sockets.batches)


def spelled_out(snapshot: Snapshot) -> Snapshot:
    """The same with a record of each socket."""
    if not any(isinstance(sample.sockets, Crowd) for sample in snapshot.samples):
        return snapshot
    samples = (replace(sample, sockets=tuple(sample.sockets)) for sample in snapshot.samples)
    return replace(snapshot, samples=tuple(samples))


def at_rest(socket: Socket) -> bool:
    """Whether nothing can be wrong with a socket as far as it alone shows."""
    if socket.state is State.TIME_WAIT:
        return True
    return (
        socket.state is State.ESTABLISHED
        and not socket.tx_queue
        and not socket.rx_queue
        and not socket.probes
        and socket.inode != 0
        and socket.local != socket.remote
    )
