# SPDX-License-Identifier: GPL-2.0-or-later
"""MySQL's protocol, version 10: anybody may log in, and every query has one row."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.audit.partners.base import Protocol, ServerSession, Talk

QUIT, INIT_DB, QUERY, PING = 1, 2, 3, 14
#: LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH.
CAN = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000
AUTOCOMMIT = b"\x02\x00"
UTF8, VAR_STRING = 33, 253
OK = b"\x00\x00\x00" + AUTOCOMMIT + b"\x00\x00"
CHANGED = b"\x00\x01\x00" + AUTOCOMMIT + b"\x00\x00"
END = b"\xfe\x00\x00" + AUTOCOMMIT
#: What clients say before and after they ask anything, by the first word.
ASIDE = {b"SET", b"BEGIN", b"START", b"COMMIT", b"ROLLBACK", b"SHOW", b"USE", b""}


def packets(first: int, *bodies: bytes) -> bytes:
    """Packets of the server's, numbered from `first` on."""
    return b"".join(
        len(body).to_bytes(3, "little") + bytes([number & 0xFF]) + body
        for number, body in enumerate(bodies, first)
    )


def text(value: bytes) -> bytes:
    """A string, after its length."""
    return bytes([len(value)]) + value


SALT = b"12345678", b"123456789012"
GREETING = packets(
    0,
    b"\x0a8.0.0\0" + (1).to_bytes(4, "little") + SALT[0] + b"\0"
    + (CAN & 0xFFFF).to_bytes(2, "little") + bytes([UTF8]) + AUTOCOMMIT
    + (CAN >> 16).to_bytes(2, "little") + bytes([21]) + bytes(10) + SALT[1] + b"\0"
    + b"mysql_native_password\0",
)  # fmt: skip
COLUMN = (
    text(b"def") + text(b"") * 3 + text(b"answer") + text(b"") + b"\x0c"
    + UTF8.to_bytes(2, "little") + (255).to_bytes(4, "little") + bytes([VAR_STRING]) + bytes(5)
)  # fmt: skip
RESULT = packets(1, b"\x01", COLUMN, END, text(b"42"), END)


class MysqlSession(ServerSession):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = b""
        self._welcome = False

    @property
    def settled(self) -> bool:
        """True once it is logged in."""
        return self._welcome

    def greeting(self) -> bytes:
        """The version, and what a password is mixed with."""
        return GREETING

    def take(self, data: bytes) -> Iterator[Talk]:
        """Answer each whole packet."""
        self._buffer += data
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[:3], "little")
            number = self._buffer[3]
            if len(self._buffer) < 4 + length:
                return
            body, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
            if self._welcome:
                yield _answered(body)
            else:
                self._welcome = True
                yield Talk(packets(number + 1, OK))


def _answered(body: bytes) -> Talk:
    kind, query = body[:1], body[1:].strip()
    if kind == bytes([QUIT]):
        return Talk(b"", closes=True)
    if kind != bytes([QUERY]):
        return Talk(packets(1, OK))
    word = (query.split() or [b""])[0].upper().strip(b";")
    if word in ASIDE:
        return Talk(packets(1, OK))
    reads = word in (b"SELECT", b"WITH")
    reply = RESULT if reads else packets(1, CHANGED)
    return Talk(reply, query.decode(errors="replace"), repeatable=reads)


class Mysql(Protocol):
    """A database whose every query has one row."""

    name = "mysql"
    port = 3306
    does = "lets anybody in; every SELECT has one row, and every other query changes one"
    asks_at_once = False

    def session(self) -> ServerSession:
        """A new connection."""
        return MysqlSession()
