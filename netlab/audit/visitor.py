# SPDX-License-Identifier: GPL-2.0-or-later
"""The clients of a server under audit: some misbehave, as a fault says, and others must be served
all the same.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable

from netlab import scheduler
from netlab.linux.procnet import Row, ends
from netlab.testbed.connection import Connection
from netlab.testbed.lab import Lab

READ = 1 << 16
QUIET = 0.3  # seconds in which nothing more comes: a reply is over
#: The part of the usual reply that a reply has at least: dates and counters differ in length.
WHOLE = 0.9


class Client:
    """One connection to the server, of somebody who may misbehave."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.port: int = sock.getsockname()[1]
        self._asked = False
        self.answered = False

    def ask_once(self, opening: bytes) -> None:
        """Say this as soon as it is connected, and never again."""
        if self._asked or self.socket.fileno() < 0:
            return
        if Connection(self.socket).finished_opening() == 0:
            self._asked = True
            self.say(opening)

    def say(self, data: bytes) -> int:
        """Say as much of this as goes; returns the number of bytes."""
        with contextlib.suppress(OSError):
            return self.socket.send(data)
        return 0

    def hear(self) -> bytes | None:
        """What has come; None: it is over."""
        try:
            part = self.socket.recv(READ)
            self.answered = self.answered or bool(part)
            return part or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def half_close(self) -> None:
        """Say no more, and go on reading."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close."""
        self.socket.close()

    def reset(self) -> None:
        """Abort."""
        if self.socket.fileno() >= 0:
            Connection(self.socket).abort()

    def vanish(self) -> None:
        """Be gone without a word."""
        Connection(self.socket).vanish()


class Visitor:
    """Everybody who talks with the server. `cap`: seconds that a client waits."""

    def __init__(self, lab: Lab, port: int, opening: bytes, cap: float) -> None:
        self.lab, self.port, self.opening, self.cap = lab, port, opening, cap
        self.clients: list[Client] = []  # those who misbehave
        self.asking: list[Client] = []  # and those of them who only ask, all at once
        self._busy: list[Callable[[], object]] = []
        self._afterwards: list[Callable[[], object]] = []
        self.usual = 0  # bytes of the reply

    def connect(self, source_port: int = 0, buffer: int = 0, within: float = 0.0) -> Client:
        """Have somebody connect who is going to misbehave, `within` so many seconds. `buffer`:
        bytes that its kernel takes before it is read. Raises OSError if that is refused.
        """
        client = Client(self._opened(source_port, buffer, within))
        self.clients.append(client)
        return client

    def begin(self) -> Client:
        """Have somebody begin to connect who is going to misbehave. Raises OSError if that is
        refused at once.
        """
        client = Client(self._opening())
        client.ask_once(self.opening)  # a server may close what says nothing for a moment
        self.clients.append(client)
        self.asking.append(client)
        return client

    def unanswered(self, within: float) -> int:
        """How many of those who began to connect, and ask, have no answer `within` so many
        seconds.
        """

        def waiting() -> int:
            self.step()
            return sum(not client.answered for client in self.asking)

        self.lab.context.wait(lambda: True if not waiting() else None, within)
        return waiting()

    def meanwhile(self, action: Callable[[], object]) -> None:
        """Do this again and again from now on."""
        self._busy.append(action)

    def afterwards(self, action: Callable[[], object]) -> None:
        """Do this once the others were served, or were not."""
        self._afterwards.append(action)

    def leave(self) -> None:
        """Do what comes afterwards."""
        while self._afterwards:
            self._afterwards.pop()()

    def ask(self) -> tuple[float | None, str]:
        """Ask as any client does: how many seconds its reply took, or None and why not."""
        began = scheduler.now()
        try:
            client = Client(self._opened())
        except OSError as error:
            return None, os.strerror(error.errno or 0)
        with contextlib.closing(client):
            client.ask_once(self.opening)
            size, why = self._read(client, began + self.cap)
            if not self.usual:
                self.usual = size
        took = scheduler.now() - began
        enough = size > 0 and size >= WHOLE * self.usual
        return (took, "") if enough else (None, why)

    def _read(self, client: Client, until: float) -> tuple[int, str]:
        """The bytes that come, and what ended that. The usual reply shows how many there are."""
        size, last = 0, scheduler.now()

        def look() -> str | None:
            nonlocal size, last
            self.step()
            part = client.hear()
            if part is None:
                return "the connection was closed"
            if part:
                size, last = size + len(part), scheduler.now()
            if self.usual:
                return "" if size >= WHOLE * self.usual else None
            return "" if size and scheduler.now() - last > QUIET else None

        why = self.lab.context.wait(look, until - scheduler.now())
        return size, f"no answer within {self.cap:g} s" if why is None else why

    def step(self) -> None:
        """Go on with what is done again and again."""
        for action in self._busy:
            action()

    def wait(self, seconds: float) -> None:
        """Go on with that for so many seconds."""

        def look() -> None:
            self.step()

        self.lab.context.wait(look, seconds)

    def held(self) -> list[Row]:
        """The server's ends of the connections of those who misbehave, which a process has."""
        ports = {client.port for client in self.clients}
        return [
            row
            for row in self.lab.server.table.read()
            if row.inode and ends(row.local)[1] == self.port and ends(row.remote)[1] in ports
        ]

    def close(self) -> None:
        """End all of it."""
        for client in self.clients:
            client.reset()

    def _opened(self, source_port: int = 0, buffer: int = 0, within: float = 0.0) -> socket.socket:
        sock = self._opening(source_port, buffer)
        done = Connection(sock).finished_opening()
        if done is None:
            done = self.lab.context.wait(Connection(sock).finished_opening, within or self.cap)
        code = errno.ETIMEDOUT if done is None else done
        if code:
            sock.close()
            raise OSError(code, os.strerror(code))
        return sock

    def _opening(self, source_port: int = 0, buffer: int = 0) -> socket.socket:
        lab = self.lab
        with lab.client.namespace:
            sock = socket.socket(lab.family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            if source_port:
                sock.bind((lab.client.address, source_port))
            code = sock.connect_ex((lab.server.address, self.port))
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
        except OSError:
            sock.close()
            raise
        return sock
