# SPDX-License-Identifier: GPL-2.0-or-later
"""Queries to a socket that never wait, and its errors in words."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Mapping
from typing import NoReturn

from netlab.testbed.connection import Connection

LONGEST_TEXT = 60


def in_words(code: int) -> str:
    """An error as a person reads it: ``ECONNREFUSED, connection refused``."""
    words = os.strerror(code)
    return f"{errno.errorcode.get(code, code)}, {words[:1].lower()}{words[1:]}"


def as_said(data: bytes) -> Mapping[str, object]:
    """The arguments of a read step: the text, if a file can show it, or the number of bytes."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    shown = text.strip() and text.isprintable() and len(text) <= LONGEST_TEXT
    return {"text": text} if shown else {"count": len(data)}


def fail(code: int) -> NoReturn:
    """Fail as a call with this error does. Raises OSError."""
    raise OSError(code, os.strerror(code))


def readable(sock: socket.socket) -> bool:
    """True if a read or an accept would return at once."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def peer(connection: Connection) -> tuple[str, int] | None:
    """The address of the other end; None if the socket does not know it yet, or no longer does."""
    try:
        return connection.remote
    except OSError:
        return None
