# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks a line server for its status: status.py SERVER PORT."""

import socket
import sys


def ask(server: str, port: int, question: str) -> str:
    with socket.create_connection((server, port), timeout=3) as connection:
        connection.settimeout(None)  # the time-out was for connecting
        stream = connection.makefile("rw", newline="\n")
        stream.write(question + "\n")
        stream.flush()
        reply = stream.readline()
    if not reply.endswith("\n"):
        raise ConnectionError(f"the server closed after {reply!r}")
    return reply.rstrip("\n")


try:
    print(ask(sys.argv[1], int(sys.argv[2]), "STATUS"))
except OSError as failure:
    sys.exit(f"status: {failure}")
