# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hosts with a network between them, which takes time, jitters, and loses packets.

Each host has a TUN device. A process of its own carries the packets from one to the other, as a
router on a long line would, since not every kernel has ``netem``. In each host runs a process with
applications (`traffic`, or real ones: `services`). Only descriptors hold the hosts, and their
processes end with this one.
"""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import random
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from netlab.linux import rtnetlink
from netlab.linux.namespace import Namespace
from netlab.linux.netlink import NETLINK_ROUTE
from netlab.linux.transport import Transport
from netlab.model.vocabulary import Family, Side

from . import traffic

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h
LARGEST = 65536  # bytes of a packet
BANDWIDTH = 2.5e6  # bytes a second, in each direction
QUEUE = 0.2  # seconds: packets that would wait longer for their turn are dropped, as by a router
JITTER = 0.1  # of the delay
ADDRESSES = {Side.CLIENT: "10.66.0.1", Side.SERVER: "10.66.0.2"}


#: A RST that was lost: when, by `time.monotonic`, and the ports of its sender and its receiver.
RESET = struct.Struct("!dHH")


@dataclass(frozen=True, slots=True)
class Path:
    """What lies between the hosts: the round trip in seconds, and the share lost each way."""

    rtt: float
    loss: float

    def __str__(self) -> str:
        return f"RTT {self.rtt * 1000:g} ms, {self.loss * 100:g} % lost"


PATHS = tuple(Path(rtt, loss) for rtt in (0.0, 0.02, 0.08) for loss in (0.0, 0.005, 0.02))


#: What a host's process does: the server's address, a seed, and what can be read when it is over.
Applications: TypeAlias = Callable[[str, int, int], None]


@contextlib.contextmanager
def network(
    path: Path,
    seed: int,
    serve: Applications = traffic.serve,
    use: Applications = traffic.use,
    resets: int | None = None,
) -> Iterator[Mapping[Side, Namespace]]:
    """The two hosts, with applications that use the path. Raises `NetlabError`, OSError.

    For each RST that the line loses, a `RESET` is written to `resets`: nobody repeats one.
    """
    with contextlib.ExitStack() as opened:
        hosts, tuns = {}, {}
        for side in Side:
            hosts[side] = Namespace.create()
            opened.callback(hosts[side].close)
            # Small tables have room for few: see tcp_max_tw_buckets in ip-sysctl.rst.
            hosts[side].sysctl("tcp_max_tw_buckets", 16384)
            tuns[side] = _tun(hosts[side], ADDRESSES[side])
            opened.callback(os.close, tuns[side])
        client, server = hosts[Side.CLIENT], hosts[Side.SERVER]
        to = ADDRESSES[Side.SERVER]
        opened.enter_context(
            processes(
                lambda ended: _carry(
                    tuns[Side.CLIENT], tuns[Side.SERVER], path, seed, ended, resets
                ),
                lambda ended: inside(server, lambda: serve(to, seed, ended)),
                lambda ended: inside(client, lambda: use(to, seed, ended)),
            )
        )
        yield hosts


@contextlib.contextmanager
def processes(*roles: Callable[[int], None]) -> Iterator[None]:
    """Each role in a process of its own, which plays it until the descriptor that it is given can
    be read: when the body ends, or this process does.
    """
    with contextlib.ExitStack() as opened:
        ended, lives = os.pipe()
        opened.callback(os.close, ended)
        end = opened.enter_context(_closing(lives))
        forked = multiprocessing.get_context("fork")
        for role in roles:
            process = forked.Process(target=_without(lives, role, ended), daemon=True)
            process.start()
            opened.callback(process.join)
            opened.callback(end)
        yield


@contextlib.contextmanager
def _closing(fd: int) -> Iterator[Callable[[], None]]:
    """A function that closes a descriptor once, however often it is called."""
    with contextlib.ExitStack() as opened:
        opened.callback(os.close, fd)
        yield opened.close


def _without(lives: int, role: Callable[[int], None], ended: int) -> Callable[[], None]:
    """The role for a child, which must not hold its parent's end of the pipe."""

    def play() -> None:
        os.close(lives)
        role(ended)

    return play


def inside(host: Namespace, role: Callable[[], None]) -> None:
    """Play a role at a host."""
    with host:
        role()


def _tun(host: Namespace, address: str) -> int:
    """A TUN device in a host, with its address and a network to the other one."""
    with host:
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
        index = socket.if_nametoindex("tun0")
        with contextlib.closing(Transport(NETLINK_ROUTE)) as route:
            own = rtnetlink.address(Family.IPV4, address, index, 24)
            loopback = rtnetlink.up(socket.if_nametoindex("lo"))
            route.send([own, loopback, rtnetlink.up(index), rtnetlink.mtu(index, 1500)])
    return tun


# --- the line


class _Direction:
    """The packets on their way to one of the hosts."""

    def __init__(
        self, source: int, target: int, path: Path, chance: random.Random, resets: int | None
    ) -> None:
        self.source = source
        self._target = target
        self._path = path
        self._chance = chance
        self._resets = resets
        self._free = self._last = 0.0  # when the line is free again; when the last one arrives
        self._under_way: deque[tuple[float, bytes]] = deque()

    @property
    def next(self) -> float:
        """When the next packet arrives."""
        return self._under_way[0][0] if self._under_way else float("inf")

    def take(self, now: float) -> None:
        """Take all packets that the host sends."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._send(os.read(self.source, LARGEST), now)

    def _send(self, packet: bytes, now: float) -> None:
        if self._chance.random() < self._path.loss or self._free - now > QUEUE:
            if self._resets is not None and (ports := _reset(packet)):
                os.write(self._resets, RESET.pack(now, *ports))
            return
        self._free = max(self._free, now) + len(packet) / BANDWIDTH
        delay = self._path.rtt / 2 * (1 + self._chance.uniform(0, JITTER))
        self._last = max(self._last, self._free + delay)  # a line does not reorder
        self._under_way.append((self._last, packet))

    def deliver(self, now: float) -> None:
        """Hand over what has arrived."""
        while self.next <= now:
            with contextlib.suppress(BlockingIOError):
                os.write(self._target, self._under_way.popleft()[1])


def _reset(packet: bytes) -> tuple[int, int] | None:
    """The ports of a RST (RFC 9293, 3.1, behind the header of RFC 791); None of other packets."""
    size = (packet[0] & 15) * 4
    if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP or not packet[size + 13] & 4:
        return None
    source, target = struct.unpack_from("!HH", packet, size)
    return source, target


def _carry(
    one: int, other: int, path: Path, seed: int, ended: int, resets: int | None = None
) -> None:
    """Carry packets between two devices until `ended` can be read."""
    chance = random.Random(seed)
    ways = (
        _Direction(one, other, path, chance, resets),
        _Direction(other, one, path, chance, resets),
    )
    while True:
        due = min(way.next for way in ways)
        wait = None if due == float("inf") else max(0.0, due - time.monotonic())
        ready, _, _ = select.select([one, other, ended], [], [], wait)
        if ended in ready:
            return
        now = time.monotonic()
        for way in ways:
            if way.source in ready:
                way.take(now)
            way.deliver(now)
