# SPDX-License-Identifier: GPL-2.0-or-later
"""A web server for the status page, which takes a moment to make: server.py PORT."""

import http.server
import sys
import time


class Page(http.server.BaseHTTPRequestHandler):
    """The status."""

    timeout = 1  # who says nothing is dropped

    def do_GET(self) -> None:
        time.sleep(0.3)  # asks the machines
        page = b"all is well\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


class Server(http.server.HTTPServer):
    """One page at a time: who comes meanwhile may come again."""

    request_queue_size = 1


Server(("", int(sys.argv[1])), Page).serve_forever()
