# SPDX-License-Identifier: GPL-2.0-or-later
"""Without a fault, every planted program does what it is for: else it would show nothing at one.

All clients of one protocol play side by side in one lab, and so do all servers. What this machine
has no compiler or interpreter for is left out.
"""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

import pytest

from netlab import Lab, Net
from netlab.testbed.net import Address
from netlab.testbed.program import Program

from .test_manifest import HERE, entries

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


def of(entry: dict[str, Any], built: Path, **values: str) -> list[str] | None:
    """The words of its command, once it is built; None where this machine lacks what it needs."""
    made = shlex.split(entry.get("build", "").replace("{built}", str(built)))
    line = entry["command"].replace("{built}", str(built))
    for name, value in values.items():
        line = line.replace(f"{{{name}}}", value)
    words = shlex.split(line)
    if words[0] == "python3":
        words[0] = sys.executable
    programs = [*entry.get("needs", []), made[0] if made else words[0]]
    if not all(map(shutil.which, programs)):
        return None
    if made:
        subprocess.run(made, cwd=HERE, check=True)
    return words


@pytest.fixture
def partners(net: Net) -> dict[str, Address]:
    """A healthy server for each protocol that this machine can serve."""
    found = {"http": net.serve(answer_http), "line": net.serve(answer_lines)}
    return found | ({"redis": net.serve(REDIS)} if shutil.which("redis-server") else {})


def test_every_client_gets_what_it_asks_for(
    net: Net, partners: dict[str, Address], tmp_path: Path
) -> None:
    begun: dict[str, Program] = {}
    for kind, entry in entries("flawed", "sound"):
        if kind == "clients" and (partner := partners.get(entry["talks"])):
            words = of(entry, tmp_path, server=partner.host, port=str(partner.port))
            if words:
                begun[entry["file"]] = net.lab.client.run(words, cwd=HERE)
    assert len(begun) >= 20  # those in Python and for sh, at least
    codes = {file: program.wait(PATIENCE) for file, program in begun.items()}
    failed = {file: code for file, code in codes.items() if code}
    assert not failed, [begun[file].errors for file in failed]


def served(lab: Lab, folder: Path) -> Iterator[tuple[str, int]]:
    """Every server that can be started here, and its port."""
    ports = iter(range(FIRST_PORT, 1 << 16))
    for kind, entry in entries("flawed", "sound"):
        if kind == "servers":
            port = next(ports)
            if words := of(entry, folder, port=str(port)):
                lab.server.start(words, cwd=HERE, ready=port, within=PATIENCE)
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
