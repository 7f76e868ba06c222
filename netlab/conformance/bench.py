# SPDX-License-Identifier: GPL-2.0-or-later
"""A host under test, and peers that have no TCP: netlab makes each of their segments, and reads
each answer. One lab holds many connections at the same time.

What the host does with a segment it does before the next one: an echo that is sent after it, and
answered, shows that everything has been said that is said at once. Nothing is waited for by time.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from netlab import scheduler
from netlab.conformance import speech
from netlab.conformance.recent import Recent
from netlab.conformance.speech import Base, IcmpError, SaidSegment
from netlab.linux import closing, ethtool, inet_diag, procnet
from netlab.linux.netlink import NETLINK_SOCK_DIAG
from netlab.linux.procnet import Row
from netlab.linux.transport import Transport
from netlab.model.errors import LabError
from netlab.model.evidence import Frame
from netlab.model.tcp import State
from netlab.model.vocabulary import Family, Side
from netlab.packets import datagrams, headers, options, segments
from netlab.packets.headers import ACK, FIN, RST, SYN, TCP, End
from netlab.packets.options import TcpOptions
from netlab.packets.sequence import RING, is_behind
from netlab.testbed import forge, wire
from netlab.testbed.forge import ETH_P_ALL, FORGED, PACKET_OUTGOING
from netlab.testbed.lab import Lab

UNDER_TEST, PEER = Side.SERVER, Side.CLIENT
PEERS = 250  # in each of the forged networks' smallest part
PATIENCE, ECHOES = 5.0, 16  # seconds for an echo, and how many there are
#: Numbers that no end has begun with, for segments of a connection that there is not.
FIRST, NOBODYS = 1_000_000, 5_000_000
STAMP = 100_000
QUOTED = 128  # bytes of a packet that an ICMP error is about
WINDOW = 65535
SO_TIMESTAMPNS = 35  # asm-generic/socket.h
TIMESPEC = struct.Struct("@ll")
STAMP_SPACE = socket.CMSG_SPACE(TIMESPEC.size)
#: What hangs on the machine's memory, or on its owner's taste; and no probe of the tail: its timer
#: of some milliseconds would end between a step and the next.
USUAL = {
    "tcp_rmem": f"4096 131072 {speech.MEMORY}",
    "tcp_wmem": "4096 16384 4194304",
    "tcp_congestion_control": "reno",
    "tcp_early_retrans": "0",
}


class Heard(NamedTuple):
    """A segment that came back, in words; `at`: seconds on the clock of `scheduler.now`."""

    text: str
    at: float


def _moment(notes: Sequence[tuple[int, int, bytes]]) -> float:
    """When the kernel received a packet, on the clock of `scheduler.now`: who looks is later."""
    now, wall = scheduler.now(), time.time()
    for _, kind, data in notes:
        if kind == SO_TIMESTAMPNS:
            whole, nanoseconds = TIMESPEC.unpack(data)
            since: float = wall - whole - nanoseconds / 1e9
            return now - since
    return now


class Bench(contextlib.AbstractContextManager["Bench"]):
    """One lab with a host under test. Raises as `Lab` does."""

    def __init__(self, family: Family, sysctls: Mapping[str, str] = {}) -> None:
        self.family = family
        self._stack = contextlib.ExitStack()
        self.lab = self._stack.enter_context(Lab(family))
        self.host = self.lab.server
        try:
            for name, value in {**USUAL, **sysctls}.items():
                self.host.sysctl(name, value)
            for host in self.lab.hosts:
                with host.namespace:
                    ethtool.no_offloads(wire.NAME)
            wire.route_forged(self.host.route, UNDER_TEST, self.lab.network, family)
            with self.host.namespace:
                self._diag = Transport(NETLINK_SOCK_DIAG)
            self._stack.callback(self._diag.close)
            self._socket = self._packets()
        except BaseException:
            self._stack.close()
            raise
        self._frame = forge.ethernet(PEER, family)
        self._peers: dict[int, Peer] = {}
        self._asking = [
            datagrams.echo_request(FORGED[family].format(0, 1), self.host.address, number)
            for number in range(ECHOES)
        ]
        self._echoes = self._answered = 0

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _packets(self) -> socket.socket:
        with self.lab.client.namespace:
            try:
                packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                packets.bind((wire.NAME, ETH_P_ALL))
            except OSError as error:
                raise LabError(f"no packet can be forged here: {error.strerror}") from None
        packets.setblocking(False)
        packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._stack.callback(closing.later, packets.close)
        return packets

    @contextlib.contextmanager
    def set(self, sysctls: Mapping[str, str]) -> Iterator[None]:
        """Run the body with these sysctls of the host. Raises `Absent` for one that this kernel
        does not have.
        """
        before = {name: self.host.sysctl(name) for name in sysctls}
        try:
            for name, value in sysctls.items():
                self.host.sysctl(name, value)
            yield
        finally:
            for name, value in before.items():
                self.host.sysctl(name, value)

    def peer(self, recorded: bool = False) -> Peer:
        """Someone new, of an address and a port that nobody else has; `recorded`: with every packet
        that comes and goes.
        """
        number = len(self._peers) + 1
        address = FORGED[self.family].format(number // PEERS, number % PEERS + 1)
        ends = (address, 10000 + number), (self.host.address, 20000 + number)
        peer = Peer(self, *ends, recorded)
        self._peers[peer.end[1]] = peer
        return peer

    def tcp(self) -> socket.socket:
        """A socket of the host under test, which does not block."""
        with self.host.namespace:
            made = socket.socket(self.host.family, socket.SOCK_STREAM)
        made.setblocking(False)
        return made

    def state(self, peer: Peer) -> State:
        """The state of the host's end of that peer's connection; if it has none, whether it
        listens there: LISTEN, or CLOSED.
        """
        return inet_diag.state(self._diag, peer.host, peer.end)

    def sockets(self, peer: Peer) -> list[Row]:
        """The host's sockets of that peer: its end, and who listens there."""
        return [row for row in self.host.table.read() if row.local == peer.row[0]]

    def info(self, peer: Peer) -> dict[str, int]:
        """What the kernel tells of the host's end (TCP_INFO), by the names of ``ss -i``, and of one
        in TIME_WAIT for how many more seconds, rounded up; nothing, if there is no socket. Raises
        `LabError` where the kernel does not answer.
        """
        known = inet_diag.info(self._diag, peer.host, peer.end) or {}
        for row in self.sockets(peer):
            if row.state is State.TIME_WAIT:
                known["timewait"] = math.ceil(row.remaining)
        return known

    def send(self, packet: bytes) -> None:
        """Put an IP packet on the wire."""
        self._socket.send(self._frame + packet)

    def hear(self) -> None:
        """Take what has come, and give each segment to the peer it is for."""
        while True:
            try:
                frame, notes, _, origin = self._socket.recvmsg(1 << 16, STAMP_SPACE)
            except BlockingIOError:
                return
            if origin[2] != PACKET_OUTGOING:
                self._take(frame[14:], _moment(notes))

    def settle(self) -> None:
        """Return when everything has come back that comes at once. Raises `LabError` if not even
        an echo does.
        """
        self._echoes = (self._echoes + 1) % len(self._asking)
        self.send(self._asking[self._echoes])

        def answered() -> bool | None:
            self.hear()
            return self._answered == self._echoes or None

        if scheduler.wait(answered, scheduler.now() + PATIENCE) is None:
            raise LabError(f"the host under test answers no echo within {PATIENCE:g} s")

    def _take(self, packet: bytes, at: float) -> None:
        start = (packet[0] & 0xF) * 4 if packet[0] >> 4 == 4 else 40
        protocol = packet[9 if packet[0] >> 4 == 4 else 6]
        if protocol in (headers.ICMP, headers.ICMPV6):
            if packet[start] in (0, 129):
                self._answered = int.from_bytes(packet[start + 6 : start + 8])
        elif protocol == TCP:
            peer = self._peers.get(int.from_bytes(packet[start + 2 : start + 4]))
            if peer is not None:
                peer.take(packet, start, at)


