# SPDX-License-Identifier: GPL-2.0-or-later
"""SMTP (RFC 5321): every message is taken, and which ones is the request."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from netlab.audit.partners.base import Lines, Protocol, ServerSession, Talk, shape


class SmtpSession(Lines):
    """One connection."""

    def __init__(self) -> None:
        super().__init__()
        self._message: list[bytes] | None = None  # its lines, while it comes

    @property
    def settled(self) -> bool:
        """True once the server waits for a message."""
        return self._message is not None

    def greeting(self) -> bytes:
        """Who is there."""
        return b"220 server ESMTP\r\n"

    def hear(self, line: bytes) -> Iterator[Talk]:
        """Obey a command, or take a line of a message."""
        if self._message is None:
            yield self._obeyed(line)
        elif line != b".":
            self._message.append(line)
        else:
            text, self._message = b"\n".join(self._message), None
            key = f"the message of {len(text)} bytes ({sha256(text).hexdigest()[:8]})"
            yield Talk(b"250 2.0.0 Ok: queued\r\n", key, alike=f"a message like {shape(text)}")

    def _obeyed(self, line: bytes) -> Talk:
        match line.split()[:1] and line.split()[0].upper():
            case b"EHLO":
                return Talk(b"250-server\r\n250-8BITMIME\r\n250 SIZE 10240000\r\n")
            case b"DATA":
                self._message = []
                return Talk(b"354 End data with <CR><LF>.<CR><LF>\r\n")
            case b"QUIT":
                return Talk(b"221 2.0.0 Bye\r\n", closes=True)
            case b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP":
                return Talk(b"250 2.0.0 Ok\r\n")
        return Talk(b"502 5.5.2 Error: command not recognized\r\n")


class Smtp(Protocol):
    """A mail server that keeps nothing."""

    name = "smtp"
    port = 25
    opening = b"EHLO client\r\n"
    does = "takes every message, without TLS and without a login"
    asks_at_once = False

    def session(self) -> ServerSession:
        """A new connection."""
        return SmtpSession()
