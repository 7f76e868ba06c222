# SPDX-License-Identifier: GPL-2.0-or-later
"""Carries frames between two links, late, or not at all: a wire that misbehaves as it is told.

It is started with three descriptors: a packet socket of the client's link, one of the server's, and
a socket on which conditions come, each time all of them, as one datagram of JSON. It answers each
with the number of packets that every condition has met so far, and ends with whoever sends them.

What becomes of a packet hangs on what it is, and never on when it comes: on the seed, its
direction, its connection's number, its relative sequence number and how often it was sent. So the
same exchange meets the same fate twice.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import hashlib
import heapq
import json
import select
import socket
import struct
import sys
import time

PR_SET_TIMERSLACK = 29
FRAME = 1 << 16
ETHERNET, IPV4, IPV6 = 14, 0x0800, 0x86DD
TCP = 6
FIN, SYN, ACK = 0x01, 0x02, 0x10
AT_ONCE = 64  # frames that one side may have before the other has its turn
WORD = 1 << 32
OUTGOING = 4  # PACKET_OUTGOING: what the link itself has sent


class Followed:
    """A connection: its place among those that were seen, and its first sequence numbers."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.first: list[int | None] = [None, None]  # by direction


class Naming:
    """Names every packet by what it is."""

    def __init__(self) -> None:
        self._connections: dict[bytes, Followed] = {}  # by addresses and ports, client's first
        self._opened = 0
        self._sent: dict[tuple[int, ...], int] = {}
        self._others = [0, 0]

    def name(self, frame: bytes, way: int) -> tuple[int, ...]:
        """What a packet is, on its way to the server (0) or to the client (1)."""
        start, length, ends = _layout(frame)
        if not ends or len(frame) < start + 20:
            self._others[way] += 1
            return way, self._others[way]
        sequence, acknowledged = struct.unpack_from(">II", frame, start + 4)
        flags = frame[start + 13]
        known = self._connection(ends[way] + ends[1 - way], way, sequence, flags)
        first, others = known.first[way], known.first[1 - way]
        if first is None or flags & SYN:
            first = known.first[way] = sequence
        payload = length - start - (frame[start + 12] >> 4) * 4
        if payload or flags & (SYN | FIN):  # which flags and how much else it has, time decides
            what = (way, known.number, 1, (sequence - first) % WORD)
        else:  # what it acknowledges is all that it says
            what = (way, known.number, 0, (acknowledged - (others or 0)) % WORD)
        again = self._sent[what] = self._sent.get(what, 0) + 1
        return (*what, again)

    def _connection(self, ends: bytes, way: int, sequence: int, flags: int) -> Followed:
        known = self._connections.get(ends)
        opens = flags & SYN and not flags & ACK
        if known is None or (opens and known.first[way] not in (None, sequence)):
            self._opened += 1
            known = self._connections[ends] = Followed(self._opened)
        return known


def _layout(frame: bytes) -> tuple[int, int, tuple[bytes, bytes] | None]:
    """Where TCP begins in a frame, where the packet ends, and both ends' address and port: that of
    the sender first. No ends, if it is not TCP.
    """
    kind = int.from_bytes(frame[12:14], "big")
    if kind == IPV4:
        start = ETHERNET + (frame[ETHERNET] & 0xF) * 4
        protocol, addresses, size = frame[ETHERNET + 9], ETHERNET + 12, 4
        length = ETHERNET + int.from_bytes(frame[ETHERNET + 2 : ETHERNET + 4], "big")
    elif kind == IPV6:
        start = ETHERNET + 40
        protocol, addresses, size = frame[ETHERNET + 6], ETHERNET + 8, 16
        length = start + int.from_bytes(frame[ETHERNET + 4 : ETHERNET + 6], "big")
    else:
        return 0, 0, None
    if protocol != TCP:
        return 0, 0, None
    sender, receiver = addresses, addresses + size
    return start, length, (
        frame[sender:receiver] + frame[start : start + 2],
        frame[receiver : receiver + size] + frame[start + 2 : start + 4],
    )  # fmt: skip


