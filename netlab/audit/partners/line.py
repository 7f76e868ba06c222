# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of text: every line is answered with one."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.audit.partners.base import Lines, Protocol, ServerSession, Talk


class LineSession(Lines):
    """One connection."""

    def hear(self, line: bytes) -> Iterator[Talk]:
        """Say it back."""
        yield Talk(b"you said: " + line + b"\n", key=line.decode("latin-1") or "(an empty line)")


class Echo(Protocol):
    """A server of the simplest kind."""

    name = "line"
    port = 7000
    opening = b"hello\n"
    does = "answers every line TEXT with the line 'you said: TEXT'"

    def session(self) -> ServerSession:
        """A new connection."""
        return LineSession()
