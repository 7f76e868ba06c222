# SPDX-License-Identifier: GPL-2.0-or-later
"""What a program in a lab may tell the lab to do: HTTP with JSON, one request at a time."""

from __future__ import annotations

import contextlib
import inspect
import json
import math
import socket
import types
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NoReturn, get_args

from netlab.model.errors import LabError, NetlabError, Unmet, bug
from netlab.programs.effects import Share, Time
from netlab.testbed.net import ADDRESSES, Address, Net
from netlab.testbed.sockets import TcpSocket

LARGEST = 1 << 20  # bytes of a request
#: What a request may hold, by the Python of it.
JSON = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    list[str]: "a list of texts",
    types.NoneType: "null",
}


def obey(net: Net, connection: socket.socket) -> None:
    """Answer the one request of a connection. Who asks may be gone: that is their affair."""
    with contextlib.suppress(Exception):
        _Handler(net, connection)
    with contextlib.suppress(OSError):  # it is gone already
        connection.shutdown(socket.SHUT_WR)


def _address(at: Address) -> dict[str, object]:
    return {"host": at.host, "port": at.port, "url": at.url}


def _socket(at: str, found: TcpSocket) -> dict[str, object]:
    """One socket, without what only Python can use."""
    said: dict[str, object] = {"at": at}
    for name, value in found._asdict().items():
        if name in ("local", "remote"):
            said[name] = list(value)
        elif name != "program":
            said[name] = value if isinstance(value, int | float | str) else str(value)
    return said | {"state": str(found.state), "timer": str(found.timer)}


class Routes:
    """What can be asked for: each method is a path, and its arguments are the request's."""

    def __init__(self, net: Net) -> None:
        self._net, self._lab = net, net.lab

    def get_addresses(self) -> dict[str, object]:
        """Addresses that misbehave, each in one way."""
        return {name: _address(getattr(self._net, name)) for name in ADDRESSES}

    def get_sockets(self) -> list[dict[str, object]]:
        """The TCP sockets of both hosts."""
        hosts = self._lab.hosts
        return [_socket(str(host.side), each) for host in hosts for each in host.sockets()]

    def get_flows(self) -> list[dict[str, object]]:
        """The connections between the hosts that were seen so far, and their pairs of states."""
        return [
            {"client": list(flow.client), "server": list(flow.server), "pair": str(flow.pair)}
            for flow in self._lab.flows()
        ]

    def post_drop(
        self,
        segments: str | list[str],
        to: str,
        port: int | None = None,
        first: int | None = None,
        after: int | None = None,
        name: str = "",
    ) -> dict[str, object]:
        """Lose segments on their way to a host."""
        words = [segments] if isinstance(segments, str) else segments
        fault = self._lab.drop(*words, to=to, port=port, first=first, after=after, name=name)
        return {"name": fault.name}

    def post_remove(self, name: str | None = None) -> dict[str, object]:
        """Remove a fault by its name, or all; returns how many packets it has dropped."""
        dropped = self._lab.dropped(name)
        self._lab.remove(name)
        return {"dropped": dropped}

    def post_cut(self) -> dict[str, object]:
        """Lose every packet from now on."""
        self._net.cut()
        return {}

    def post_slow(
        self, delay: Time = 0.0, jitter: Time = 0.0, loss: Share = 0.0, profile: str = ""
    ) -> dict[str, object]:
        """Deliver every packet so much later (0.04, or 40ms), lose a share of them (0.02, or 2%),
        or be like a network that many people have (lte).
        """
        self._net.slow(delay, jitter, loss, profile)
        return {}

    def post_heal(self) -> dict[str, object]:
        """Undo every cut, and be slow no more."""
        self._net.heal()
        return {}

    def post_forget(self) -> dict[str, object]:
        """Have a firewall on the way forget the connections that there are."""
        self._net.forget()
        return {}

    def post_half(self, count: int) -> dict[str, object]:
        """An address that answers with so many bytes of twice as many, and falls silent."""
        return _address(self._net.half(count))

    def post_serve(
        self, command: str | list[str], ready: str | int | None = None
    ) -> dict[str, object]:
        """Start a server on the server's host; {port} becomes the port of its address. It is ready
        when it listens there, or on the port, or has written the text that `ready` is.
        """
        return _address(self._net.serve(command, ready))

    def post_expect(
        self,
        client: str | list[str],
        server: str | list[str],
        hold: float = 0.0,
        within: float = 5.0,
        port: int | None = None,
    ) -> dict[str, object]:
        """Wait for a pair of states, and see it held for so many seconds."""
        held = self._lab.expect(client, server, hold, within, port=port)
        return {"pair": str(held.pair), "held": held.seconds}


def _routes(net: Net) -> dict[tuple[str, str], Callable[..., object]]:
    routes = Routes(net)
    found: dict[tuple[str, str], Callable[..., object]] = {}
    for name, method in inspect.getmembers(routes, inspect.ismethod):
        verb, _, path = name.partition("_")
        if verb in ("get", "post"):
            found[verb.upper(), f"/{path}"] = method
    return found


