# SPDX-License-Identifier: GPL-2.0-or-later
"""Without a fault, every planted program does what it is for: else it would show nothing at one.

All clients of one protocol play side by side in one lab, and so do all servers. What this machine
has no compiler or interpreter for is left out.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

import pytest

from netlab import Lab, Net
from netlab.testbed.net import Address
from netlab.testbed.program import Program
from tests.programs import found

from .planted import HERE, entries, words

PAGE = b"".join(b"10.0.%d.%d\n" % divmod(number, 250) for number in range(400))
PATIENCE = 60.0  # seconds, for a machine that is busy
REDIS = "redis-server --port {port} --bind * -::* --protected-mode no --save ''"
FIRST_PORT = 7000


class Page(BaseHTTPRequestHandler):
    """One connection to a web service that has one page, and takes everything."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a reply is sent in one piece

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def answer_http(connection: socket.socket) -> None:
    Page(connection, ("client", 0), cast(Any, None))


def answer_lines(connection: socket.socket) -> None:
    with connection.makefile("rwb") as stream:
        for line in stream:
            stream.write(b"OK " + line)
            stream.flush()


@pytest.fixture
def partners(net: Net) -> dict[str, Address]:
    """A healthy server for each protocol that this machine can serve."""
    always = {"http": net.serve(answer_http), "line": net.serve(answer_lines)}
    return always | ({"redis": net.serve(REDIS)} if found("redis-server") else {})


def test_every_client_gets_what_it_asks_for(
    net: Net, partners: dict[str, Address], tmp_path: Path
) -> None:
    begun: dict[str, Program] = {}
    for entry in entries("clients"):
        if partner := partners.get(entry["talks"]):
            command = words(entry, tmp_path, server=partner.host, port=str(partner.port))
            if command:
                begun[entry["file"]] = net.lab.client.run(command, cwd=HERE)
    assert len(begun) >= 20  # those in Python and for sh, at least
    codes = {file: program.wait(PATIENCE) for file, program in begun.items()}
    failed = {file: code for file, code in codes.items() if code}
    assert not failed, [begun[file].errors for file in failed]


def served(lab: Lab, folder: Path) -> Iterator[tuple[str, int]]:
    """Every server that can be started here, and its port."""
    for port, entry in enumerate(entries("servers"), FIRST_PORT):
        if command := words(entry, folder, port=str(port)):
            lab.server.start(command, cwd=HERE, ready=port, within=PATIENCE)
            yield entry["talks"], port


def test_every_server_serves_who_asks(lab: Lab, tmp_path: Path) -> None:
    running = [*served(lab, tmp_path)]
    assert len(running) >= 7  # those in Python, at least
    requests = {"line": b"STATUS\n", "http": b"GET / HTTP/1.0\r\n\r\n"}
    replies = {"line": b"OK", "http": b"HTTP/1."}
    with lab.client:
        for talks, port in running:
            with socket.create_connection(("server", port), PATIENCE) as connection:
                connection.sendall(requests[talks])
                assert connection.makefile("rb").readline().startswith(replies[talks]), port
