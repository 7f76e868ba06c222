# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets, as one end of a wire has them and as the rules that drop them have them.

Both observers are sockets opened inside the namespace and read from outside, many packets a call.
A packet socket's ring buffer was measured and left: the kernel waits for two grace periods to set
one up and take it down (32 ms an end), and a ring takes its memory whether packets come or not. A
queue of 16 MB that is read 64 packets a call loses nothing at 100,000 packets a second either.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

#: Bytes kept of each packet, from the internet protocol's header on: all headers, and some payload.
SNAP = 192
QUEUE = 16 << 20  # bytes of kernel memory that packets may wait in, counted as it counts
ETH_P_ALL = 0x0003
PACKET_STATISTICS, PACKET_OUTGOING = 6, 4
SO_TIMESTAMPNS_NEW, SO_RCVBUFFORCE, SO_ATTACH_FILTER = 64, 33, 26
SOL_PACKET = 263
BATCH = 64


class Seen(NamedTuple):
    """One packet as an observer had it."""

    at: float  # on the clock of sampling.now
    outgoing: bool  # leaves this end
    length: int  # bytes, from the internet protocol's header on
    data: bytes  # the first `SNAP` of them


class Dropped(NamedTuple):
    """One packet as a rule had it."""

    at: float  # on the clock of sampling.now; of a packet that was not yet sent: when it was read
    hook: int  # NF_INET_*
    rule: str  # the prefix of the log statement
    length: int
    data: bytes


def _offset() -> float:
    """What to add to CLOCK_REALTIME, which packets are stamped with, for CLOCK_MONOTONIC."""
    return (time.monotonic_ns() - time.time_ns()) / 1e9


# --- the wire


class _Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vector", ctypes.c_void_p),
        ("vectors", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_size_t),  # an int, and padding
        ("length", ctypes.c_uint),
    ]


NAME, CONTROL = 20, 40  # struct sockaddr_ll; a control message with two 64-bit numbers
_STAMP = struct.Struct("@qiiqq")
_libc = ctypes.CDLL(None, use_errno=True)


class _Batch:
    """Room for many packets, filled by one recvmmsg(2). There is one thread, so one is enough."""

    def __init__(self) -> None:
        self.data = ctypes.create_string_buffer(SNAP * BATCH)
        self.bytes = memoryview(self.data)
        self.names = ctypes.create_string_buffer(NAME * BATCH)
        self.controls = ctypes.create_string_buffer(CONTROL * BATCH)
        self.vectors = (ctypes.c_size_t * (2 * BATCH))()
        self.messages = (_Message * BATCH)()
        buffers = (self.data, self.names, self.controls, self.vectors)
        data, names, controls, vectors = (ctypes.addressof(each) for each in buffers)
        for number, message in enumerate(self.messages):
            self.vectors[2 * number] = data + SNAP * number
            self.vectors[2 * number + 1] = SNAP
            message.name = names + NAME * number
            message.name_length = NAME
            message.vector = vectors + 16 * number
            message.vectors = 1
            message.control = controls + CONTROL * number
            message.control_length = CONTROL

    def receive(self, fd: int) -> int:
        """Fill it as far as packets wait; returns how many there were."""
        count: int = _libc.recvmmsg(fd, self.messages, BATCH, socket.MSG_DONTWAIT, None)
        if count >= 0:
            return count
        code = ctypes.get_errno()
        if code in (errno.EAGAIN, errno.ENETDOWN):  # the device is gone with the other namespace
            return 0
        raise OSError(code, os.strerror(code))


@cache
def _batch() -> _Batch:
    return _Batch()


#: Headers of everything but IPv6 multicast: an address that is new is reported to neighbours.
FILTER = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 0),  # ldb [0]
        (0x54, 0, 0, 0xF0),  # and #0xf0
        (0x15, 0, 2, 0x60),  # jeq #0x60: IPv6
        (0x30, 0, 0, 24),  # ldb [24]: its destination
        (0x15, 1, 0, 0xFF),  # jeq #0xff: multicast
        (0x06, 0, 0, SNAP),  # ret
        (0x06, 0, 0, 0),
    )
)


class Wire:
    """Everything that passes one interface. Open it inside the namespace; read it from anywhere."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1)
        _enlarge(self._socket)
        program = ctypes.create_string_buffer(FILTER)
        self._socket.setsockopt(
            socket.SOL_SOCKET,
            SO_ATTACH_FILTER,
            struct.pack("HxxxxxxP", len(FILTER) // 8, ctypes.addressof(program)),
        )
        self._socket.bind((interface, ETH_P_ALL))
        self.missed = 0  # packets that did not fit into the queue

    def read(self) -> Iterator[Seen]:
        """What has passed since it was read last, in order."""
        batch, offset, fd = _batch(), _offset(), self._socket.fileno()
        while count := batch.receive(fd):
            for number in range(count):
                start = SNAP * number
                data = batch.bytes[start : start + batch.messages[number].length].tobytes()
                _, _, _, seconds, nanoseconds = _STAMP.unpack_from(batch.controls, CONTROL * number)
                yield Seen(
                    seconds + nanoseconds / 1e9 + offset,
                    batch.names[NAME * number + 10] == bytes([PACKET_OUTGOING]),
                    _whole_length(data),
                    data,
                )
            if count < BATCH:
                break
        if count:
            self._count_missed()

    def _count_missed(self) -> None:
        """The kernel's own count of what it had no room for; reading it sets it to zero."""
        answer = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.missed += int(struct.unpack("II", answer)[1])

    def close(self) -> None:
        """Stop. The kernel waits for a grace period (16 ms), so a thread does."""
        _closers().submit(self._socket.close)


