# SPDX-License-Identifier: GPL-2.0-or-later
"""Matches the two ends of each connection by their four-tuples.

A NAT on the way changes the address (or the port) of one end. Where its connection tracking is
among the snapshots, that says who belongs to whom. Otherwise, sockets that are left over are
matched by their two ports, if only one socket on each side has them. The pair records either.

If the other host is known and has no such socket, that is known as well: the end is gone, or a
listener. But two hosts are rarely looked at in the same instant, and connections come and go. Only
a socket that has been as it is for longer than what may lie between the looks is missed at the
other host; of all others, nothing is known. A host that was looked at later may lack one because it
has closed meanwhile, however old it was: where others of its service do, it must be much older.
"""

from __future__ import annotations

import functools
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from netlab.diagnosis import services
from netlab.diagnosis.facts.passing import passing
from netlab.diagnosis.facts.sending import repeats
from netlab.diagnosis.facts.timing import expires, quiet, since, waited
from netlab.diagnosis.observed import ObservedEnd, ObservedHost, is_loopback
from netlab.diagnosis.resting import near
from netlab.diagnosis.translation import Translations, mirrored
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY, SOURCE
from netlab.snapshot.crowd import Crowd, restless
from netlab.snapshot.records import Endpoint, FourTuple, Snapshot, Socket

#: Seconds that may lie between the looks at two hosts, where nothing says how many; and those that
#: one look takes, or a clock is wrong by.
APART, INSTANT = 5.0, 1.0
FLIGHT = 0.5  # seconds after which a RST that is not lost has arrived
#: How many times as long as that a socket must have been idle where others of its service end: of
#: those that are as old, one in so many closes in the meantime.
OFTEN = 100
#: States that an end may rest in for hours: by itself, none shows that anything is wrong.
LASTING = (State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT2)


@dataclass(slots=True)
class EndPair:
    """One end of a connection, and the other one if anything is known about it."""

    own: ObservedEnd
    peer: ObservedEnd | None = None
    translated: bool = False  # a NAT changed an address, and they were matched all the same
    translator: str = ""  # the host whose connection tracking matched them; "": their ports did
    assumed: str = ""  # the address that the other host, which shows none, is taken to have


def pairs(
    snapshots: Sequence[Snapshot],
    hosts: Sequence[ObservedHost],
    but_for: Callable[[Socket, Socket | None], bool] = lambda socket, other: False,
) -> Iterator[EndPair]:
    """Every connection of the snapshots once, and every listener; `hosts`: one per snapshot.

    `but_for`: which to leave out, by the sockets of both ends, or of one whose other end is not
    among them. Most sockets of a host are well, and a pair costs more than to see that.
    """
    translations = Translations(snapshots)
    tables = [
        _HostTable(snapshot, host, translations)
        for snapshot, host in zip(snapshots, hosts, strict=True)
    ]
    match tables:
        case [only] if not only.talks_to_itself:
            yield from only.alone(but_for)
            return
        case [only] if not translations:
            only.look_near()
    yield from _Matcher(tables, translations, but_for).pairs()


