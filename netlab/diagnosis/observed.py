# SPDX-License-Identifier: GPL-2.0-or-later
"""The subjects of the rules: hosts, ends of connections, destinations, as in snapshots."""

from __future__ import annotations

import functools
import ipaddress
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

from netlab.diagnosis.resting import Census, Resting, is_lively
from netlab.diagnosis.translation import Tracked
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.crowd import Crowd, addresses, resting, restless, shows
from netlab.snapshot.records import Endpoint, Neighbourhood, Sample, Snapshot, Socket

YOUNG = 1.0  # seconds: a state younger than that may be transient
ACCEPTABLE = (State.ESTABLISHED, State.CLOSE_WAIT)  # states of what is in an accept queue
SYNCHRONIZED = (State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT2)
SIEVE = 1 << 16  # numbers that keys are counted by before they are told apart
PORT_RANGE = (32768, 60999)  # ip_local_port_range, where the snapshot does not have it


@dataclass(slots=True)
class Listener:
    """The connections and requests that wait at one port of a host, and its backlog."""

    waiting: int = 0  # at the fullest, if several listen at this port
    backlog: int | None = None
    requests: int = 0
    full: bool = False  # one of them
    owner: str = ""


@dataclass
class ObservedHost:
    """One host: its sockets, what was counted between the samples, and its listeners' queues."""

    name: str = ""
    sockets: Sequence[Socket] = ()  # of the last sample
    counters: Mapping[str, int] = field(default_factory=dict)  # of the last sample
    risen: Mapping[str, int] | None = None  # from the first sample to the last; None: only one
    sysctls: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[State, int] = field(default_factory=dict)  # where a text has no rows
    listeners: dict[int, Listener] = field(default_factory=dict)
    addresses: set[str] = field(default_factory=set)
    #: Sockets in CLOSE_WAIT that a process holds, not young, by local port and remote endpoint.
    crowds: Counter[int | Endpoint] = field(default_factory=Counter)
    neighbourhood: Neighbourhood | None = None
    has_windows: bool = False  # ss omits snd_wnd where it is 0; old versions always do

    @property
    def is_nameless(self) -> bool:
        """Whether no socket shows an address of its own, but for those of the loopback."""
        return all(map(is_loopback, self.addresses))

    @property
    def restless(self) -> Sequence[Socket]:
        """Its sockets without those of a crowd that are at rest, which are in `at_rest`."""
        return restless(self.sockets)

    @functools.cached_property
    def at_rest(self) -> Resting:
        """What is asked of the sockets at rest."""
        return Resting.of(self.sockets, self.addresses)

    @functools.cached_property
    def has_figures(self) -> bool:
        """Whether more is known of it than its sockets: counters, next hops, or who listens."""
        owned = any(listener.owner for listener in self.listeners.values())
        counted = bool(self.counters) or self.risen is not None
        return owned or counted or self.neighbourhood is not None

    @functools.cached_property
    def used_here(self) -> Counter[int]:
        """How many connections each local port has."""
        used = Counter(socket.local[1] for socket in self.restless)
        used.update(self.at_rest.used_here)
        return used

    @functools.cached_property
    def used_there(self) -> Counter[int]:
        """How many connections each remote port has."""
        used = Counter(socket.remote[1] for socket in self.restless)
        used.update(self.at_rest.used_there)
        return used

    @functools.cached_property
    def census(self) -> Census:
        """How many connections each local port, and each remote endpoint, has in each state. Of a
        crowd, endpoints to which only sockets at rest lead are left out.
        """
        by_state: dict[State, list[Socket]] = {state: [] for state in State}
        for socket in self.restless:
            by_state[socket.state].append(socket)
        census: Census = {state: Counter() for state in State}
        for state, some in by_state.items():
            census[state].update([socket.local[1] for socket in some])
            census[state].update([socket.remote for socket in some])
        for state, counts in self.at_rest.census.items():
            census[state].update(counts)
        return census

    @functools.cached_property
    def sending(self) -> Counter[tuple[int | Endpoint, State]]:
        """How many connections of the same and of a state have data to send."""
        some = (socket for socket in self.restless if socket.tx_queue)
        return Counter((key, s.state) for s in some for key in (s.local[1], s.remote))

    @functools.cached_property
    def unclaimed(self) -> dict[int, list[Socket]]:
        """By local port, the connections that no process is shown to hold."""
        found: dict[int, list[Socket]] = defaultdict(list)
        for socket in self.restless:
            if socket.state in ACCEPTABLE and not (socket.owner or socket.inode):
                found[socket.local[1]].append(socket)
        return found

    @functools.cached_property
    def requests(self) -> frozenset[tuple[int, str]]:
        """The ports that have requests whose SYN-ACK was sent again, and the addresses of those."""
        return frozenset(
            (socket.local[1], socket.remote[0])
            for socket in self.restless
            if socket.state is State.SYN_RECV and socket.retransmits
        )

    @functools.cached_property
    def well(self) -> int:
        """How many of its connections live, or have ended in good order."""
        good = (State.ESTABLISHED, State.TIME_WAIT)
        return sum(socket.state in good for socket in self.restless) + self.at_rest.number

    @functools.cached_property
    def lively(self) -> Counter[int | Endpoint | str]:
        """How many connections of a local port, remote endpoint or address just heard, or ended."""
        lively = (socket for socket in self.restless if self.is_lively(socket))
        keys = (key for each in lively for key in (each.local[1], each.remote, each.remote[0]))
        number: Counter[int | Endpoint | str] = Counter(keys)
        number.update(self.at_rest.lively)
        return number

    @functools.cached_property
    def served(self) -> Counter[str]:
        """How many connections each process has that are ESTABLISHED and just heard."""
        open_ = (each for each in self.restless if each.state is State.ESTABLISHED and each.owner)
        return Counter(each.owner for each in open_ if self.is_lively(each))

    def is_lively(self, socket: Socket) -> bool:
        """Whether a connection heard from the other end, or has ended in good order, just now."""
        state, info = socket.state, socket.info
        if state is State.TIME_WAIT:
            return is_lively(state, None, socket.remaining)
        if "rto" not in info:
            return state is State.ESTABLISHED
        if state not in SYNCHRONIZED:
            return False
        return is_lively(state, min(info.get("lastrcv", 0.0), info.get("lastack", 0.0)), None)

    @functools.cached_property
    def tried(self) -> dict[tuple[int | Endpoint, State], int]:
        """By local port or remote endpoint, and state, how often a socket has tried again."""
        most: dict[tuple[int | Endpoint, State], int] = defaultdict(int)
        for socket in self.restless:
            if number := tries(socket):
                for key in (socket.local[1], socket.remote):
                    most[key, socket.state] = max(most[key, socket.state], number)
        return most

    @functools.cached_property
    def tried_again(self) -> Counter[tuple[int | Endpoint, State]]:
        """By the same, how many sockets have tried again more than once."""
        again = (socket for socket in self.restless if tries(socket) > 1)
        return Counter((key, s.state) for s in again for key in (s.local[1], s.remote))

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
        host = cls(snapshot.name, last.sockets, last.counters, None, last.sysctls, last.counts)
        if len(snapshot.samples) > 1 and first.counters and last.counters:
            host.risen = {
                name: count - first.counters.get(name, 0) for name, count in last.counters.items()
            }
        beside = [s.neighbourhood for s in snapshot.samples if s.neighbourhood]
        host.neighbourhood = beside[-1] if beside else None
        host._read(last)
        host.addresses = addresses(last.sockets) - {ANY, "0.0.0.0", "::"}
        return host

    def next_hop(self, address: str) -> str | None:
        """The neighbour to which this host hands what goes to an address; None: nobody knows."""
        known = self.neighbourhood
        if known is None:
            return None
        if address in known.silent:
            return address
        try:
            to = ipaddress.ip_address(address)
        except ValueError:  # a name, or a mask
            return None
        networks = (ipaddress.ip_network(text) for text in known.routers)
        fitting = [net for net in networks if net.version == to.version and to in net]
        if not fitting:
            return None
        return known.routers[str(max(fitting, key=lambda net: net.prefixlen))]

    def _read(self, sample: Sample) -> None:
        knows_backlog = "proc" not in sample.source and "netstat" not in sample.source
        listen, request, leaving = State.LISTEN, State.SYN_RECV, State.CLOSE_WAIT
        self.has_windows = shows(sample.sockets, "snd_wnd")
        for socket in restless(sample.sockets):
            state = socket.state
            if not self.has_windows and "snd_wnd" in socket.info:
                self.has_windows = True
            if state is listen:
                listener = self.listeners.setdefault(socket.local[1], Listener())
                listener.waiting = max(listener.waiting, socket.rx_queue)
                if knows_backlog:
                    listener.backlog = max(listener.backlog or 0, socket.tx_queue)
                    listener.full |= socket.rx_queue > socket.tx_queue
                listener.owner = listener.owner or socket.owner
            elif state is request and not socket.inode:
                self.listeners.setdefault(socket.local[1], Listener()).requests += 1
            elif state is leaving and (socket.inode != 0 or socket.owner) and not _young(socket):
                self.crowds[socket.local[1]] += 1
                self.crowds[socket.remote] += 1
        asked = [each for each in self.listeners.values() if each.requests]
        if len(asked) == 1:  # a paste may show some of them, and count all
            asked[0].requests = max(asked[0].requests, sample.counts.get(request, 0))

    def destinations(self) -> Iterator[Destination]:
        """The endpoints to which this host has several connections from ephemeral ports; of a
        crowd, a tenth as many as there are ports, because so many endpoints cannot be told apart.
        """
        first, last = self.ports
        fewest = max(2, (last - first + 1) // 10 if isinstance(self.sockets, Crowd) else 0)
        if max(self.used_there.values(), default=0) < fewest:
            return
        numbers = self._towards(fewest)
        towards: dict[tuple[str, Endpoint], list[Socket]] = {
            key: [] for key, number in numbers.items() if number >= fewest and key[1][0] != ANY
        }
        for socket in self.sockets if towards else ():
            members = towards.get((socket.local[0], socket.remote))
            if members is not None:
                members.append(socket)
        for (address, remote), sockets in towards.items():
            yield Destination(self, address, remote, sockets)

    def _towards(self, fewest: int) -> Counter[tuple[str, Endpoint]]:
        """How many connections go from each address to each endpoint, of those with `fewest` or
        more; where there are very many, only theirs are counted.
        """
        numbers: Counter[tuple[str, Endpoint]] = Counter()
        for keys in self._outgoing():
            numbers.update(keys)
            if len(numbers) > SIEVE:
                break
        else:
            return numbers
        sieve = Counter(hash(key) % SIEVE for keys in self._outgoing() for key in keys)
        some = (key for keys in self._outgoing() for key in keys)
        return Counter(key for key in some if sieve[hash(key) % SIEVE] >= fewest)

    def _outgoing(self) -> Iterator[Iterable[tuple[str, Endpoint]]]:
        """The local address and the remote endpoint of each connection from an ephemeral port, some
        thousands at a time.
        """
        first, last = self.ports
        yield [
            (socket.local[0], socket.remote)
            for socket in self.restless
            if first <= socket.local[1] <= last and socket.state is not State.LISTEN
        ]
        for rows in resting(self.sockets):
            ephemeral = [first <= port <= last for port in rows.local_ports]
            yield compress(zip(rows.local_addresses, rows.remotes, strict=True), ephemeral)


def is_loopback(address: str) -> bool:
    """Whether an address leads back to the host that uses it."""
    return address.startswith("127.") or address == "::1"


def tries(socket: Socket) -> int:
    """How often it has tried again."""
    return max(socket.retransmits or 0, socket.probes or 0)


def _young(socket: Socket) -> bool:
    """Whether it heard from the other end within the last second."""
    heard = socket.info.get("lastrcv", 0.0), socket.info.get("lastack", 0.0)
    return "rto" in socket.info and min(heard) < YOUNG


@dataclass(slots=True)
class ObservedEnd:
    """One end of a connection. Without a socket it is gone, or a listener."""

    state: State
    host: ObservedHost
    socket: Socket | None = None
    before: Socket | None = None  # the same one in the first sample
    elapsed: float | None = None  # seconds between the two samples
    translated: bool = False  # a NAT changed an address between it and the other end
    tracked: Sequence[Tracked] = ()  # by hosts on the way

    @property
    def has_figures(self) -> bool:
        """Whether more is known of it and its host than states, queues and ends, from one look."""
        socket = self.socket
        return (
            socket is None
            or socket.timer is not None
            or socket.inode is not None
            or socket.retransmits is not None
            or socket.probes is not None
            or socket.remaining is not None
            or bool(socket.info or socket.owner or self.tracked or self.translated)
            or self.before is not None
            or self.elapsed is not None
            or self.host.has_figures
        )

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
