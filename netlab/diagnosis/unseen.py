# SPDX-License-Identifier: GPL-2.0-or-later
"""What a listing cannot show: said wherever somebody might take silence for health."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from netlab.diagnosis.observed import ObservedHost
from netlab.model.tcp import State
from netlab.snapshot.records import Snapshot, Socket

Connection = tuple[tuple[str, int], tuple[str, int]]
#: States in which a socket that neither sends nor waits for its program may rest.
RESTING = (State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT2)


def of(snapshot: Snapshot, host: ObservedHost, told: Collection[Connection]) -> Iterator[str]:
    """Each thing that this snapshot leaves open, and the command that would show it.

    `told`: the connections that have a finding, seen from either end.
    """
    again = len(snapshot.samples) > 1
    left = [
        socket
        for socket in host.restless
        if (_unread(socket) or _unsent(socket))
        and (socket.local, socket.remote) not in told
        and (socket.remote, socket.local) not in told
    ]
    unread = [socket for socket in left if _unread(socket)]
    if unread and not again:
        yield (
            f"{_many([socket.rx_queue for socket in unread])} unread (Recv-Q), "
            "and one look without ages does not say for how long: look twice with ss -tanoei, "
            "some seconds apart"
        )
    unsent = [socket for socket in left if _unsent(socket)]
    if unsent:
        yield (
            f"{_many([socket.tx_queue for socket in unsent])} unacknowledged (Send-Q), "
            "and this listing has no timers, so that a transfer and a stuck connection look the "
            "same: run ss -tanoei, or netstat -tnop, twice"
        )
    if not host.sockets and host.counters:
        yield from _counted(host)


def _unread(socket: Socket) -> bool:
    return socket.state in RESTING and socket.rx_queue > 1 and "rto" not in socket.info


def _unsent(socket: Socket) -> bool:
    return socket.state in RESTING and socket.tx_queue > 0 and socket.timer is None


def _many(queues: Sequence[int]) -> str:
    most = max(queues)
    amount = f"{most:,} byte{'s' * (most > 1)}"
    if len(queues) == 1:
        return f"1 socket has {amount}"
    return f"{len(queues)} sockets have up to {amount}"


def _counted(host: ObservedHost) -> Iterator[str]:
    overflows = host.counters.get("ListenOverflows", 0)
    text = "these are counters, and no sockets"
    if overflows and host.risen is None:
        text += (
            f"; accept queues have overflowed {overflows:,} times since boot (ListenOverflows), "
            "and only a second look says whether they still do"
        )
    yield f"{text}: run nstat -az twice, and ss -tanoei beside it (ss -ltn shows full queues)"
