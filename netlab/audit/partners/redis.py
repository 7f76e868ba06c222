# SPDX-License-Identifier: GPL-2.0-or-later
"""Redis' protocol, RESP2 and RESP3: a store of keys, in memory, with the commands that clients
begin with.
"""

from __future__ import annotations

from collections.abc import Iterator

from netlab.audit.partners.base import Protocol, ServerSession, Talk

#: What only reads, or has the same result twice.
REPEATABLE = {
    *(b"GET", b"MGET", b"EXISTS", b"SET", b"PING", b"ECHO", b"TTL", b"TYPE", b"KEYS", b"SCAN"),
    *(b"HGET", b"HGETALL", b"LRANGE", b"SMEMBERS", b"STRLEN", b"DBSIZE", b"LLEN", b"HLEN"),
    *(b"SCARD", b"ZCARD", b"XLEN", b"HEXISTS", b"SISMEMBER", b"HKEYS", b"HVALS", b"ZRANGE"),
    *(b"XRANGE", b"ZSCORE", b"LINDEX", b"HMGET", b"DEL", b"UNLINK", b"EXPIRE", b"PERSIST"),
}
#: What clients say before they ask anything.
SETUP = {b"HELLO", b"AUTH", b"SELECT", b"CLIENT", b"COMMAND", b"INFO", b"READONLY"}
OK = b"+OK\r\n"
NIL = b"$-1\r\n"
EMPTY = b"*0\r\n"
#: In RESP3 there are sets and maps.
EMPTIES = {b"SMEMBERS": b"~0\r\n", b"HGETALL": b"%0\r\n"}
#: What the store does not know is answered as by one in which nothing is.
NUMBERS = {
    *(b"LLEN", b"HLEN", b"SCARD", b"ZCARD", b"STRLEN", b"DBSIZE", b"XLEN", b"TTL", b"HEXISTS"),
    *(b"SISMEMBER", b"HDEL", b"SREM", b"ZADD", b"ZREM", b"PERSIST"),
}
LISTS = {b"LRANGE", b"SMEMBERS", b"HGETALL", b"HKEYS", b"HVALS", b"KEYS", b"ZRANGE", b"XRANGE"}
NILS = {b"LPOP", b"RPOP", b"SPOP", b"HGET", b"GETDEL", b"GETSET", b"ZSCORE", b"LINDEX"}


class RedisSession(ServerSession):
    """One connection to a store that all connections share."""

    def __init__(self, store: dict[bytes, bytes]) -> None:
        self._store = store
        self._buffer = b""
        self._resp3 = False

    def take(self, data: bytes) -> Iterator[Talk]:
        """Obey each whole command."""
        self._buffer += data
        while self._buffer:
            parsed = _command(self._buffer)
            if parsed is None:
                return
            words, length = parsed
            self._buffer = self._buffer[length:]
            if words:
                yield self._obeyed(words)

    def _obeyed(self, words: list[bytes]) -> Talk:
        name = words[0].upper()
        reply = self._reply(name, words[1:])
        key = "" if name in SETUP else b" ".join([name, *words[1:]]).decode("latin-1")
        return Talk(reply, key, name in REPEATABLE, closes=name == b"QUIT")

    def _reply(self, name: bytes, words: list[bytes]) -> bytes:
        match name, words:
            case b"PING", []:
                return b"+PONG\r\n"
            case b"PING" | b"ECHO", [text]:
                return _bulk(text)
            case b"SET", [key, value, *_]:
                self._store[key] = value
                return OK
            case b"GET", [key]:
                return self._value(key)
            case b"DEL" | b"UNLINK", keys:
                return b":%d\r\n" % sum(self._store.pop(key, None) is not None for key in keys)
            case b"EXISTS", keys:
                return b":%d\r\n" % sum(key in self._store for key in keys)
            case b"INCR" | b"DECR" | b"INCRBY", [key, *by]:
                step = int(by[0]) if by and by[0].lstrip(b"-").isdigit() else 1
                old = self._store.get(key, b"0")
                number = int(old) if old.lstrip(b"-").isdigit() else 0
                self._store[key] = b"%d" % (number - step if name == b"DECR" else number + step)
                return b":%s\r\n" % self._store[key]
            case (b"LPUSH" | b"RPUSH" | b"SADD" | b"HSET" | b"PUBLISH" | b"EXPIRE", [_, *rest]):
                return b":%d\r\n" % len(rest)
            case (b"MGET" | b"HMGET", keys):
                return b"*%d\r\n" % len(keys) + b"".join(self._value(key) for key in keys)
            case b"COMMAND", _:
                return b"*0\r\n"
            case b"HELLO", [b"2" | b"3" as version, *_]:
                self._resp3 = version == b"3"
                return self._welcome()
            case b"HELLO", [_, *_]:
                return b"-NOPROTO unsupported protocol version\r\n"
            case b"HELLO", []:
                return self._welcome()
            case b"CLIENT", [first, *_] if first.upper() == b"ID":
                return b":1\r\n"
            case b"INFO", _:
                return _bulk(b"# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n")
            case (b"AUTH" | b"SELECT" | b"CLIENT" | b"READONLY" | b"QUIT", _):
                return OK
        if name in NUMBERS:
            return b":0\r\n"
        if name in LISTS:
            return EMPTIES.get(name, EMPTY) if self._resp3 else EMPTY
        return self._nil if name in NILS else OK

    def _welcome(self) -> bytes:
        """What this server is: a map, or in RESP2 a list of its keys and values."""
        parts = [
            *(_bulk(b"server"), _bulk(b"redis"), _bulk(b"version"), _bulk(b"7.0.0")),
            *(_bulk(b"proto"), b":%d\r\n" % (3 if self._resp3 else 2), _bulk(b"id"), b":1\r\n"),
            *(_bulk(b"mode"), _bulk(b"standalone"), _bulk(b"role"), _bulk(b"master")),
            *(_bulk(b"modules"), EMPTY),
        ]
        head = b"%%%d\r\n" % (len(parts) // 2) if self._resp3 else b"*%d\r\n" % len(parts)
        return head + b"".join(parts)

    @property
    def _nil(self) -> bytes:
        return b"_\r\n" if self._resp3 else NIL

    def _value(self, key: bytes) -> bytes:
        return _bulk(self._store[key]) if key in self._store else self._nil


def _bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


def _command(data: bytes) -> tuple[list[bytes], int] | None:
    """The words of the first command, and its length; None while it is not whole."""
    line, end, _ = data.partition(b"\n")
    if not end:
        return None
    if not line.startswith(b"*"):
        return line.split(), len(line) + 1
    words, at = [], len(line) + 1
    for _ in range(_number(line)):
        head, end, _ = data[at:].partition(b"\n")
        size = _number(head)
        start = at + len(head) + 1
        if not end or len(data) < start + size + 2:
            return None
        words.append(data[start : start + size])
        at = start + size + 2
    return words, at


def _number(line: bytes) -> int:
    text = line[1:].strip()
    return int(text) if text.isdigit() else 0


class Redis(Protocol):
    """A store in memory, which every lab has for itself."""

    name = "redis"
    port = 6379
    opening = b"PING\r\n"
    does = "keeps keys: PING, GET, SET, DEL, INCR and what clients begin with"

    def __init__(self) -> None:
        self._store: dict[bytes, bytes] = {}

    def session(self) -> ServerSession:
        """A new connection."""
        return RedisSession(self._store)