class _HostTable:
    """The sockets of one snapshot."""

    def __init__(self, snapshot: Snapshot, host: ObservedHost, translations: Translations) -> None:
        self.host = host
        self._translations = translations
        last = snapshot.samples[-1]
        self.at = last.at  # seconds since the epoch
        #: Whether what is not in it can be missed: a text without a socket may be of anything.
        self.shows_its_host = last.whole and (bool(last.sockets) or last.source == SOURCE)
        self.sockets: Sequence[Socket] = last.sockets
        #: Local ports of the sockets that were left out, because nothing can be their other end.
        self.others: set[int] = set()
        self._first = snapshot.samples[0].sockets if len(snapshot.samples) > 1 else None
        self._elapsed: float | None = None
        if self._first is not None:
            first = snapshot.samples[0]
            if first.at is not None and last.at is not None:
                self._elapsed = last.at - first.at
            else:
                self._elapsed = 1.0  # seconds: samples without a time were taken by hand

    @functools.cached_property
    def _before(self) -> dict[FourTuple, Socket]:
        """The sockets of the first sample; of a crowd, those that the last one may ask for."""
        first = self._first or ()
        if not isinstance(self.sockets, Crowd) and not isinstance(first, Crowd):
            return {(socket.local, socket.remote): socket for socket in first}
        asked = {(socket.local, socket.remote) for socket in restless(self.sockets)}
        return {key: one for one in first if (key := (one.local, one.remote)) in asked}

    def lacks(self, numbers: FourTuple) -> float | None:
        """Seconds before its last look at which it did not have such a socket either, if known."""
        return None if self._first is None or numbers in self._before else self._elapsed

    def answers(self, service: Endpoint) -> bool:
        """Whether it has a listener there, under an address of its own."""
        return service[0] in self.host.addresses and service[1] in self.listening

    @functools.cached_property
    def listening(self) -> set[int]:
        """The ports of its listeners, of those that the snapshot shows."""
        return {s.local[1] for s in restless(self.sockets) if s.state is State.LISTEN}

    @functools.cached_property
    def destinations(self) -> set[str]:
        """The addresses of the other hosts that its connections go to."""
        others = {socket.remote[0] for socket in self.sockets} - {ANY, *self.host.addresses}
        return {address for address in others if not is_loopback(address)}

    def means(self, port: int, other: _HostTable) -> bool:
        """Whether another host listens at a port to which SYNs go at one address only."""
        return port in other.listening and len(self._wanted.get(port, ())) == 1

    @functools.cached_property
    def _wanted(self) -> dict[int, set[str]]:
        """The addresses to which SYNs go, by port."""
        wanted: dict[int, set[str]] = {}
        for socket in restless(self.sockets):
            if socket.state is State.SYN_SENT:
                wanted.setdefault(socket.remote[1], set()).add(socket.remote[0])
        return wanted

    @functools.cached_property
    def repeated(self) -> Counter[FourTuple]:
        """How often each connection is listed: more than once while netstat's table changes."""
        return Counter((socket.local, socket.remote) for socket in self.sockets)

    @property
    def talks_to_itself(self) -> bool:
        """Whether any connection has both ends on this host."""
        addresses = self.host.addresses
        listening = State.LISTEN
        return self.host.at_rest.returns or any(
            socket.remote[0] in addresses
            for socket in self.host.restless
            if socket.state is not listening
        )

    def look_near(self) -> None:
        """Leave out the sockets at rest of a crowd that cannot be an end of any pair here."""
        self.sockets, self.others = near(self.sockets, self.host.addresses)

    def end(self, socket: Socket) -> ObservedEnd:
        """A socket as an end, with its record of the first sample."""
        end = ObservedEnd(socket.state, self.host, socket)
        if self._first is not None:
            end.before = self._before.get((socket.local, socket.remote))
            end.elapsed = self._elapsed
        if self._translations:
            end.tracked = self._translations.of((socket.local, socket.remote))
        return end

    def alone(self, but_for: Callable[[Socket, Socket | None], bool]) -> Iterator[EndPair]:
        """Every socket, with an unknown other end."""
        return (EndPair(self.end(each)) for each in self.host.restless if not but_for(each, None))


