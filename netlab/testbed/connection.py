# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection: the socket of one end, and the flow as both ends' tables list it."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
from collections.abc import Mapping

from netlab.linux.conntrack import NOTHING
from netlab.linux.procnet import Row, endpoint
from netlab.model.errors import LabError
from netlab.model.evidence import TrackedState
from netlab.model.tcp import State
from netlab.model.vocabulary import EOF, WAITS, Pair, Side
from netlab.observe.timeline import Timeline
from netlab.testbed.sockets import written

# include/uapi/linux/tcp.h; the socket module names none of them
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
TCP_SEND_QUEUE, TCP_REPAIR_OFF_NO_WP = 2, -1

Rows = dict[tuple[str, str], Row]


class Connection:
    """The socket that one application holds. Nothing here waits: `Host` does that."""

    def __init__(self, sock: socket.socket, peer: tuple[str, int] | None = None) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.local: tuple[str, int] = sock.getsockname()[:2]
        #: As connect(2) was told, or accept(2) told: a socket that is closed has forgotten it.
        self.peer = peer

    @property
    def remote(self) -> tuple[str, int]:
        """Address and port of the peer. Raises OSError before the socket is connected."""
        address, port = self.socket.getpeername()[:2]
        return address, port

    def finished_opening(self) -> int | None:
        """0 once the handshake is done, the errno it failed with, or None while it goes on."""
        poll = select.poll()
        poll.register(self.socket, select.POLLOUT)
        if not poll.poll(0):
            return None
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def raise_error(self) -> None:
        """Raise OSError if an error is pending in the socket (SO_ERROR)."""
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def reads(self, errors: bool = True) -> tuple[str, ...]:
        """What a read would give the application now, in order: ``5 bytes``, ``EOF``, the name of
        an errno; or else ``nothing``, as it would wait. The data stay to be read. An error is taken
        with it, as by any read; without `errors`, it stays, and an end that has one tells ``()``.
        """
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        ready = dict(poll.poll(0)).get(self.socket.fileno(), 0)
        failed = bool(ready & select.POLLERR)
        if failed and not errors:
            return ()
        try:
            data = self.socket.recv(1 << 20, socket.MSG_PEEK)
        except BlockingIOError:
            return (WAITS,)
        except OSError as error:
            if error.errno == errno.ENOTCONN:  # CLOSED, and its error was told before
                return (WAITS,)
            return (errno.errorcode[error.errno or 0],)
        amount = f"{len(data)} byte{'' if len(data) == 1 else 's'}"
        seen = (amount if data else EOF,)
        if failed:  # not asked for elsewhere: it would take an ICMP error, too, that TCP remembers
            code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            return (*seen, errno.errorcode[code]) if code else seen
        return (*seen, EOF) if data and ready & select.POLLRDHUP else seen

    def close(self) -> None:
        """Close it, with a FIN, or a RST where data was left unread (RFC 2525, section 2.17)."""
        self.socket.close()

    def abort(self) -> None:
        """ABORT of RFC 9293, section 3.10.5: a RST, by closing with SO_LINGER 0."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def discard(self) -> None:
        """Abort it if it is still open."""
        if self.socket.fileno() >= 0:
            self.abort()

    def vanish(self) -> None:
        """Disappear without sending a packet, as after a power cut: close(2) under TCP_REPAIR.

        Raises `LabError` where TCP_REPAIR is refused.
        """
        self._repair(1)
        self.socket.close()

    def acknowledgment_of_fin(self) -> int:
        """The acknowledgment number that covers this end's FIN, sent already or yet to be sent.

        Read from the send queue's sequence number under TCP_REPAIR, which sends nothing. Raises
        `LabError` where TCP_REPAIR is refused.
        """
        self._repair(1)
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE)
            following = self.socket.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ)
            sent = struct.unpack_from("B", self.socket.getsockopt(socket.IPPROTO_TCP, 11, 1))[0]
        finally:
            self._repair(TCP_REPAIR_OFF_NO_WP)
        fin_is_ahead = State(sent) in (State.ESTABLISHED, State.CLOSE_WAIT)
        return (following + fin_is_ahead) & 0xFFFFFFFF

    def _repair(self, value: int) -> None:
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, value)
        except OSError as error:
            raise LabError(f"TCP_REPAIR was refused: {errno.errorcode[error.errno or 0]}") from None


class Flow:
    """One connection as both ends' tables list it, found by its addresses and ports.

    Never by inode: after close(2) a connection goes on without one.
    """

    def __init__(
        self,
        client: tuple[str, int],
        server: tuple[str, int],
        origin: float,
        name: str = "",
    ) -> None:
        self.name = name
        self._origin = origin
        self.client, self.server = client, server
        self.seen = client, server
        self._keys: dict[Side, tuple[str, str]] = {}
        self.see(client, server)
        self._listening = {
            side: f":{port:04X}" for side, (_, port) in zip(Side, (client, server), strict=True)
        }
        self.begun: list[tuple[Side, float]] = []  # when connect(2) returned, and at which side
        self.timelines = {side: Timeline(origin) for side in Side}
        self.rows: dict[Side, Row | None] = dict.fromkeys(Side)
        #: By the name of a hop that remembers connections: when the state of its entry changed.
        self.tracked: dict[str, list[TrackedState]] = {}
        self.adopted = False  # nobody has announced it: a program has opened it
        self.opened: dict[Side, int] = {}  # the sequence number of a side's SYN that was seen
        self.is_past = False  # there is another with the same ends by now
        self.holders: dict[Side, object] = {}  # who holds an end or has held it, where programs run

    def __str__(self) -> str:
        return f"{written(self.client)} -> {written(self.server)}, {self.pair}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def see(self, client: tuple[str, int], server: tuple[str, int]) -> None:
        """Both ends as the server has them: on the way, either may be translated."""
        if self._keys and (client, server) == self.seen:
            return
        self.seen = client, server
        self._keys = {
            Side.CLIENT: (endpoint(*self.client), endpoint(*self.server)),
            Side.SERVER: (endpoint(*server), endpoint(*client)),
        }

    def ends(self, side: Side) -> tuple[tuple[str, int], tuple[str, int]]:
        """One side's own end, and the other end as that side sees it."""
        return (self.client, self.server) if side is Side.CLIENT else self.seen[::-1]

    @property
    def is_seen(self) -> bool:
        """False for what stands for a connection until there is one."""
        return self.client[1] != 0

    @property
    def is_over(self) -> bool:
        """True if the last sample has shown it at neither end."""
        return all(row is None or row.state is State.LISTEN for row in self.rows.values())

    def key(self, side: Side) -> tuple[str, str]:
        """The connection's own and remote end in one side's table."""
        return self._keys[side]

    def is_of(self, side: Side, row: Row) -> bool:
        """True if a row of one side's table is this connection, or a listener on its port."""
        return (row.local, row.remote) == self._keys[side] or (
            row.state is State.LISTEN and row.local.endswith(self._listening[side])
        )

    def sample(self, at: float, side: Side, rows: Rows) -> None:
        """Find this connection among the sockets of one side.

        `at`: when they were read, in seconds on the clock of `scheduler.now`. If only a
        listener on its port is there, the state is LISTEN; if nothing is, CLOSED.
        """
        row = None if self.is_past else rows.get(self._keys[side])
        if row is None:
            row = rows.get((self._listening[side], ""))
        self.rows[side] = row
        self.timelines[side].add(at, row)

    def note(self, at: float, tracked: Mapping[str, str]) -> None:
        """Note the state that each hop has of it, seen `at` so many seconds as in `sample`."""
        for name, state in tracked.items():
            changes = self.tracked.setdefault(name, [])
            before = changes[-1].state if changes else NOTHING
            if state != before:
                changes.append(TrackedState(round(at - self._origin, 6), state))

    def tracked_as(self, hop: str) -> str:
        """The state that a hop has of it by the last sample."""
        changes = self.tracked.get(hop)
        return changes[-1].state if changes else NOTHING

    def tracked_since(self, hop: str, at: float) -> list[TrackedState]:
        """The states that a hop has had of it since `at`, in seconds since the lab was built: the
        one of then first.
        """
        changes = self.tracked.get(hop, [])
        before = [each.state for each in changes if each.at <= at]
        first = TrackedState(at, before[-1] if before else NOTHING)
        return [first, *(each for each in changes if each.at > at)]

    def state(self, side: Side) -> State:
        """The state of one end in the last sample."""
        row = self.rows[side]
        return State.CLOSED if row is None else row.state

    @property
    def pair(self) -> Pair:
        """The states of both ends in the last sample."""
        return Pair(self.state(Side.CLIENT), self.state(Side.SERVER))


MAPPED = "0000000000000000FFFF0000"  # an IPv4 address in an IPv6 socket, ::ffff:0:0/96


def index(rows: list[Row]) -> Rows:
    """Rows by (local, remote) endpoint; listeners by (``:port``, "")."""
    found: Rows = {}
    for row in rows:
        if row.state is State.LISTEN:
            found[row.local[row.local.rindex(":") :], ""] = row
        else:
            found[row.local.removeprefix(MAPPED), row.remote.removeprefix(MAPPED)] = row
    return found
