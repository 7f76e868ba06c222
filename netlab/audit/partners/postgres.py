# SPDX-License-Identifier: GPL-2.0-or-later
"""PostgreSQL's protocol, version 3: anybody may log in, and every query has one row."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from netlab.audit.partners.base import Protocol, ServerSession, Talk

TLS_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
TEXT = 25  # the type of the row's one column
#: What clients say before and after they ask anything, by the first word.
ASIDE = {"BEGIN", "START", "COMMIT", "ROLLBACK", "SET", "SHOW", "DISCARD", "DEALLOCATE", ""}
READS = {"SELECT", "VALUES", "TABLE", "WITH", "EXPLAIN", "FETCH"}


def message(kind: bytes, body: bytes = b"") -> bytes:
    """One message of the server's."""
    return kind + struct.pack("!i", len(body) + 4) + body


READY = message(b"Z", b"I")
WELCOME = b"".join(
    [
        message(b"R", struct.pack("!i", 0)),
        *(
            message(b"S", name + b"\0" + value + b"\0")
            for name, value in (
                (b"server_version", b"15.0"),
                (b"server_encoding", b"UTF8"),
                (b"client_encoding", b"UTF8"),
                (b"standard_conforming_strings", b"on"),
                (b"integer_datetimes", b"on"),
                (b"TimeZone", b"UTC"),
                (b"DateStyle", b"ISO, MDY"),
            )
        ),
        message(b"K", struct.pack("!ii", 1, 1)),
        READY,
    ]
)
COLUMN = message(
    b"T", struct.pack("!h", 1) + b"answer\0" + struct.pack("!ihihih", 0, 0, TEXT, -1, -1, 0)
)
ROW = message(b"D", struct.pack("!hi", 1, 2) + b"42")


class PostgresSession(ServerSession):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._welcome = False
        self._parts: list[bytes] = []  # of the reply to what is asked in several messages
        self._query = ""

    @property
    def settled(self) -> bool:
        """True once it is logged in."""
        return self._welcome

    def take(self, data: bytes) -> Iterator[Talk]:
        """Answer each whole message, or each group of them."""
        self._buffer += data
        while (one := self._next()) is not None:
            kind, body = one
            yield from self._heard(kind, body) if kind else self._begun(body)

    def _next(self) -> tuple[bytes, bytes] | None:
        at = 1 if self._welcome else 0  # the first messages have no kind
        if len(self._buffer) < at + 4:
            return None
        (length,) = struct.unpack_from("!i", self._buffer, at)
        if len(self._buffer) < at + max(4, length):
            return None
        one = self._buffer[:at], self._buffer[at + 4 : at + length]
        self._buffer = self._buffer[at + max(4, length) :]
        return one

    def _begun(self, body: bytes) -> Iterator[Talk]:
        (code,) = struct.unpack_from("!i", body.ljust(4, b"\0"))
        if code in (TLS_REQUEST, GSS_REQUEST):
            yield Talk(b"N")
        elif code == CANCEL_REQUEST:
            yield Talk(b"", closes=True)
        else:
            self._welcome = True
            yield Talk(WELCOME)

    def _heard(self, kind: bytes, body: bytes) -> Iterator[Talk]:
        match kind:
            case b"Q":
                query = body.rstrip(b"\0").decode(errors="replace")
                yield _talk(query, _answer(query, described=True) + READY)
            case b"P":
                self._query = body.split(b"\0")[1].decode(errors="replace")
                self._parts.append(message(b"1"))
            case b"B":
                self._parts.append(message(b"2"))
            case b"D":
                if body[:1] == b"S":
                    self._parts.append(message(b"t", struct.pack("!h", 0)))
                self._parts.append(COLUMN if _word(self._query) in READS else message(b"n"))
            case b"E":
                self._parts.append(_answer(self._query, described=False))
            case b"C":
                self._parts.append(message(b"3"))
            case b"H":
                reply, self._parts = b"".join(self._parts), []
                yield Talk(reply)
            case b"S":
                reply, self._parts = b"".join(self._parts), []
                yield _talk(self._query, reply + READY)
            case b"X":
                yield Talk(b"", closes=True)


def _word(query: str) -> str:
    return (query.strip(" (;\n").split() or [""])[0].upper().strip(";")


def _answer(query: str, described: bool) -> bytes:
    """The messages of one query's result."""
    word = _word(query)
    if not word:
        return message(b"I")
    if word in READS:
        head = COLUMN if described else b""
        return head + ROW + message(b"C", b"SELECT 1\0")
    tag = {"INSERT": "INSERT 0 1", "UPDATE": "UPDATE 1", "DELETE": "DELETE 1"}.get(word, word)
    return message(b"C", tag.encode() + b"\0")


def _talk(query: str, reply: bytes) -> Talk:
    word = _word(query)
    return Talk(reply, "" if word in ASIDE else query, repeatable=word in READS)


class Postgres(Protocol):
    """A database whose every query has one row."""

    name = "postgres"
    port = 5432
    does = "lets anybody in; every SELECT has one row, and every other query changes one"
    asks_at_once = False

    def session(self) -> ServerSession:
        """A new connection."""
        return PostgresSession()