@cache
def _closers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(8, "netlab-close")


os.register_at_fork(after_in_child=_closers.cache_clear)


def _enlarge(sock: socket.socket) -> None:
    """Let packets wait in `QUEUE` bytes; without CAP_NET_ADMIN on the host, in what is allowed."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE)


# --- the rules

NETLINK_NETFILTER = 12
NFNL_SUBSYS_ULOG = 4
PACKET_MESSAGE, CONFIG_MESSAGE = NFNL_SUBSYS_ULOG << 8, NFNL_SUBSYS_ULOG << 8 | 1
NFULA_PACKET_HDR, NFULA_TIMESTAMP, NFULA_PAYLOAD, NFULA_PREFIX, NFULA_SEQ = 1, 3, 9, 10, 12
NFULA_CFG_CMD, NFULA_CFG_MODE, NFULA_CFG_QTHRESH, NFULA_CFG_FLAGS = 1, 2, 5, 6
NFULNL_CFG_CMD_BIND, NFULNL_COPY_PACKET, NFULNL_CFG_F_SEQ = 1, 2, 1
BUFFER = 1 << 16


class Drops:
    """What rules with a log statement drop: NFLOG, ``net/netfilter/nfnetlink_log.c``.

    Open it inside the namespace; read it from anywhere.
    """

    def __init__(self, group: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.bind((0, 0))
        _enlarge(self._socket)
        for attribute in (
            (NFULA_CFG_CMD, struct.pack("B", NFULNL_CFG_CMD_BIND)),
            (NFULA_CFG_MODE, struct.pack(">IBx", SNAP, NFULNL_COPY_PACKET)),
            (NFULA_CFG_QTHRESH, struct.pack(">I", 1)),  # each at once, and not a hundred together
            (NFULA_CFG_FLAGS, struct.pack(">H", NFULNL_CFG_F_SEQ)),
        ):
            self._configure(group, *attribute)
        self._next = 0
        self.missed = 0  # packets that did not fit into the queue

    def _configure(self, group: int, kind: int, value: bytes) -> None:
        attribute = struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
        body = struct.pack(">BBH", 0, 0, group) + attribute
        request_and_acknowledge = 0x5
        header = struct.pack(
            "=IHHII", 16 + len(body), CONFIG_MESSAGE, request_and_acknowledge, 0, 0
        )
        self._socket.send(header + body)
        (code,) = struct.unpack_from("=i", self._socket.recv(BUFFER), 16)
        if code:
            raise OSError(-code, os.strerror(-code))

    def read(self) -> Iterator[Dropped]:
        """What has been dropped since it was read last, in order."""
        offset = _offset()
        while True:
            try:
                answer = self._socket.recv(BUFFER, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # the queue was full; the numbers tell how often
                    raise
                continue
            at = 0
            while at < len(answer):
                length, kind = struct.unpack_from("=IH", answer, at)
                if kind == PACKET_MESSAGE:
                    yield self._dropped(memoryview(answer)[at + 20 : at + length], offset)
                at += length + (-length % 4)

    def _dropped(self, message: memoryview, offset: float) -> Dropped:
        parts = dict(_attributes(message))
        data = bytes(parts.get(NFULA_PAYLOAD, b""))
        (number,) = struct.unpack(">I", parts[NFULA_SEQ])
        self.missed += number - self._next
        self._next = number + 1
        if NFULA_TIMESTAMP in parts:
            seconds, microseconds = struct.unpack(">QQ", parts[NFULA_TIMESTAMP])
            at = seconds + microseconds / 1e6 + offset
        else:  # it had not left its sender
            at = time.monotonic()
        rule = bytes(parts.get(NFULA_PREFIX, b"")).rstrip(b"\0").decode(errors="replace")
        return Dropped(at, parts[NFULA_PACKET_HDR][2], rule, _whole_length(data), data)

    def close(self) -> None:
        """Stop."""
        self._socket.close()


def _attributes(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    start = 0
    while start + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, start)
        yield kind, message[start + 4 : start + length]
        start += length + (-length % 4)


def _whole_length(data: bytes) -> int:
    """The length that an internet protocol's header says; what was copied may be less."""
    if len(data) >= 20 and data[0] >> 4 == 4:
        return int.from_bytes(data[2:4], "big") or len(data)
    if len(data) >= 40 and data[0] >> 4 == 6:
        return 40 + int.from_bytes(data[4:6], "big")
    return len(data)