class Peer:
    """One end without a TCP: what it has said and heard, in absolute numbers."""

    def __init__(self, bench: Bench, end: End, host: End, recorded: bool) -> None:
        self._bench, self._recorded = bench, recorded
        #: The host's end and this one, as the host's table of sockets has them.
        self.row = procnet.endpoint(*host), procnet.endpoint(*end)
        self.end, self.host = end, host
        self.next, self.others_next = FIRST, NOBODYS
        self.known = False  # the host has said something
        self._own = TcpOptions()  # of its SYN
        self._others = TcpOptions()  # of the host's SYN
        self._stamp, self._echoed = STAMP, 0
        self._first_echo = 0  # the first timestamp that the host has sent
        self._edge = FIRST  # the first number that the host does not take
        self._recent = Recent(FIRST)
        self._last = b""  # the packet that was heard last
        self._base = self.base()
        self.heard: list[Heard] = []  # since the last segment that it sent
        self.frames: list[Frame] = []

    @property
    def stamped(self) -> bool:
        """Both ends have offered timestamps."""
        return bool(self._own.timestamps and self._others.timestamps)

    @property
    def _shift(self) -> int:
        """By how much the host's windows are scaled, but for those of SYNs."""
        return (self._others.scale or 0) if self._own.scale is not None else 0

    @property
    def room(self) -> int:
        """Bytes that the host takes of this end, by its last word."""
        return (self._edge - self.next) % RING if is_behind(self.next, self._edge) else 0

    def base(self) -> Base:
        """What the numbers of answers count from, from now on."""
        return Base(self.others_next, self.next, self.known, self.stamped)

    def begin(self) -> None:
        """An event comes: what is heard from now on belongs to it."""
        self.heard = []
        self._base = self.base()

    def say(self, said: SaidSegment) -> None:
        """Send a segment."""
        bits = said.bits
        stamps = None
        echoed = self._first_echo if said.echoes_first else self._echoed
        if bits & SYN:
            stamps = (self._stamp + (said.ts or 0), echoed) if said.stamped else None
        elif self.stamped and said.ts is not None:
            stamps = (self._stamp + said.ts, echoed)
        sequence = (self.next + said.seq) % RING
        acknowledged = (self.others_next + said.ack) % RING
        if stamps:
            self._recent.say(said, sequence, acknowledged, stamps[0], self.room)
        carried = TcpOptions(
            said.mss,
            said.wscale,
            said.may_sack,
            tuple(
                ((self.others_next + left) % RING, (self.others_next + right) % RING)
                for left, right in said.sack
            ),
            stamps,
            said.cookie,
            said.unknown,
        )
        segment = segments.segment(
            self.end,
            self.host,
            bits,
            sequence,
            acknowledged if bits & ACK else 0,
            bytes(said.data),
            window=WINDOW if said.win is None else said.win,
            carrying=carried,
            urgent=said.urg,
            intact=said.intact,
        )
        if bits & SYN and not said.seq and not bits & (FIN | RST):
            self._own = carried
        if not said.seq and said.intact and not bits & RST:
            self.next = (self.next + said.data + bool(bits & SYN) + bool(bits & FIN)) % RING
        if not said.ts:
            self._stamp += 1
        self._send(datagrams.datagram(self.end[0], self.host[0], TCP, segment))

    def refuse(self, error: IcmpError) -> None:
        """Send an ICMP error about the last segment that was heard."""
        kind, code = error.message(self._last[0] >> 4)
        told = struct.pack("!I", error.mtu)  # ICMP has it in the second half, ICMPv6 in all of it
        self._send(
            datagrams.icmp(self.end[0], self.host[0], kind, code, told + self._last[:QUOTED])
        )

    def _send(self, packet: bytes) -> None:
        if self._recorded:
            self._record(packet, PEER)
        self._bench.send(packet)

    def take(self, packet: bytes, start: int, at: float) -> None:
        """Hear a segment: a whole IP packet, whose TCP header begins at `start`. `at`: when it
        came, in seconds on the clock of `scheduler.now`.
        """
        if self._recorded:
            self._record(packet, UNDER_TEST)
        self._last = packet
        told = headers.decoded(packet, len(packet))
        said = options.read(packet[start + 20 : start + (packet[start + 12] >> 4) * 4])
        urgent = int.from_bytes(packet[start + 18 : start + 20])
        self.heard.append(
            Heard(
                speech.told(
                    told,
                    said,
                    self._base._replace(
                        stamped=self.stamped, shift=self._shift, recent=self._recent.stamp
                    ),
                    urgent,
                ),
                at,
            )
        )
        if told.bits & SYN:
            self._others = said
        if said.timestamps:
            self._echoed = said.timestamps[0]
            self._first_echo = self._first_echo or self._echoed
        self._recent.hear(told)
        after = (told.sequence + told.length + bool(told.bits & (SYN | FIN))) % RING
        if told.bits & RST:
            return
        if told.bits & SYN or is_behind(self.others_next, after):
            self.others_next = after
        self.known = True
        if told.bits & ACK:
            shift = 0 if told.bits & SYN else self._shift
            self._edge = (told.acknowledgment + (told.window << shift)) % RING

    def _record(self, packet: bytes, sender: Side) -> None:
        at = round(scheduler.now() - self._bench.lab.context.began, 6)
        for side, seen in ((sender, "out"), (sender.peer, "in")):
            self.frames.append(Frame(at, side, seen, len(packet), packet[:128]))  # type: ignore[arg-type]


def errno_of(error: OSError) -> str:
    """The name of an error, as errno.h has it."""
    return errno.errorcode.get(error.errno or 0, os.strerror(error.errno or 0))


LINGER = struct.pack("ii", 1, 0)
