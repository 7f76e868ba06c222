# SPDX-License-Identifier: GPL-2.0-or-later
"""A web server with a thread for each client, which ends within five seconds: server.py PORT."""

import http.server
import socket
import sys
import threading

BODY = b"all is well\n" * 100_000


class Page(http.server.BaseHTTPRequestHandler):
    """The status, and the end of the connection."""

    timeout = 4  # of each call

    def handle(self) -> None:
        guard = threading.Timer(5, self.give_up)  # of all of them
        guard.start()
        try:
            super().handle()
        except OSError:
            pass  # that client is gone
        finally:
            guard.cancel()

    def give_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)


class Server(http.server.ThreadingHTTPServer):
    """Many clients at once."""

    request_queue_size = 128


Server(("", int(sys.argv[1])), Page).serve_forever()
