# SPDX-License-Identifier: GPL-2.0-or-later
"""Pays, by a server that takes one line and says one line: pay.py SERVER PORT AMOUNT."""

import socket
import sys

PATIENCE = 1.5  # seconds


def pay(connection: socket.socket, amount: str) -> str:
    stream = connection.makefile("rb")
    for _ in range(3):
        connection.sendall(f"PAY {amount}\n".encode())
        try:
            reply = stream.readline()
        except TimeoutError:  # it may not have arrived
            stream = connection.makefile("rb")
            continue
        if not reply.endswith(b"\n"):
            raise ConnectionError("closed without a reply")
        return reply.decode().strip()
    raise TimeoutError("no reply to three requests")


try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), PATIENCE) as connection:
        print(pay(connection, sys.argv[3]))
except OSError as error:
    sys.exit(f"pay: {error}")
