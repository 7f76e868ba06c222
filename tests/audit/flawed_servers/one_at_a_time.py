# SPDX-License-Identifier: GPL-2.0-or-later
"""A line server: each line is answered by one. server.py PORT."""

import contextlib
import socket
import sys


def serve(connection: socket.socket) -> None:
    with connection, connection.makefile("rwb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                return
            stream.write(b"OK " + line)
            stream.flush()


with socket.create_server(("", int(sys.argv[1])), backlog=128) as listener:
    while True:
        accepted, _ = listener.accept()
        with contextlib.suppress(OSError):  # that client is gone
            serve(accepted)
