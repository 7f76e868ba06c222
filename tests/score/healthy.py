# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections with which nothing is wrong, in every way that is normal on a busy host."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass

from netlab.testbed.connection import Connection
from netlab.testbed.lab import Lab

BULK = 30_000  # bytes that fit into the peer's window
PORTS = range(1024, 16_000)  # of the servers; the broken ones' are above


@dataclass(slots=True)
class Healthy:
    """One connection, and what goes on in it around the moment that somebody looks."""

    kind: str
    client: Connection
    server: Connection | None
    ends: tuple[tuple[str, int], tuple[str, int]]
    before: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None


def make(lab: Lab, count: int, chance: random.Random) -> list[Healthy]:
    """So many connections of random kinds, each to a listener of its own."""
    ports = chance.sample(PORTS, count)
    return [chance.choice(KINDS)(lab, port) for port in ports]


def _connected(lab: Lab, port: int) -> tuple[Connection, Connection]:
    lab.server.listen(port)
    client = lab.client.connect(port)
    return client, lab.server.accept()


def _healthy(
    kind: str, client: Connection, server: Connection | None, remote: tuple[str, int]
) -> Healthy:
    return Healthy(kind, client, server, (client.local, remote))


def _idle(lab: Lab, port: int) -> Healthy:
    client, server = _connected(lab, port)
    return _healthy("idle", client, server, server.local)


def _keepalive(lab: Lab, port: int) -> Healthy:
    client, server = _connected(lab, port)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    return _healthy("keepalive", client, server, server.local)


def _busy(lab: Lab, port: int) -> Healthy:
    """A question has come and is being worked on; between looks it is answered."""
    client, server = _connected(lab, port)
    found = _healthy("busy", client, server, server.local)
    found.before = lambda: lab.client.send("GET /", client)

    def answer() -> None:
        lab.server.read(5, server)
        lab.server.send("200 OK", server)
        lab.client.read(6, client)

    found.after = answer
    return found


def _bulk(lab: Lab, port: int) -> Healthy:
    """A transfer that goes on: what has come is not read yet when somebody looks."""
    client, server = _connected(lab, port)
    found = _healthy("bulk", client, server, server.local)
    found.before = lambda: lab.server.send(bytes(BULK), server)
    found.after = lambda: lab.client.read(BULK, client)
    return found


def _full(lab: Lab, port: int) -> Healthy:
    """A transfer whose reader is slower than its writer: the window is full when somebody looks."""
    client, server = _connected(lab, port)
    found = _healthy("bulk, window full", client, server, server.local)
    sent = 0

    def fill() -> None:
        nonlocal sent
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += client.socket.send(bytes(BULK))

    def empty() -> None:
        nonlocal sent
        lab.server.read(sent, server)
        sent = 0

    found.before, found.after = fill, empty
    return found


def _half_closed(lab: Lab, port: int) -> Healthy:
    """The client has said all that it will say, and the server goes on sending."""
    client, server = _connected(lab, port)
    lab.client.send("GET /", client)
    lab.client.shutdown(client)
    lab.server.drain(server)
    found = _healthy("half-closed and used", client, server, server.local)

    def more() -> None:
        lab.server.send(bytes(1000), server)
        lab.client.read(1000, client)

    found.before = more
    return found


def _just_opened(lab: Lab, port: int) -> Healthy:
    """The handshake is done a moment before the first look, and the accept comes after it."""
    lab.server.listen(port)
    client = lab.client.connect(port, wait=False)
    client.socket.close()
    lab.client.connections.remove(client)
    lab.server.accept().close()  # the listener works; the next one is the healthy one
    lab.server.connections.pop()
    late = Healthy("just opened", client, None, (client.local, (lab.server.address, port)))

    def open_it() -> None:
        if late.server is None:
            late.client = lab.client.connect(port)
            late.ends = (late.client.local, (lab.server.address, port))

    def accept_it() -> None:
        if late.server is None:
            late.server = Connection(lab.server.listeners[listener].socket.accept()[0])

    listener = len(lab.server.listeners) - 1
    late.before, late.after = open_it, accept_it
    return late


def _time_wait(lab: Lab, port: int) -> Healthy:
    client, server = _connected(lab, port)
    found = _healthy("TIME_WAIT", client, server, server.local)
    client.close()
    server.close()
    return found


def _time_wait_of_the_server(lab: Lab, port: int) -> Healthy:
    client, server = _connected(lab, port)
    found = _healthy("TIME_WAIT of the server", client, server, server.local)
    server.close()
    client.close()
    return found


KINDS: tuple[Callable[[Lab, int], Healthy], ...] = (
    _idle,
    _keepalive,
    _busy,
    _bulk,
    _full,
    _half_closed,
    _just_opened,
    _time_wait,
    _time_wait_of_the_server,
)
