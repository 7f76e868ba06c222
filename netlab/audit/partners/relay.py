# SPDX-License-Identifier: GPL-2.0-or-later
"""A server of one's own behind netlab's: what the client says goes there, and what that answers is
a reply, which a fault may halve or keep.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator
from hashlib import sha256

from netlab import scheduler
from netlab.audit.partners.base import Protocol, ServerSession, Talk
from netlab.linux import scratch
from netlab.model.errors import LabError
from netlab.testbed.lab import Lab
from netlab.testbed.program import filled_in

READ = 1 << 16
QUIET = 0.05  # seconds in which a server says nothing more: its reply is over


class RelayedSession(ServerSession):
    """One connection, and the one behind it. What the client says between two replies is a request;
    what the server says before it falls silent for a moment is the reply to it.
    """

    def __init__(self, behind: socket.socket) -> None:
        self._behind = behind
        self._said = self._reply = b""
        self._heard_at = 0.0
        self._over = False
        behind.setblocking(False)

    def take(self, data: bytes) -> Iterator[Talk]:
        """Pass it on, and yield what came back."""
        if data:
            self._said += data
            with contextlib.suppress(OSError):
                self._behind.sendall(data)
        self._listen()
        quiet = scheduler.now() - self._heard_at > QUIET
        if self._reply and (quiet or self._over):
            digest = sha256(self._said).hexdigest()[:8]
            key = f"{len(self._said)} bytes ({digest})" if self._said else ""
            reply, self._reply, self._said = self._reply, b"", b""
            yield Talk(reply, key, closes=self._over, vague=True)
        elif self._over:
            self._over = False
            yield Talk(b"", closes=True)

    def _listen(self) -> None:
        try:
            while part := self._behind.recv(READ):
                self._reply += part
                self._heard_at = scheduler.now()
            self._over = self._over or self._behind.fileno() >= 0
            self.close()
        except OSError:
            pass

    def end(self) -> Iterator[Talk]:
        """The client has said all."""
        with contextlib.suppress(OSError):
            self._behind.shutdown(socket.SHUT_WR)
        yield from self.take(b"")

    def close(self) -> None:
        """Let go of the connection behind."""
        self._behind.close()


class Relayed(Protocol):
    """A command that is started in each lab, in `folder`, and listens at a port there.
    ``{folder}`` in it, and in what its clients are `told` in their environment, is one of its own,
    which is empty at first.
    """

    BEHIND = 10000  # between the port that clients know and the one behind, where there are two

    def __init__(
        self, command: str, port: int, folder: str = "", told: Iterable[tuple[str, str]] = ()
    ) -> None:
        self._command, self._port, self._folder, self._told = command, port, folder, told
        self._own = contextlib.ExitStack()
        self._values: dict[str, str] = {}
        self._lab: Lab | None = None

    def start(self, lab: Lab) -> None:
        """Start it, and return when it listens. Raises `ActionFailed` if it does not."""
        self._values = {"folder": str(self._own.enter_context(scratch.folder("server")))}
        command = filled_in(self._command, self._values)
        lab.server.start(command, ready=self._port, cwd=self._folder or None)
        self._lab = lab

    @property
    def environment(self) -> dict[str, str]:
        """What its clients are told."""
        return {name: filled_in(value, self._values) for name, value in self._told}

    def close(self) -> None:
        """Remove its folder."""
        self._own.close()

    def session(self) -> ServerSession:
        """A new connection to it. Raises `LabError` where it takes none."""
        assert self._lab is not None
        with self._lab.server.namespace:
            behind = socket.socket(self._lab.family, socket.SOCK_STREAM)
        try:
            behind.connect((self._lab.server.address, self._port))
        except OSError as error:
            behind.close()
            raise LabError(f"{self._command}: {error.strerror}") from None
        return RelayedSession(behind)
