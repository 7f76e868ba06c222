# SPDX-License-Identifier: GPL-2.0-or-later
"""The subjects of the rules: hosts, ends of connections, destinations, as in snapshots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Endpoint, Sample, Snapshot, Socket

PORT_RANGE = (32768, 60999)  # ip_local_port_range, where the snapshot does not have it


@dataclass(slots=True)
class Listener:
    """The connections and requests that wait at one port of a host, and its backlog."""

    waiting: int = 0
    backlog: int | None = None
    requests: int = 0


@dataclass(slots=True)
class ObservedHost:
    """One host: its sockets, what was counted between the samples, and its listeners' queues."""

    name: str = ""
    sockets: Sequence[Socket] = ()  # of the last sample
    counters: Mapping[str, int] = field(default_factory=dict)  # of the last sample
    risen: Mapping[str, int] | None = None  # from the first sample to the last; None: only one
    sysctls: Mapping[str, str] = field(default_factory=dict)
    listeners: dict[int, Listener] = field(default_factory=dict)
    addresses: set[str] = field(default_factory=set)
    #: Sockets in CLOSE_WAIT that a process holds, by local port and by remote endpoint.
    crowds: Counter[int | Endpoint] = field(default_factory=Counter)
    has_windows: bool = False  # ss omits snd_wnd where it is 0; old versions always do

    @property
    def ports(self) -> tuple[int, int]:
        """The first and the last ephemeral port (ip_local_port_range)."""
        words = self.sysctls.get("ip_local_port_range", "").split()
        if len(words) == 2 and all(word.isdecimal() for word in words):
            return int(words[0]), int(words[1])
        return PORT_RANGE

    @classmethod
    def of(cls, snapshot: Snapshot) -> ObservedHost:
        """The host that a snapshot shows."""
        first, last = snapshot.samples[0], snapshot.samples[-1]
        host = cls(snapshot.name, last.sockets, last.counters, None, last.sysctls)
        if len(snapshot.samples) > 1 and first.counters and last.counters:
            host.risen = {
                name: count - first.counters.get(name, 0) for name, count in last.counters.items()
            }
        host._read(last)
        host.addresses = {socket.local[0] for socket in last.sockets} - {ANY, "0.0.0.0", "::"}
        return host

    def _read(self, sample: Sample) -> None:
        knows_backlog = "proc" not in sample.source and "netstat" not in sample.source
        listen, request, leaving = State.LISTEN, State.SYN_RECV, State.CLOSE_WAIT
        for socket in sample.sockets:
            state = socket.state
            if not self.has_windows and "snd_wnd" in socket.info:
                self.has_windows = True
            if state is listen:
                listener = self.listeners.setdefault(socket.local[1], Listener())
                listener.waiting = max(listener.waiting, socket.rx_queue)
                if knows_backlog:
                    listener.backlog = max(listener.backlog or 0, socket.tx_queue)
            elif state is request and not socket.inode:
                self.listeners.setdefault(socket.local[1], Listener()).requests += 1
            elif state is leaving and (socket.inode != 0 or socket.owner):
                self.crowds[socket.local[1]] += 1
                self.crowds[socket.remote] += 1

    def destinations(self) -> Iterator[Destination]:
        """The endpoints to which this host has several connections from ephemeral ports."""
        first, last = self.ports
        listen = State.LISTEN
        numbers = Counter(
            (socket.local[0], socket.remote)
            for socket in self.sockets
            if first <= socket.local[1] <= last and socket.state is not listen
        )
        towards: dict[tuple[str, Endpoint], list[Socket]] = {
            key: [] for key, number in numbers.items() if number > 1 and key[1][0] != ANY
        }
        for socket in self.sockets if towards else ():
            members = towards.get((socket.local[0], socket.remote))
            if members is not None:
                members.append(socket)
        for (address, remote), sockets in towards.items():
            yield Destination(self, address, remote, sockets)


@dataclass(slots=True)
class ObservedEnd:
    """One end of a connection. Without a socket it is gone, or a listener."""

    state: State
    host: ObservedHost
    socket: Socket | None = None
    before: Socket | None = None  # the same one in the first sample
    elapsed: float | None = None  # seconds between the two samples

    @property
    def listener(self) -> Listener | None:
        """The listener at its port."""
        return self.host.listeners.get(self.socket.local[1]) if self.socket else None


@dataclass(slots=True)
class Destination:
    """All connections from one address of a host to one endpoint."""

    host: ObservedHost
    address: str
    remote: Endpoint
    sockets: Sequence[Socket]
