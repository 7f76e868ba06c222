# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of what an audited program does: its sockets with all that the kernel knows of them,
and what its threads wait in.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator, Mapping

from netlab.audit.looking import Use, Waiting, descriptors_of, waiting
from netlab.linux import inet_diag, syscalls
from netlab.linux.netlink import NETLINK_SOCK_DIAG
from netlab.linux.procnet import Row, ends
from netlab.linux.transport import Transport
from netlab.model.auditing import Blocked, HeldSocket
from netlab.model.errors import LabError
from netlab.model.tcp import State
from netlab.testbed.node import Node
from netlab.testbed.sockets import written

#: Bytes of memory that a program and its children may take, and the share of what is free.
MEMORY, SHARE = 1 << 30, 0.02
#: Socket options that decide how long one waits, and how they are read.
OPTIONS = {
    "SO_KEEPALIVE": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    "TCP_USER_TIMEOUT": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    "TCP_KEEPINTVL": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    "TCP_KEEPCNT": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
}


def held_sockets(host: Node, own: Iterable[int], port: int) -> Iterator[HeldSocket]:
    """The connections at a port of a host, now; those that one of its `own` processes holds with
    their options.
    """
    holders = {inode: (process, n) for process in own for n, inode in descriptors_of(process)}
    with host.namespace:
        asking = contextlib.closing(Transport(NETLINK_SOCK_DIAG))
    with asking as transport:
        for each in host.sockets(port=port):
            if each.state in (State.LISTEN, State.TIME_WAIT):
                continue
            info: Mapping[str, int] = {}
            with contextlib.suppress(LabError):
                info = inet_diag.info(transport, each.local, each.remote) or {}
            held = each.inode in holders
            yield HeldSocket(
                each.state,
                each.local,
                each.remote,
                each.unsent,
                each.unread,
                each.timer,
                each.remaining,
                each.retransmits,
                held,
                info,
                _options(*holders[each.inode]) if held else {},
            )


def blocked_in(
    own: Iterable[int], rows: Iterable[Row], sockets: Iterable[HeldSocket], use: Use
) -> Iterator[Blocked]:
    """What each thread of these processes waits in, and on which of these connections."""
    inodes = {row.inode: ends(row.local) for row in rows}
    known = {each.local: each for each in sockets}
    for one in waiting(own):
        sock = known.get(inodes.get(one.inode, ("", 0)))
        about = f"{written(sock.local)} -> {written(sock.remote)}" if sock else ""
        yield _blocked(one, about, use.rested(one.process, one.thread))


def _blocked(one: Waiting, about: str, rested: float) -> Blocked:
    left = one.time_out
    if left is not None and not one.moment:
        left -= rested
    return Blocked(
        one.process,
        one.thread,
        one.name,
        one.call,
        one.where,
        one.descriptor,
        about,
        None if left is None else round(max(0.0, left), 3),
        round(rested, 3),
    )


def taken(process: int, descriptor: int) -> socket.socket:
    """One's own copy of a socket of a program. Raises OSError."""
    return socket.socket(fileno=syscalls.taken(process, descriptor))


def is_tcp(process: int, descriptor: int) -> bool:
    """True if a socket of a program is one of TCP."""
    with contextlib.suppress(OSError), taken(process, descriptor) as sock:
        return sock.proto == socket.IPPROTO_TCP
    return False


def _options(process: int, descriptor: int) -> dict[str, int]:
    with contextlib.suppress(OSError), taken(process, descriptor) as sock:
        return {name: sock.getsockopt(*where) for name, where in OPTIONS.items()}
    return {}


def memory_limit() -> int:
    """The bytes that one program may take: fewer where there is less."""
    with open("/proc/meminfo", encoding="ascii") as file:
        fields = dict(line.split(":") for line in file)
    free = int(fields["MemAvailable"].split()[0]) << 10
    return max(MEMORY // 4, min(MEMORY, int(free * SHARE)))
