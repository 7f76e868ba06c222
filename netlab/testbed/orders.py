# SPDX-License-Identifier: GPL-2.0-or-later
"""What a program in a lab may tell the lab to do: HTTP with JSON, one request at a time."""

from __future__ import annotations

import contextlib
import inspect
import json
import socket
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from netlab.model.errors import LabError, NetlabError, Unmet
from netlab.programs.effects import Share, Time
from netlab.testbed.net import ADDRESSES, Address, Net
from netlab.testbed.sockets import TcpSocket

LARGEST = 1 << 20  # bytes of a request


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
        return _address(self._net.half(int(count)))

    def post_serve(self, command: str | list[str], ready: str | None = None) -> dict[str, object]:
        """Start a server on the server's host; {port} becomes the port of its address."""
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


class _Handler(BaseHTTPRequestHandler):
    timeout = 5  # seconds for a whole request: all of netlab waits meanwhile

    def __init__(self, net: Net, connection: socket.socket) -> None:
        self._routes = _routes(net)
        super().__init__(connection, "client", None)  # type: ignore[arg-type]  # no server but this

    def do_GET(self) -> None:
        self._do({})

    def do_POST(self) -> None:
        try:
            self._do(self._given())
        except _Wrong as error:
            self._say(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    def _given(self) -> dict[str, Any]:
        try:
            length = int(self.headers.get("Content-Length") or 0)
            if length > LARGEST:
                raise _Wrong(f"a request has {LARGEST} bytes at most; this one has {length}")
            given = json.loads(self.rfile.read(length) or b"{}")
        except (ValueError, RecursionError) as error:
            raise _Wrong(f"the request is not JSON: {error}") from None
        if not isinstance(given, dict):
            raise _Wrong("expected a mapping, such as {}")
        return given

    def _do(self, given: Mapping[str, Any]) -> None:
        path = self.path.partition("?")[0]
        route = self._routes.get((self.command, path))
        if route is None:
            known = {f"{verb} {at}": _told(each) for (verb, at), each in self._routes.items()}
            found = path == "/"
            self._say(
                HTTPStatus.OK if found else HTTPStatus.NOT_FOUND,
                known if found else {"error": f"there is no {self.command} {path}", "known": known},
            )
            return
        try:
            inspect.signature(route).bind(**given)
            self._say(HTTPStatus.OK, route(**given))
        except (TypeError, ValueError, AttributeError, OSError) as error:  # of a wrong kind
            told = f"{error}. {self.command} {path} takes: {_arguments(route)}"
            self._say(HTTPStatus.BAD_REQUEST, {"error": told})
        except Unmet as error:
            self._say(HTTPStatus.CONFLICT, {"error": str(error)})
        except NetlabError as error:
            self._say(HTTPStatus.BAD_REQUEST, {"error": str(error)})

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


def _told(route: Callable[..., object]) -> str:
    arguments = _arguments(route)
    about = " ".join((inspect.getdoc(route) or "").split())
    return f"{about} Takes: {arguments}" if arguments else about


def _arguments(route: Callable[..., object]) -> str:
    return ", ".join(inspect.signature(route).parameters)
