# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets, as seen at one end of a wire and by the rules that drop them.

Both observers are sockets opened inside the namespace and read from outside. Both take copies. A
packet socket without a ring keeps a clone of each packet until it is read, and Linux behaves
differently then: the SYN of a simultaneous open is copied instead of changed (tcp_send_synack), its
SYN-ACK is retransmitted although it still waits on this host (skb_still_in_host_queue), and pairs
that are reached unobserved are no longer reached.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
import time
from collections.abc import Iterator
from functools import cache, partial
from typing import NamedTuple

from netlab.linux import closing, netlink, syscalls
from netlab.linux.netlink import NETLINK_NETFILTER, NLM_F_ACK
from netlab.linux.threads import Workers

ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, TPACKET_V2 = 5, 6, 10, 1
PACKET_OUTGOING = 4
SO_RCVBUFFORCE, SO_ATTACH_FILTER = 33, 26

#: One frame of the ring, in bytes: the kernel's header, and what is kept of a packet, from the
#: IP header on. A ring of 1 MB lasts 50 ms at 100,000 packets a second, and it is
#: read every 20 ms.
FRAME, HEADER = 192, 80
SNAP = FRAME - HEADER
BLOCK, BLOCKS = 1 << 16, 16
FRAMES_A_BLOCK = BLOCK // FRAME
FRAMES = BLOCKS * FRAMES_A_BLOCK


class Seen(NamedTuple):
    """One packet as an observer saw it."""

    at: float  # on the clock of scheduler.now
    outgoing: bool  # leaves this end
    length: int  # bytes, from the IP header on
    data: bytes  # the first `SNAP` of them


class Dropped(NamedTuple):
    """One packet as a rule saw it."""

    at: float  # on the clock of scheduler.now; of a packet that was not yet sent: when it was read
    hook: int  # NF_INET_*
    rule: str  # the prefix of the log statement
    link: int  # the number of the interface that it came in by, or was to leave by
    length: int
    data: bytes


#: A reading of both clocks that took no longer than this was not interrupted.
GOOD_NS, READINGS = 2000, 20


def _reading() -> tuple[int, float]:
    """How long it took to read both clocks, in nanoseconds; and by how many seconds they differ."""
    before, stamp, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
    return after - before, ((before + after) / 2 - stamp) / 1e9


@cache
def _good() -> int:
    """How long a reading may take that was not interrupted: longer, where each takes longer, as in
    an emulator.
    """
    return max(GOOD_NS, 2 * min(_reading() for _ in range(READINGS))[0])


def _offset() -> float:
    """Seconds to add to CLOCK_REALTIME, which stamps packets, to get CLOCK_MONOTONIC.

    The best of several readings: this process may lose the processor between two clocks, and under
    a hypervisor it may do so for half a millisecond and more than once in a row.
    """
    best, good = _reading(), _good()
    for _ in range(READINGS - 1):
        if best[0] < good:
            break
        best = min(best, _reading())
    return best[1]


# --- packet sockets


def program(*instructions: tuple[int, int, int, int]) -> bytes:
    """A filter in the kernel's classic language: ``struct sock_filter``, one after the other."""
    return b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)