class _Matcher:
    """Several snapshots, or one of a host that talks to itself."""

    def __init__(
        self,
        tables: Sequence[_HostTable],
        translations: Translations,
        but_for: Callable[[Socket, Socket | None], bool],
    ) -> None:
        self._tables = tables
        self._translations = translations
        self._but_for = but_for
        #: By four-tuple and table, the last one first. A listing may have one several times.
        self._known: dict[FourTuple, dict[_HostTable, list[Socket]]] = {}
        for table in tables:
            for socket in reversed(table.sockets):
                if socket.state is not State.LISTEN:
                    there = self._known.setdefault((socket.local, socket.remote), {})
                    there.setdefault(table, []).append(socket)
        self._whole = [table for table in tables if table.shows_its_host]
        self._at: dict[str, list[_HostTable]] = {}  # by address
        for table in self._whole:
            for address in table.host.addresses:
                self._at.setdefault(address, []).append(table)
        self._done: set[int] = set()
        #: By how many seconds the second of two tables is later, as each of their pairs has it.
        self._later: dict[tuple[int, int], list[float]] = {}
        #: The tables and local ports of sockets without another end that has their numbers.
        self._left: set[tuple[int, int]] = set()

    def pairs(self) -> Iterator[EndPair]:
        """Pairs by four-tuples, as connection tracking has them, too; then by one end, then by
        ports, then single ends.
        """
        left = []
        for table in self._tables:
            for socket in table.sockets:
                if socket.state is State.LISTEN or socket.local == socket.remote:
                    yield EndPair(table.end(socket))
                elif id(socket) in self._done:
                    continue
                elif other := self._other(table, socket):
                    self._done.add(id(socket))
                    self._done.add(id(other[1]))
                    translated = other[1].remote != socket.local or other[1].local != socket.remote
                    if not translated:
                        self._compare((table, socket), other)
                    if self._but_for(socket, other[1]):
                        continue
                    own, peer = table.end(socket), other[0].end(other[1])
                    yield (
                        _translated(own, peer, _translator(own))
                        if translated
                        else EndPair(own, peer)
                    )
                else:
                    left.append((table, socket))
        yield from self._by_one_end(left)
        left = [pair for pair in left if id(pair[1]) not in self._done]
        self._left = {(id(table), socket.local[1]) for table, socket in left}
        self._left |= {(id(table), port) for table in self._tables for port in table.others}
        yield from self._by_ports(left)

    def _other(self, table: _HostTable, socket: Socket) -> tuple[_HostTable, Socket] | None:
        """The first socket that may be its other end: at another host, or else at its own. On the
        loopback, only there.
        """
        ends = self._leads_to(socket)
        known = self._known.get(ends or (socket.remote, socket.local))
        if known is None:
            return None
        if ends is None and is_loopback(socket.remote[0]):
            return self._next(known, table)
        for other in tuple(known):
            if other is not table and (found := self._next(known, other)):
                return found
        return self._next(known, table)

    def _leads_to(self, socket: Socket) -> FourTuple | None:
        """The four-tuple of its other end, where connection tracking has another than it would be
        without a NAT.
        """
        if not self._translations:
            return None
        return self._translations.other_end((socket.local, socket.remote))

    def _next(
        self, known: dict[_HostTable, list[Socket]], table: _HostTable
    ) -> tuple[_HostTable, Socket] | None:
        """The first of these sockets of a host that has not been matched yet."""
        matching = known.get(table, [])
        while matching and id(matching[-1]) in self._done:
            matching.pop()
        if matching:
            return table, matching[-1]
        known.pop(table, None)  # all have been: nobody needs to look again
        return None

    def _compare(self, one: tuple[_HostTable, Socket], other: tuple[_HostTable, Socket]) -> None:
        """Note that these two hosts meet without a NAT, and how far apart they were looked at."""
        for (table, socket), (its_table, its_socket) in ((one, other), (other, one)):
            later = self._later.setdefault((id(table), id(its_table)), [])
            if (seconds := _later(socket, its_socket)) is not None:
                later.append(seconds)

    def _needed(
        self, table: _HostTable, other: _HostTable, end: ObservedEnd, its: FourTuple
    ) -> float:
        """Seconds for which an end must have been as it is for `its` other end to be missed: none,
        where it was there in two looks, and the other host lacks that in one between them.
        """
        elapsed = end.elapsed
        if table is other:
            return INSTANT
        later = self._by_how_much_later(table, other)
        if later is None:
            return APART if elapsed is None else 0.0
        before = other.lacks(its)
        looks = [later] if before is None else [later, later - before]
        ending = _come_and_go(end, other.host, its)
        return min(_needed(look, elapsed, ending) for look in looks)

    def _by_how_much_later(self, table: _HostTable, other: _HostTable) -> float | None:
        """By how many seconds the second was looked at later, as far as anything tells it."""
        if table.at is not None and other.at is not None:
            return other.at - table.at
        told = [*self._later.get((id(table), id(other)), ())]
        told += [-seconds for seconds in self._later.get((id(other), id(table)), ())]
        return statistics.median(told) if told else None

    def _by_one_end(self, left: Sequence[tuple[_HostTable, Socket]]) -> Iterator[EndPair]:
        """Pairs in which a NAT has changed where one end goes to (DNAT): the other answers it.

        A client's own endpoint tells it from all others. To a service's, anybody may go.
        """
        goes_to: dict[Endpoint, list[tuple[_HostTable, Socket]]] = {}
        comes_from: dict[Endpoint, list[Socket]] = {}
        for table, socket in left:
            goes_to.setdefault(socket.remote, []).append((table, socket))
            comes_from.setdefault(socket.local, []).append(socket)
        for table, socket in left:
            others = goes_to.get(socket.local, [])
            if not len(others) == len(comes_from[socket.local]) == 1:
                continue
            if services.of(table.end(socket), None)[1]:
                continue
            other, its_socket = others[0]
            if other is not table and is_loopback(socket.local[0]):
                continue
            if other.answers(socket.remote):
                continue  # nothing leads elsewhere: a client's port may go to several services
            if self._done.isdisjoint({id(socket), id(its_socket)}):
                self._done |= {id(socket), id(its_socket)}
                yield _translated(table.end(socket), other.end(its_socket))

    def _by_ports(self, left: Sequence[tuple[_HostTable, Socket]]) -> Iterator[EndPair]:
        ports: dict[tuple[int, int], list[tuple[_HostTable, Socket]]] = {}
        for table, socket in left:
            ports.setdefault((socket.local[1], socket.remote[1]), []).append((table, socket))
        for table, socket in left:
            if id(socket) in self._done:
                continue
            local, remote = socket.local[1], socket.remote[1]
            same, others = ports[local, remote], ports.get((remote, local), [])
            crosses = not is_loopback(socket.remote[0])
            if crosses and len(same) == len(others) == 1 and others[0][0] is not table:
                other, its_socket = others[0]
                self._done |= {id(socket), id(its_socket)}
                yield _translated(table.end(socket), other.end(its_socket))
            else:
                self._done.add(id(socket))
                end = table.end(socket)
                gone = self._gone(table, end)
                assumed = gone is not None and self._is_assumed(gone.host, socket.remote[0])
                yield EndPair(end, gone, assumed=socket.remote[0] if assumed else "")

    def _is_assumed(self, host: ObservedHost, address: str) -> bool:
        """Whether nothing that a host shows says that it has an address."""
        return host.is_nameless and not self._translations and not is_loopback(address)

    def _gone(self, table: _HostTable, end: ObservedEnd) -> ObservedEnd | None:
        """The other end as gone or listening, if its host is known, and would still have it."""
        socket = end.socket
        assert socket is not None
        if table.repeated[socket.local, socket.remote] > 1:
            return None  # this row is there twice, and the other one may have been matched
        ends = self._leads_to(socket)
        its = ends or (socket.remote, socket.local)
        for other in self._hosts_of(table, its[0], end.state):
            if not _outlasts(end, self._needed(table, other, end, its)):
                return None
            met = ends is not None or (id(table), id(other)) in self._later
            if not met and self._may_be_another(other, socket):
                return None
            listens = its[0][1] in other.listening
            return ObservedEnd(State.LISTEN if listens else State.CLOSED, other.host)
        return None

    def _may_be_another(self, other: _HostTable, socket: Socket) -> bool:
        """Whether the other end may be a socket with other numbers: a NAT may change them all."""
        return (id(other), socket.remote[1]) in self._left

    def _hosts_of(self, table: _HostTable, remote: Endpoint, state: State) -> Iterator[_HostTable]:
        address = remote[0]
        if is_loopback(address):
            yield from [table] if table.shows_its_host else ()
            return
        if address in table.host.addresses:
            return  # the kernel would tell it; but its own address may be translated (DNAT, IPVS)
        yield from (other for other in self._at.get(address, ()) if other is not table)
        # No socket of the other host shows that host's address: it is the one that everything here
        # goes to, or that a SYN can mean by its port, or nothing is known about it.
        match [other for other in self._whole[:3] if other is not table]:
            case [other] if other.host.is_nameless:
                meant = state is State.SYN_SENT and table.means(remote[1], other)
                if meant or (not other.host.addresses and len(table.destinations) == 1):
                    yield other


