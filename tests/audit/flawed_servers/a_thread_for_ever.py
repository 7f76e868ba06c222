# SPDX-License-Identifier: GPL-2.0-or-later
"""A line server with a thread for each client: server.py PORT."""

import contextlib
import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    """One client, until it closes."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while (line := self.rfile.readline(1000)).endswith(b"\n"):
                self.wfile.write(b"OK " + line)


class Server(socketserver.ThreadingTCPServer):
    """Many clients at once."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


with Server(("", int(sys.argv[1])), Handler) as server:
    server.serve_forever()
