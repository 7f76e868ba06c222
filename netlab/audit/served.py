# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection of an audited program at the server's end: what is done there, in turn."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
from collections import deque
from collections.abc import Callable

from netlab import scheduler
from netlab.audit.partners.base import ServerSession, Talk
from netlab.model.auditing import Asked
from netlab.testbed.connection import Connection

READ = 1 << 16
NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
#: What is to be done on a connection, in order: bytes to send, or a function to call.
Work = bytes | Callable[[], object]
Hear = Callable[["Served", Talk], None]


class HeardRequest:
    """A request that has come whole, and how far its reply has got."""

    def __init__(self, talk: Talk, connection: int, at: float) -> None:
        self.talk, self.connection, self.at = talk, connection, at
        self.ends_at: int | None = None  # among all bytes of the connection; None: not sent whole
        self.answered = False

    def asked(self, began: float) -> Asked:
        """The record of it; `began`: when the program did, in seconds."""
        talk, at = self.talk, self.at - began
        seen = self.connection, talk.repeatable, self.answered, at, talk.vague, talk.alike
        return Asked(talk.key, *seen)


def waiting(sock: socket.socket, session: ServerSession, number: int) -> list[HeardRequest]:
    """The requests that wait in a connection, the `number`-th, which is not answered."""
    sock.setblocking(False)
    talks: list[Talk] = []
    with contextlib.suppress(OSError):  # all is read, or it was reset
        while data := sock.recv(READ):
            talks += session.take(data)
    return [HeardRequest(talk, number, scheduler.now()) for talk in talks if talk.is_request]


class Served:
    """One connection of the program, at the server's end. `hear` is told of all that is said."""

    def __init__(
        self, sock: socket.socket, session: ServerSession, number: int, hear: Hear
    ) -> None:
        self.session, self.number, self._hear_talk = session, number, hear
        self._socket: socket.socket | None = sock
        self.client: tuple[str, int] = sock.getpeername()[:2]
        self.client_port = self.client[1]
        self._work: deque[Work] = deque()
        self.due = 0.0  # when the next is to be done
        self._sent = 0  # bytes
        self._finished = 0  # 1 once there is a FIN, which waits for its ACK like a byte
        self._heard_end = self._parting = False
        self.heard: list[HeardRequest] = []
        sock.setblocking(False)
        scheduler.STIRS.follow(sock.fileno())
        sock.setsockopt(*NODELAY)
        self.send(session.greeting())

    @property
    def over(self) -> bool:
        """True once the server has let go of it."""
        return self._socket is None

    def __len__(self) -> int:
        """The number of bytes that are still to be sent."""
        return sum(len(work) for work in self._work if isinstance(work, bytes))

    @property
    def delivered(self) -> bool:
        """True if all that was sent has been acknowledged."""
        return not self._work and self._arrived() >= self._sent

    # --- what a fault has it do, in turn

    def send(self, data: bytes) -> None:
        """Send this, after what is sent already."""
        if data:
            self._work.append(data)

    def then(self, action: Callable[[], object]) -> None:
        """Do this, once all before it is handed to the kernel."""
        self._work.append(action)

    def pause(self, seconds: float) -> None:
        """Do what comes next so much later."""

        def wait() -> None:
            self.due = scheduler.now() + seconds

        self.then(wait)

    def reply(self, talk: Talk, every: float = 0.0, ends: bool = False) -> None:
        """Send the whole reply, as a sound server does; a byte `every` so many seconds; with a FIN
        in its last segment where it `ends` the connection.
        """
        heard = self.heard[-1] if self.heard and self.heard[-1].talk is talk else None

        def note() -> None:
            if heard is not None:
                heard.ends_at = self._sent

        if talk.wait:
            self.pause(talk.wait)
        if every:
            self._dribble(talk.reply, every)
        elif ends:
            self.then(lambda: self._send_the_last(talk.reply))
        else:
            self.send(talk.reply)
        self.then(note)
        if talk.closes:
            self.then(self.finish)

    def _dribble(self, data: bytes, every: float) -> None:
        for place in range(len(data)):
            self.send(data[place : place + 1])
            self.pause(every)

    def _send_the_last(self, data: bytes) -> None:
        """Whoever reads the last byte has the end, too: both are in one segment."""
        if self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            self._sent += self._socket.send(data)
            self._socket.shutdown(socket.SHUT_WR)
            self._finished = 1

    def finish(self) -> None:
        """Send a FIN, and go on reading until the client's comes."""
        with contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_WR)
                self._finished = 1

    def _part(self) -> None:
        """Both have said all: send a FIN, and close once the client has all of it."""
        self.finish()
        self._parting = True

    def reset(self) -> None:
        """Abort: the client gets a RST."""
        if self._socket is not None:
            self._note_arrivals()
            Connection(self._socket).abort()
            self._let_go()

    def vanish(self) -> None:
        """Know nothing of it any more, without a word."""
        if self._socket is not None:
            self._note_arrivals()
            Connection(self._socket).vanish()
            self._let_go()

    def close(self) -> None:
        """End it in whatever way its state calls for."""
        if self._socket is not None:
            self._note_arrivals()
            self._socket.close()
            self._let_go()

    def _let_go(self) -> None:
        self._socket = None
        self.session.close()

    # --- turns

    def step(self) -> None:
        """Do what can be done now."""
        try:
            self._read()
            self._do()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # it was reset, or there is no way any more
            self.close()
        self._note_arrivals()
        if self._parting and self.delivered:
            self.close()

    def _do(self) -> None:
        while self._work and self._socket is not None and scheduler.now() >= self.due:
            first = self._work[0]
            if callable(first):
                self._work.popleft()
                first()
                continue
            number = self._socket.send(first)
            self._sent += number
            self._work.popleft()
            if number < len(first):
                self._work.appendleft(first[number:])

    def _read(self) -> None:
        for talk in self.session.end() if self._heard_end else self.session.take(b""):
            self._hear(talk)
        while self._socket is not None and not self._heard_end:
            try:
                data = self._socket.recv(READ)
            except BlockingIOError:
                return
            if not data:
                self._heard_end = True
                for talk in self.session.end():
                    self._hear(talk)
                self.then(self._part)
                return
            for talk in self.session.take(data):
                self._hear(talk)

    def _hear(self, talk: Talk) -> None:
        if talk.is_request:
            self.heard.append(HeardRequest(talk, self.number, scheduler.now()))
        self._hear_talk(self, talk)

    def _arrived(self) -> int:
        """The number of bytes that the client's kernel has acknowledged."""
        if self._socket is None:
            return 0
        try:
            raw = fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4))
        except OSError:
            return 0
        waiting: int = struct.unpack("i", raw)[0]
        return self._sent - max(0, waiting - self._finished)

    def _note_arrivals(self) -> None:
        if any(not heard.answered for heard in self.heard):
            arrived = self._arrived()
            for heard in self.heard:
                if heard.ends_at is not None and arrived >= heard.ends_at:
                    heard.answered = True