class _Wrong(LabError):
    """A request that cannot be understood."""


def _check(route: Callable[..., object], given: Mapping[str, Any]) -> None:
    """Raise `_Wrong` for arguments that a route does not take, or that are of another kind."""
    signature = inspect.signature(route, eval_str=True)
    try:
        signature.bind(**given)
    except TypeError as error:
        raise _Wrong(str(error)) from None
    for name, value in given.items():
        kinds = [*_kinds(signature.parameters[name].annotation)]
        if not any(_is(value, kind) for kind in kinds):
            expected = " or ".join(JSON[kind] for kind in kinds)
            raise _Wrong(f"{name}: expected {expected}; found {json.dumps(value)}")


def _kinds(annotation: Any) -> Iterator[Any]:
    """What an annotation allows, in the words of `JSON`: one, or any of several."""
    if annotation in JSON:
        yield annotation
        return
    for each in get_args(annotation):  # of a union; of what is annotated, its first
        if each in JSON or get_args(each):
            yield from _kinds(each)


def _is(value: object, kind: Any) -> bool:
    if isinstance(value, bool):  # Python takes it for a number
        return False
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    if kind == list[str]:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, kind)


class _Handler(BaseHTTPRequestHandler):
    timeout = 5  # seconds for a whole request: all of netlab waits meanwhile

    def __init__(self, net: Net, connection: socket.socket) -> None:
        self._routes = _routes(net)
        super().__init__(connection, "client", None)  # type: ignore[arg-type]  # no server but this

    def do_GET(self) -> None:
        self._say(*self._answer())

    do_POST = do_GET

    def send_error(self, code: int, *_: object) -> None:
        """What cannot be read as HTTP, or is another verb than GET and POST, gets JSON, too."""
        status = HTTPStatus(code)
        self._say(status, {"error": f"{status.phrase}: an order is a GET or a POST of HTTP/1"})

    def _answer(self) -> tuple[HTTPStatus, object]:
        """Do what is asked for, and return what comes of it."""
        path = self.path.partition("?")[0]
        route = self._routes.get((self.command, path))
        if route is None:
            return self._unknown(path)
        try:
            given = self._given() if self.command == "POST" else {}
            _check(route, given)
            return HTTPStatus.OK, route(**given)
        except _Wrong as error:
            takes = _arguments(route) or "nothing"
            return _refused(f"{error}. {self.command} {path} takes: {takes}")
        except Unmet as error:
            return HTTPStatus.CONFLICT, {"error": str(error)}
        except NetlabError as error:
            return _refused(str(error))
        except Exception as error:  # who asks is to be told of that, too
            return HTTPStatus.INTERNAL_SERVER_ERROR, {"error": bug(error)}

    def _unknown(self, path: str) -> tuple[HTTPStatus, object]:
        known = {f"{verb} {at}": _told(each) for (verb, at), each in self._routes.items()}
        if path == "/":
            return HTTPStatus.OK, known
        return HTTPStatus.NOT_FOUND, {
            "error": f"there is no {self.command} {path}", "known": known
        }  # fmt: skip

    def _given(self) -> dict[str, Any]:
        try:
            given = json.loads(self._body() or b"{}", parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise _Wrong(f"the request is not JSON: {error}") from None
        if not isinstance(given, dict):
            raise _Wrong("expected a mapping, such as {}")
        return given

    def _body(self) -> bytes:
        """What the request has below its head, with a length or in chunks."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        said = self.headers.get("Content-Length") or "0"
        if not said.isdecimal():
            raise _Wrong(f"Content-Length: expected a number of bytes; found {said!r}")
        return self._read(int(said))

    def _chunks(self) -> Iterator[bytes]:
        """RFC 9112, section 7.1: each with its length in hexadecimal digits before it."""
        read = 0
        while length := int(self.rfile.readline(LARGEST).partition(b";")[0], 16):
            yield self._read(length, read)
            read += length
            self.rfile.readline(LARGEST)
        while self.rfile.readline(LARGEST).strip():  # what follows the last one
            pass

    def _read(self, length: int, before: int = 0) -> bytes:
        if not 0 <= length <= LARGEST - before:
            found = before + length
            raise _Wrong(f"a request has {LARGEST} bytes at most; this one has {found}")
        return self.rfile.read(length)

    def _say(self, status: HTTPStatus, what: object) -> None:
        body = (json.dumps(what) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what the program in the lab writes is all that is seen."""

    def address_string(self) -> str:
        return "client"


def _refused(why: str) -> tuple[HTTPStatus, object]:
    return HTTPStatus.BAD_REQUEST, {"error": why}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _told(route: Callable[..., object]) -> str:
    arguments = _arguments(route)
    about = " ".join((inspect.getdoc(route) or "").split())
    return f"{about} Takes: {arguments}" if arguments else about


def _arguments(route: Callable[..., object]) -> str:
    return ", ".join(inspect.signature(route).parameters)
