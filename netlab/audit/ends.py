# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of what an audited program does: its sockets with all that the kernel knows of them,
and what its threads wait in.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence

from netlab.audit.looking import (
    CLOSE,
    Use,
    Waiting,
    descriptors_of,
    forgets_late,
    waiting,
)
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
    "TCP_KEEPIDLE": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
    "TCP_KEEPINTVL": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    "TCP_KEEPCNT": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
}
#: The states in which close(2) waits, where SO_LINGER says so. Its descriptor is gone by then.
CLOSING = (State.FIN_WAIT1, State.CLOSING, State.LAST_ACK)


def held_sockets(host: Node, own: Iterable[int] | None, port: int) -> Iterator[HeldSocket]:
    """The connections at a port of a host, now; those that one of its `own` processes holds with
    their options, or is about to let go. None: whoever holds one is meant, and no options are read.
    """
    closes = any(one.call == CLOSE for one in waiting(own or ()))
    holders = {inode: (process, n) for process in own or () for n, inode in descriptors_of(process)}
    with host.namespace:
        asking = contextlib.closing(Transport(NETLINK_SOCK_DIAG))
    with asking as transport:
        for each in host.sockets(port=port):
            if each.state in (State.LISTEN, State.TIME_WAIT):
                continue
            info: Mapping[str, int] = {}
            with contextlib.suppress(LabError):
                info = inet_diag.info(transport, each.local, each.remote) or {}
            mine = each.inode in holders
            held = mine or (each.inode != 0 and (own is None or (closes and each.state in CLOSING)))
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
                _options(*holders[each.inode]) if mine else {},
            )


def end_the_silent(host: Node, own: Iterable[int], port: int, seconds: float) -> None:
    """End the connections of these processes on which nothing has come for so many seconds, with an
    error. Raises `LabError` where the kernel cannot.
    """
    mine = {inode for process in own for _, inode in descriptors_of(process)}
    with host.namespace:
        asking = contextlib.closing(Transport(NETLINK_SOCK_DIAG))
    with asking as transport:
        for each in host.sockets(port=port, state=State.ESTABLISHED):
            if each.inode in mine:
                figures = inet_diag.info(transport, each.local, each.remote) or {}
                if figures.get("lastrcv", 0) > seconds * 1000:
                    inet_diag.destroy(transport, each.local, each.remote)


def blocked_in(
    own: Iterable[int], rows: Iterable[Row], sockets: Sequence[HeldSocket], use: Use
) -> Iterator[Blocked]:
    """What each thread of these processes waits in, and on which of these connections."""
    inodes = {row.inode: ends(row.local) for row in rows}
    known = {each.local: each for each in sockets}
    for one in waiting(own):
        theirs = (known.get(inodes.get(each, ("", 0))) for each in one.inodes)
        sock = next(filter(None, theirs), None)
        if one.call == CLOSE:
            sock = next((each for each in sockets if each.held and each.state in CLOSING), None)
        yield _blocked(one, sock, use)


def _blocked(one: Waiting, sock: HeldSocket | None, use: Use) -> Blocked:
    about = f"{written(sock.local)} -> {written(sock.remote)}" if sock else ""
    left, rested = one.time_out, use.rested(one.process, one.thread)
    if left is not None and not one.moment:
        left -= rested
    ticks = left is not None and (
        use.has_slept(one.process, one.thread, left + rested) or _may_be_stale(one, sock)
    )
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
        ticks,
    )


def _may_be_stale(one: Waiting, sock: HeldSocket | None) -> bool:
    """True if a time-out may be what was left of opening a connection that is open by now."""
    opened = sock is not None and sock.state is not State.SYN_SENT
    return opened and one.call.startswith("epoll") and forgets_late(one.process)


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
