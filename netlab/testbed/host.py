# SPDX-License-Identifier: GPL-2.0-or-later
"""One end of a lab, and what an application does there.

Calls that cannot block return at once. Those that may (`connect`, `accept`, `send`, `read`,
`drain`) poll the kernel until they are done, and the lab is sampled meanwhile. An OSError is the
one that the application would get.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from netlab.linux.netlink import NETLINK_SOCK_DIAG
from netlab.linux.transport import Transport
from netlab.model.errors import ActionFailed, LabError
from netlab.model.tcp import Segment
from netlab.model.vocabulary import Side
from netlab.testbed import wire
from netlab.testbed.connection import Connection
from netlab.testbed.context import PORT, LabContext
from netlab.testbed.forge import FORGED, Forge
from netlab.testbed.node import Node

if TYPE_CHECKING:
    from netlab.testbed.forged import Forged

T = TypeVar("T")
PATIENCE = 5.0  # seconds that an application waits for what should happen at once
TCP_DEFER_ACCEPT = 9
IP_BIND_ADDRESS_NO_PORT = 24


class Host(Node):
    """One end: a node, and the sockets of its applications."""

    def __init__(self, context: LabContext, side: Side, hosts: dict[Side, Host]) -> None:
        super().__init__(context, side)
        self.family = context.family
        self._hosts = hosts  # both, by side; this one adds itself
        self.connections: list[Connection] = []
        self.listeners: list[Connection] = []
        self._addresses = 1
        self._named: dict[str, int] = {}  # additional addresses that have a name
        self._plugs = 0
        self._forge: Forge | None = None
        hosts[side] = self

    def __repr__(self) -> str:
        return f"<{self.side} {self.address}>"

    @property
    def peer(self) -> Host:
        """The other end."""
        return self._hosts[self.side.peer]

    @property
    def address(self) -> str:
        """The address that the other end knows it by."""
        return self._context.address(self.side)

    @property
    def connection(self) -> Connection:
        """The connection that was opened last. Raises `ActionFailed` if there is none."""
        if not self.connections:
            raise ActionFailed(f"{self.side} has no connection: connect or accept one first")
        return self.connections[-1]

    # --- opening

    def listen(
        self,
        port: int = PORT,
        backlog: int = 128,
        defer: int = 0,
        reuse: bool = False,
        at: str = "",
    ) -> Connection:
        """Passive OPEN. `defer`: TCP_DEFER_ACCEPT in seconds; `reuse`: SO_REUSEADDR; `at`: the name
        of another address of this end, behind a service.
        """
        sock = self._socket(socket.SOCK_STREAM)
        if reuse:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if defer:
            sock.setsockopt(socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, defer)
        try:
            sock.bind((self._context.addressed(at) if at else self.address, port))
            sock.listen(backlog)
        except OSError:
            sock.close()
            raise
        listener = Connection(sock)
        self.listeners.append(listener)
        return listener

    def unlisten(self) -> None:
        """Close the listener: un-accepted connections are reset, requests are not.

        Raises `ActionFailed` if there is none.
        """
        if not self.listeners:
            raise ActionFailed(f"{self.side} does not listen")
        self.listeners.pop().close()

    def connect(
        self,
        port: int = PORT,
        source_port: int = 0,
        source: str | None = None,
        reuse: bool = False,
        timeout: float | None = None,
        wait: bool = True,
        name: str = "",
        to: Host | str | None = None,
    ) -> Connection:
        """Active OPEN to `port` of the other end, or of the host `to`, which may be this one, or
        the name of a service on the way.

        Returns when the handshake is done, or at once with `wait=False`. After `timeout` seconds
        the application gives up and closes. Raises OSError as connect(2) does.
        """
        peer = self._named_peer(to, port)
        sock = self._socket(socket.SOCK_STREAM)
        try:
            if reuse:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if not source_port:  # let connect(2) choose the port, knowing the peer
                sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            # Always from a known address: among several, IPv6 prefers the one added last.
            sock.bind((source or self.address, source_port))
            sock.setblocking(False)
            with self._latency():
                code = sock.connect_ex(peer)
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
        except OSError:
            sock.close()
            raise
        connection = Connection(sock, peer)
        self.connections.append(connection)
        self._context.flows.register(self.side, connection.local, peer, name, begins=True)
        if wait or timeout is not None:
            self.connected(connection, timeout)
        return connection

    def connected(self, connection: Connection, timeout: float | None = None) -> None:
        """Wait until the handshake is done.

        Raises OSError if it fails, with ETIMEDOUT after `timeout` seconds; without `timeout`,
        `ActionFailed` after `PATIENCE` seconds.
        """
        code = self._context.wait(connection.finished_opening, timeout or PATIENCE)
        if code is None and timeout is not None:
            connection.close()
            code = errno.ETIMEDOUT
        if code is None:
            raise self._impatient("the handshake was not done")
        if code:
            raise OSError(code, os.strerror(code))

    def accept(self, name: str = "") -> Connection:
        """Take the first connection of the last listener's queue, waiting for one.

        Raises `ActionFailed` if this end does not listen or none comes within `PATIENCE` seconds.
        """
        if not self.listeners:
            raise ActionFailed(f"{self.side} does not listen")
        listener = self.listeners[-1].socket
        sock, peer = self._patiently("accept", listener.accept)
        connection = Connection(sock, peer[:2])
        self.connections.append(connection)
        self._context.flows.register(self.side, connection.local, peer[:2], name)
        return connection

    # --- data

    def send(self, data: bytes | str, on: Connection | None = None) -> int:
        """SEND: hand over all of `data`; returns its length in bytes."""
        connection = on or self.connection
        whole = memoryview(data.encode() if isinstance(data, str) else data)
        sent = 0

        def send() -> int:
            return connection.socket.send(whole[sent:])

        while sent < len(whole):
            sent += self._patiently("send", send)
        return sent

    def read(self, count: int, on: Connection | None = None) -> bytes:
        """RECEIVE `count` bytes; fewer only if the peer's FIN comes first."""
        connection = on or self.connection
        data = b""

        def receive() -> bytes:
            return connection.socket.recv(count - len(data))

        while len(data) < count and (part := self._patiently("read", receive)):
            data += part
        return data

    def drain(self, on: Connection | None = None) -> bytes:
        """Read until the peer's FIN, so that a close sends a FIN and not a RST."""
        connection = on or self.connection
        data = b""
        while part := self._patiently("read to the end", lambda: connection.socket.recv(1 << 16)):
            data += part
        return data

    # --- ending

    def shutdown(self, on: Connection | None = None) -> None:
        """Half-close: send a FIN, and go on reading."""
        (on or self.connection).socket.shutdown(socket.SHUT_WR)

    def close(self, on: Connection | None = None) -> None:
        """CLOSE: the application lets go of its socket."""
        connection = on or self.connection
        with self._latency():
            connection.close()

    def abort(self, on: Connection | None = None) -> None:
        """ABORT: a RST instead of a FIN."""
        (on or self.connection).abort()

    def vanish(self, on: Connection | None = None) -> None:
        """Disappear without sending a packet, as after a power cut."""
        (on or self.connection).vanish()

    # --- the wire

    def plug(self) -> None:
        """Hold what this end sends from now on, in order; plugs are counted."""
        self._plugs += 1
        if self._plugs == 1:
            wire.plug(self.route, self.side, self._context.network)

    def unplug(self) -> None:
        """Remove one plug; with the last one, what was held is sent."""
        self._plugs -= 1
        if self._plugs == 0:
            wire.unplug(self.route, self.side, self._context.network)

    @contextlib.contextmanager
    def _latency(self) -> Iterator[None]:
        """Have what this end sends in the body arrive after it.

        On a real wire an answer takes time. On a veth pair the peer answers before connect(2)
        returns, while the socket is still locked, and Linux then ignores an ICMP error
        (tcp_v4_err, ``sock_owned_by_user``) that it obeys on any real network. An answer inside
        close(2) makes it keep a full socket for an orphan in FIN_WAIT2, and end it with a RST.
        """
        self.plug()
        try:
            yield
        finally:
            self.unplug()

    # --- the rest of the machine

    def set_option(self, name: str, value: int, on: Connection | None = None) -> None:
        """Set a socket option by its name in the socket module (``TCP_USER_TIMEOUT``).

        Raises `LabError` for an unknown name, and OSError where the kernel refuses the value.
        """
        level = socket.IPPROTO_TCP if name.startswith("TCP_") else socket.SOL_SOCKET
        number = getattr(socket, name, None)
        if number is None or not name.startswith(("TCP_", "SO_")):
            raise LabError(f"no socket option is called {name}")
        (on or self.connection).socket.setsockopt(level, number, value)

    def add_address(self) -> str:
        """Give this end one more address of each family; returns that of the lab's family."""
        wire.add_address(
            self.route, self.peer.route, self.side, self._context.network, self._addresses
        )
        self._addresses += 1
        if self._context.recorder is not None:
            self._context.recorder.know([self._context.address(self.side, self._addresses - 1)])
        return self._context.address(self.side, self._addresses - 1)

    def take_address(self, name: str, extra: int) -> None:
        """Have the additional address of that number, called `name`, which the way leads to."""
        self._named[name] = extra
        self.route.send([*wire.own_address(self.side, self._context.network, extra)])
        if self._context.recorder is not None:
            self._context.recorder.know([self._context.address(self.side, extra)])

    def leave(self, name: str) -> None:
        """Give up the address of that name, as when a machine is gone: nobody answers there, and
        nobody says so. Raises `ActionFailed` if this end does not have it.
        """
        if name not in self._named:
            known = ", ".join(self._named) or "none"
            raise ActionFailed(f"{self.side} has no address called {name!r}. It has: {known}")
        self.route.send(wire.no_address(self.side, self._context.network, self._named.pop(name)))

    def tcp_info(self, of: str = "") -> dict[str, int]:
        """What the kernel knows of this end of the connection of that name, or of the one opened
        last: by the names of ``ss -i``, times in milliseconds, what was agreed upon (``ts``,
        ``sack``, ``wscale``, ``ecn``) as 0 or 1, and ``snd_wscale``, ``rcv_wscale``,
        ``reordering``. Nothing, for an end that is in TIME_WAIT or SYN_RECV.

        Raises `ActionFailed` if this end has no socket of it, `LabError` where the kernel does not
        answer (it has no module tcp_diag).
        """
        from netlab.linux import inet_diag

        own, remote = self._context.flows.named(of).ends(self.side)
        with self.namespace:
            asking = contextlib.closing(Transport(NETLINK_SOCK_DIAG))
        with asking as transport:
            found = inet_diag.info(transport, own, remote)
        if found is None:
            raise ActionFailed(f"{self.side} has no socket of this connection to ask about")
        return found

    def reads(self, of: str = "", errors: bool = True) -> tuple[str, ...]:
        """What a read of the connection of that name, or of the one opened last, would give its
        application now: ``5 bytes``, ``EOF``, the name of an errno, or else ``nothing``. The data
        stay; an error is taken, as by any read, or with `errors=False` left.

        Raises `ActionFailed` if no application of this end has the connection: it was never
        accepted, or is closed, or a program's.
        """
        ends = self._context.flows.named(of).ends(self.side)
        for connection in reversed(self.connections):
            if connection.socket.fileno() >= 0 and (connection.local, connection.peer) == ends:
                return connection.reads(errors)
        raise ActionFailed(f"no application of the {self.side} has this connection")

    def udp(self, data: bytes | str, port: int) -> bytes:
        """Send a datagram and return the answer. Raises OSError on an ICMP error."""
        with self._socket(socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(self._peer(port))
            sock.send(data.encode() if isinstance(data, str) else data)
            return self._patiently("an answer over UDP", lambda: sock.recv(1 << 16))

    def probe(
        self, port: int = PORT, source_port: int = 40000, timeout: float = 1.0
    ) -> Segment | None:
        """Send one SYN, as a port scanner does, and wait up to `timeout` seconds for its answer:
        SYN|ACK means open, RST closed, None filtered.
        """
        self._context.flows.register(
            self.side, (self.address, source_port), self._peer(port), "probe"
        )
        forge = self._forged()
        forge.syn(self.address, source_port, port)
        return self._context.wait(lambda: forge.answer(source_port, port), timeout)

    def forge(
        self,
        segment: str,
        seq: int = 0,
        ack: int = 0,
        data: bytes | str | int = b"",
        *,
        window: int | None = None,
        timestamp: int | None = 0,
        intact: bool = True,
        of: str = "",
    ) -> Forged:
        """Send a segment that this end's TCP did not send, on the connection `of` that name.

        `segment`: its control bits, such as ``"RST"`` or ``"PSH|ACK"``. `seq` counts from what this
        end sends next, `ack` from what it expects next, and `timestamp` from the last one that it
        sent (None: without timestamps). `data`: bytes, or how many. `window`: as in the header;
        None: the last one. Unless `intact`, the checksum is wrong. ``answer()`` of what is returned
        waits for what comes of it.

        It goes through this end's rules as its own segments do. Raises `LabError` where numbers are
        not followed (``Lab(forging=True)`` does that), where the connection has said nothing yet,
        and where raw sockets are refused; ValueError for control bits that there are not.
        """
        from netlab.packets import spoken
        from netlab.testbed.forged import Forged, Forger

        ledger = self._context.ledger
        if ledger is None:
            raise LabError("its numbers are not followed in this lab: Lab(forging=True)")
        self._context.sample()
        sender = Forger(ledger, *self._context.flows.named(of).ends(self.side))
        sent = sender.made(
            spoken.control_bits(segment),
            seq,
            ack,
            data.encode() if isinstance(data, str) else bytes(data),
            window,
            timestamp,
            intact,
        )
        with self.namespace:
            raw = socket.socket(self.family, socket.SOCK_RAW, socket.IPPROTO_TCP)
        with raw:
            raw.bind((sender.source[0], 0))
            raw.sendto(sent, (sender.destination[0], 0))
        return Forged(sender, self._context.wait)

    def flood(self, count: int, port: int = PORT) -> None:
        """Send forged SYNs from `count` addresses that will never answer."""
        wire.route_forged(self.peer.route, self.side.peer, self._context.network, self.family)
        for number in range(count):
            source = FORGED[self.family].format(number // 250, number % 250 + 1)
            self._forged().syn(source, 1024 + number, port)

    def close_all(self) -> None:
        """End everything here; the kernel removes what the namespace held.

        Connections are aborted: one that still has data to send would live on without an owner,
        and the namespace with it, until the kernel gives up, after minutes.
        """
        self.end_programs()
        for listener in self.listeners:
            listener.close()
        for connection in self.connections:
            connection.discard()
        if self._forge is not None:
            self._forge.close()
        self.let_go()

    # --- inside

    def _socket(self, kind: socket.SocketKind) -> socket.socket:
        with self.namespace:
            return socket.socket(self.family, kind)

    def _named_peer(self, to: Host | str | None, port: int) -> tuple[str, int]:
        if isinstance(to, str):
            return self._context.addressed(to), port
        return (to.address, port) if to is not None else self._peer(port)

    def _peer(self, port: int) -> tuple[str, int]:
        return self.peer.address, port

    def _forged(self) -> Forge:
        if self._forge is None:
            with self.namespace:
                self._forge = Forge(self.side, self.family, self.peer.address)
        return self._forge

    def _patiently(self, what: str, call: Callable[[], T]) -> T:
        """Call it until it no longer fails with EAGAIN."""

        def attempt() -> tuple[T] | None:
            try:
                return (call(),)
            except BlockingIOError:
                return None

        done = self._context.wait(attempt, PATIENCE)
        if done is None:
            raise self._impatient(f"{what} was not possible")
        return done[0]

    def _impatient(self, what: str) -> ActionFailed:
        """The error of an application that has waited. Raises `TooBusy` if nobody looked for it."""
        error = ActionFailed(f"{self.side}: {what} within {PATIENCE:g} s")
        self._context.excuse(error)
        return error