def chance(seed: int, salt: int, name: tuple[int, ...]) -> float:
    """A number from 0 to 1 that depends on nothing else."""
    text = repr((seed, salt, name)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / (1 << 64)


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """One condition. Times are seconds, a rate is bytes a second, a queue bytes."""

    id: int
    kind: str
    way: int  # 0, 1, or 2: both
    share: float = 0.0
    seed: int = 0
    salt: int = 0  # makes conditions with one seed choose apart
    delay: float = 0.0
    jitter: float = 0.0
    by: float = 0.0
    rate: float = 0.0
    queue: float = 0.0

    @property
    def chooses(self) -> bool:
        """True if it matters what a packet is."""
        return bool(self.share or self.jitter)


class Way:
    """One direction: what is to be done there, and when the wire has room."""

    def __init__(self, number: int, out: socket.socket) -> None:
        self.number, self.out = number, out
        self.orders: list[Order] = []
        self.latest = 0.0  # when the last one arrives that keeps its place
        self.free = 0.0  # when the next one can be put on the wire


class Pump:
    """All of it. Times are seconds on the monotonic clock."""

    def __init__(self, ends: list[socket.socket], control: socket.socket) -> None:
        self._ends, self._control = ends, control
        self._ways = [Way(0, ends[1]), Way(1, ends[0])]
        self._naming = Naming()
        self._met: dict[int, int] = {}
        self._waiting: list[tuple[float, int, socket.socket, bytes]] = []
        self._count = 0
        self._named = False

    def run(self) -> None:
        """Until whoever sends conditions is gone."""
        sockets = [*self._ends, self._control]
        while True:
            left = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            ready, _, _ = select.select(sockets, [], [], left)
            if self._control in ready and not self._obey():
                return
            for number, end in enumerate(self._ends):
                if end in ready:
                    self._take(end, self._ways[number])
            self._deliver()

    def _obey(self) -> bool:
        text = self._control.recv(1 << 20)
        if not text:
            return False
        orders = [Order(**each) for each in json.loads(text)]
        for way in self._ways:
            way.orders = [each for each in orders if each.way in (way.number, 2)]
        self._named = any(each.chooses for each in orders)
        self._met = {each.id: self._met.get(each.id, 0) for each in orders}
        self._control.send(json.dumps(self._met).encode())
        return True

    def _take(self, end: socket.socket, way: Way) -> None:
        for _ in range(AT_ONCE):
            try:
                frame, sender = end.recvfrom(FRAME, socket.MSG_DONTWAIT)
            except OSError:  # nothing more, or the link is gone
                return
            if sender[2] != OUTGOING:
                self._send(way, frame, time.monotonic())

    def _send(self, way: Way, frame: bytes, now: float) -> None:
        """Decide what becomes of one frame."""
        name = self._naming.name(frame, way.number) if self._named else ()
        due, copies, back = now, 1, 0.0
        for order in way.orders:
            kind = order.kind
            if order.share and chance(order.seed, order.salt, name) >= order.share:
                continue
            if kind == "rate":
                began = max(due, way.free)
                if order.queue and (began - due) * order.rate > order.queue:
                    self._met[order.id] += 1  # it counts what its queue has no room for
                    return
                way.free = due = began + len(frame) / order.rate
                continue
            if order.share or kind == "delay":
                self._met[order.id] += 1
            if kind == "delay":
                due += order.delay
                if order.jitter:
                    due += order.jitter * (2 * chance(order.seed, order.salt, name) - 1)
            elif kind == "loss" and order.share:
                return
            elif kind == "duplicate" and order.share:
                copies += 1
            elif kind == "reorder" and order.share:
                back = order.by
            elif kind == "corrupt" and order.share:
                at = ETHERNET + int(chance(order.seed, -1, name) * (len(frame) - ETHERNET))
                frame = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
        if back:
            due += back
        else:
            due = way.latest = max(due, way.latest)
        for _ in range(copies):
            self._put(due, way, frame)

    def _put(self, due: float, way: Way, frame: bytes) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (due, self._count, way.out, frame))

    def _deliver(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            _, _, out, frame = heapq.heappop(self._waiting)
            with contextlib.suppress(OSError):  # its link is gone
                out.send(frame)


def main(arguments: list[str]) -> None:
    """Descriptors: of the client's link, of the server's, and of who sends conditions."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    client, server, control = (socket.socket(fileno=int(each)) for each in arguments)
    Pump([client, server], control).run()


if __name__ == "__main__":
    main(sys.argv[1:])