def _translated(own: ObservedEnd, peer: ObservedEnd, translator: str = "") -> EndPair:
    own.translated = peer.translated = True
    return EndPair(own, peer, True, translator)


def _translator(end: ObservedEnd) -> str:
    """The first host that is known to translate the connection of an end."""
    return next(
        tracked.host
        for tracked in end.tracked
        if tracked.entry is not None and tracked.entry.reply != mirrored(tracked.entry.original)
    )


def _later(socket: Socket, its_socket: Socket) -> float | None:
    """By how many seconds the second was looked at later: it received what the first sent last, or
    both have been silent since their handshake.
    """
    sent, received = since(socket, "lastsnd"), since(its_socket, "lastrcv")
    if _is_silent(socket) and _is_silent(its_socket):
        sent = since(socket, "lastrcv")  # set by the handshake (tcp_finish_connect)
    elif not socket.info.get("data_segs_out") or not its_socket.info.get("data_segs_in"):
        return None
    if sent is None or received is None or socket.tx_queue:
        return None
    return received - sent


def _is_silent(socket: Socket) -> bool:
    """Whether it was established, and has neither sent nor received any data."""
    counted = "segs_in" in socket.info and socket.state is State.ESTABLISHED
    return counted and not (socket.info.get("data_segs_in") or socket.info.get("data_segs_out"))


