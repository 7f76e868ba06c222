# SPDX-License-Identifier: GPL-2.0-or-later
"""HTTP/1.1 (RFC 9112): every request is answered with the same eight kilobytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

from netlab.audit.partners.base import Protocol, ServerSession, Talk, shape

#: Longer than one packet, and short enough for all of it to be under way at once.
BODY = b"".join(b"%03d The quick brown fox jumps over the lazy dog.\n" % n for n in range(1, 161))
#: RFC 9110, section 9.2.2.
IDEMPOTENT = {b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"}
HEAD_END = re.compile(rb"\r?\n\r?\n")
CHUNK = re.compile(rb"([0-9a-fA-F]+)[^\n]*\n")
BOUNDARY = re.compile(rb'boundary="?([^";]+)')
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class HttpSession(ServerSession):
    """One connection, which is kept for as long as the client likes."""

    def __init__(self) -> None:
        self._buffer = b""
        self._invited = False  # the client was told to go on with its body

    def take(self, data: bytes) -> Iterator[Talk]:
        """Answer each whole request."""
        self._buffer += data
        while (end := HEAD_END.search(self._buffer)) is not None:
            head = self._buffer[: end.start()]
            request, _, rest = head.partition(b"\n")
            fields = _fields(rest)
            if len(request.split()) != 3:
                self._buffer = b""
                yield Talk(BAD, key=request.decode("latin-1"), closes=True)
                return
            length = _body(self._buffer[end.end() :], fields)
            if length is None:
                if b"100-continue" in fields.get(b"expect", b"") and not self._invited:
                    self._invited = True
                    yield Talk(CONTINUE)
                return
            body = self._buffer[end.end() : end.end() + length]
            self._buffer, self._invited = self._buffer[end.end() + length :], False
            yield _talk(request.split(), fields, body)


def _fields(text: bytes) -> dict[bytes, bytes]:
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(b":")
        found[name.strip().lower()] = value.strip().lower()
    return found


def _body(data: bytes, fields: dict[bytes, bytes]) -> int | None:
    """The length of the body that `data` begins with; None while it is not whole."""
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return _chunks(data)
    length = fields.get(b"content-length", b"0")
    whole = int(length) if length.isdigit() else 0
    return whole if len(data) >= whole else None


def _chunks(data: bytes) -> int | None:
    at = 0
    while (size := CHUNK.match(data, at)) is not None:
        at = size.end() + int(size[1], 16) + 2
        if int(size[1], 16) == 0:
            return at if len(data) >= at else None
    return None


def _talk(request: list[bytes], fields: dict[bytes, bytes], body: bytes) -> Talk:
    method, target, version = request
    options = fields.get(b"connection", b"")
    closes = b"close" in options or (version == b"HTTP/1.0" and b"keep-alive" not in options)
    head = [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/plain",
        b"Content-Length: %d" % len(BODY),
        b"Connection: " + (b"close" if closes else b"keep-alive"),
    ]
    reply = b"\r\n".join(head) + b"\r\n\r\n" + (b"" if method == b"HEAD" else BODY)
    key = alike = f"{method.decode('latin-1')} {target.decode('latin-1')}"
    if body:
        key += f" with {len(body)} bytes ({sha256(body).hexdigest()[:8]})"
        alike += f" with a body like {shape(_without_boundary(body, fields))}"
    repeatable = method in IDEMPOTENT or b"idempotency-key" in fields
    return Talk(reply, key, repeatable, closes, alike=alike)


def _without_boundary(body: bytes, fields: dict[bytes, bytes]) -> bytes:
    """A form of several parts is divided by a random text."""
    found = BOUNDARY.search(fields.get(b"content-type", b""))
    return re.sub(re.escape(found[1]), b"", body, flags=re.IGNORECASE) if found else body


class Http(Protocol):
    """A web server with one page."""

    name = "http"
    port = 80
    opening = b"GET / HTTP/1.1\r\nHost: server\r\nAccept: */*\r\n\r\n"
    does = "answers every request with 200 and 8 kB of text, and keeps the connection"

    def session(self) -> ServerSession:
        """A new connection."""
        return HttpSession()