def attach(sock: socket.socket, filtering: bytes) -> None:
    """Have a socket see only what a `program` lets pass."""
    code = ctypes.create_string_buffer(filtering)
    described = struct.pack("HxxxxxxP", len(filtering) // 8, ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)


def counted(sock: socket.socket) -> tuple[int, int]:
    """The packets that have come to wait since the last call, and those that had no room: reading
    their numbers sets them to zero.
    """
    came, missed = struct.unpack("II", sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    return came - missed, missed


def enlarge(sock: socket.socket) -> None:
    """Queue packets in `QUEUE` bytes, or in as many as are allowed without CAP_NET_ADMIN."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE)


# --- the wire

#: Headers of everything but IPv6 multicast: a new address is reported to neighbours.
FILTER = program(
    (0x30, 0, 0, 0),  # ldb [0]
    (0x54, 0, 0, 0xF0),  # and #0xf0
    (0x15, 0, 2, 0x60),  # jeq #0x60: IPv6
    (0x30, 0, 0, 24),  # ldb [24]: its destination
    (0x15, 1, 0, 0xFF),  # jeq #0xff: multicast
    (0x06, 0, 0, 0xFFFF),  # ret: the ring keeps what fits into a frame, and the length
    (0x06, 0, 0, 0),
)


class Wire:
    """Everything that passes one interface. Open it inside the namespace; read it from anywhere.

    The kernel waits for a grace period when it sets up a ring and for two when it takes it down
    (8 and 24 ms), so other threads do that. Packets are seen from `start` on.
    """

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        attach(self._socket, FILTER)
        self._ring: mmap.mmap | None = None
        self._next = 0
        self._ready = _workers().do(partial(_set_up_ring, self._socket.fileno()))
        self.missed = 0  # packets that did not fit into the ring

    def start(self) -> bool:
        """See packets from now on; False until the ring is ready. Raises OSError if it fails."""
        if not self._ready.done:
            return False
        if self._ready.error is not None:
            raise self._ready.error
        self._ring = mmap.mmap(self._socket.fileno(), BLOCK * BLOCKS)
        self._socket.bind((self._interface, ETH_P_ALL))
        return True

    def read(self) -> Iterator[Seen]:
        """The packets that have passed since the last call, in order; no more than the ring holds:
        they may come faster than anybody reads them.
        """
        ring = self._ring
        if ring is None:
            return
        offset = _offset()
        some = False
        for _ in range(FRAMES):
            block, frame = divmod(self._next, FRAMES_A_BLOCK)
            at = block * BLOCK + frame * FRAME
            status, length, kept, _, net, seconds, nanoseconds = _FRAME.unpack_from(ring, at)
            if not status & TP_STATUS_USER:
                break
            some = True
            yield Seen(
                seconds + nanoseconds / 1e9 + offset,
                ring[at + PACKET_TYPE] == PACKET_OUTGOING,
                length,
                ring[at + net : at + net + kept],
            )
            _STATUS.pack_into(ring, at, 0)
            self._next = (self._next + 1) % FRAMES
        if some:  # else the ring cannot have been full
            self.missed += counted(self._socket)[1]

    def close(self) -> None:
        """Stop observing."""
        _workers().do(self._take_down)

    def _take_down(self) -> None:
        self._ready.wait()  # the ring must be there before it goes
        if self._ring is not None:
            self._ring.close()
        self._socket.close()


_FRAME, _STATUS = struct.Struct("=IIIHHII"), struct.Struct("=I")  # struct tpacket2_hdr
PACKET_TYPE = 32 + 10  # in the struct sockaddr_ll that follows it
TP_STATUS_USER = 1


def _set_up_ring(descriptor: int) -> None:
    """For another thread: socket.setsockopt would stop all others while the kernel waits."""
    request = struct.pack("IIII", BLOCK, BLOCKS, FRAME, FRAMES)
    syscalls.set_option(descriptor, SOL_PACKET, PACKET_RX_RING, request)


@cache
def _workers() -> Workers:
    return Workers(16)


os.register_at_fork(after_in_child=_workers.cache_clear)


# --- the rules

NFNL_SUBSYS_ULOG = 4
NFGENMSG_SIZE = 4
PACKET_MESSAGE, CONFIG_MESSAGE = NFNL_SUBSYS_ULOG << 8, NFNL_SUBSYS_ULOG << 8 | 1
NFULA_PACKET_HDR, NFULA_TIMESTAMP, NFULA_PAYLOAD, NFULA_PREFIX, NFULA_SEQ = 1, 3, 9, 10, 12
NFULA_IFINDEX_INDEV, NFULA_IFINDEX_OUTDEV = 4, 5
NFULA_CFG_CMD, NFULA_CFG_MODE, NFULA_CFG_QTHRESH, NFULA_CFG_FLAGS = 1, 2, 5, 6
NFULNL_CFG_CMD_BIND, NFULNL_COPY_PACKET, NFULNL_CFG_F_SEQ = 1, 2, 1
BUFFER = 1 << 16
QUEUE = 16 << 20  # bytes of kernel memory that packets may wait in


class Drops:
    """The packets that rules with a log statement drop: NFLOG, ``net/netfilter/nfnetlink_log.c``.

    Open it inside the namespace; read it from anywhere.
    """

    def __init__(self, group: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.bind((0, 0))
        enlarge(self._socket)
        for attribute in (
            (NFULA_CFG_CMD, struct.pack("B", NFULNL_CFG_CMD_BIND)),
            (NFULA_CFG_MODE, struct.pack(">IBx", SNAP, NFULNL_COPY_PACKET)),
            (NFULA_CFG_QTHRESH, struct.pack(">I", 1)),  # each at once, and not a hundred together
            (NFULA_CFG_FLAGS, struct.pack(">H", NFULNL_CFG_F_SEQ)),
        ):
            self._configure(group, *attribute)
        self._next = 0
        self._overrun = False
        self.missed = 0  # packets that did not fit into the queue

    def _configure(self, group: int, kind: int, value: bytes) -> None:
        body = struct.pack(">BBH", 0, 0, group) + netlink.attribute(kind, value)
        self._socket.send(netlink.message(CONFIG_MESSAGE, NLM_F_ACK, body))
        for _, _, answer in netlink.messages(memoryview(self._socket.recv(BUFFER))):
            code = netlink.error_code(answer)
            if code:
                raise OSError(code, os.strerror(code))

    def read(self) -> Iterator[Dropped]:
        """The packets that have been dropped since the last call, in order."""
        offset = _offset()
        while True:
            try:
                answer = self._socket.recv(BUFFER, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._did_not_fit()
                continue
            for kind, _, message in netlink.messages(memoryview(answer)):
                if kind == PACKET_MESSAGE:
                    yield self._dropped(message[NFGENMSG_SIZE:], offset)

    def _did_not_fit(self) -> None:
        """The queue was full. The number of the next packet, if one comes, shows how many were
        lost; until then, count one.
        """
        self.missed += not self._overrun
        self._overrun = True

    def _dropped(self, message: memoryview, offset: float) -> Dropped:
        parts = dict(netlink.attributes(message))
        data = bytes(parts.get(NFULA_PAYLOAD, b""))
        (number,) = struct.unpack(">I", parts[NFULA_SEQ])
        if number > self._next:
            self.missed += number - self._next - self._overrun
            self._overrun = False
        self._next = number + 1
        if NFULA_TIMESTAMP in parts:
            seconds, microseconds = struct.unpack(">QQ", parts[NFULA_TIMESTAMP])
            at = seconds + microseconds / 1e6 + offset
        else:  # it had not left its sender
            at = time.monotonic()
        rule = bytes(parts.get(NFULA_PREFIX, b"")).rstrip(b"\0").decode(errors="replace")
        link = parts.get(NFULA_IFINDEX_INDEV) or parts.get(NFULA_IFINDEX_OUTDEV) or b""
        number = int.from_bytes(link, "big")
        return Dropped(at, parts[NFULA_PACKET_HDR][2], rule, number, _whole_length(data), data)

    def close(self) -> None:
        """Stop observing."""
        closing.later(self._socket.close)  # closing blocks, as for all of nfnetlink


def _whole_length(data: bytes) -> int:
    """The length in bytes that an IP header states; less may have been copied."""
    if len(data) >= 20 and data[0] >> 4 == 4:
        return int.from_bytes(data[2:4], "big") or len(data)
    if len(data) >= 40 and data[0] >> 4 == 6:
        return 40 + int.from_bytes(data[4:6], "big")
    return len(data)