def _needed(look: float, elapsed: float | None, ending: bool) -> float:
    """The same for one look at the other host, so many seconds after the last one at this host.

    `elapsed`: how long before that this host had been looked at; `ending`: others of its service
    end, so that this one may have done so in between, or its RST may be on its way.
    """
    apart = abs(look) + INSTANT
    if ending and look > -FLIGHT:
        return max(apart, OFTEN * (look + INSTANT))
    return 0.0 if elapsed is not None and -elapsed <= look <= 0 else apart


def _come_and_go(end: ObservedEnd, other: ObservedHost, its: FourTuple) -> bool:
    """Whether connections of its service have ended within the last minute, as either end sees."""
    assert end.socket is not None
    numbers = (end.host, end.socket.local, end.socket.remote), (other, *its)
    return any(
        host.census[State.TIME_WAIT][key]
        for host, local, remote in numbers
        for key in (local[1], remote)
    )


def _outlasts(end: ObservedEnd, seconds: float) -> bool:
    """Whether an end has certainly been as it is for so long."""
    if end.elapsed is not None:
        if end.before is None or end.before.state is not end.state:
            return False
        if end.socket is not None and _heard(end.socket) > _heard(end.before):
            return False  # the other end was there until a moment ago
    if end.state not in LASTING or repeats(end, None):
        return not passing(end, None)
    rest = waited(end, None) if expires(end, None) else quiet(end, None)
    if rest is None:
        rest = end.elapsed  # nothing is known to have happened in it
    return rest is not None and rest >= seconds


def _heard(socket: Socket) -> float:
    """The number of segments that it received, with data or without, as far as it is known."""
    return socket.info.get("segs_in", socket.info.get("data_segs_in", 0))
