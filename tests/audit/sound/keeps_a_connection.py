# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends two readings, two seconds apart, by one connection where that lives: meter.py SERVER PORT.

No reading is sent again that may have arrived: a connection is looked at before it is used.
"""

import select
import socket
import sys
import time

SERVER = sys.argv[1], int(sys.argv[2])


def usable(connection: socket.socket) -> bool:
    """True unless it is closed, or has something to say that nobody asked for."""
    return not select.select([connection], [], [], 0)[0]


def send(connection: socket.socket, reading: str, end: float) -> None:
    connection.settimeout(2)
    connection.sendall(f"READING {reading}\n".encode())
    reply = b""
    while not reply.endswith(b"\n"):
        connection.settimeout(max(0.001, end - time.monotonic()))
        part = connection.recv(4096)
        if not part:
            raise ConnectionError("closed: nobody knows whether it has arrived")
        reply += part


def main() -> None:
    end = time.monotonic() + 6
    connection = socket.create_connection(SERVER, timeout=2)
    try:
        send(connection, "first", end)
        time.sleep(2)
        if not usable(connection):
            connection.close()
            connection = socket.create_connection(SERVER, timeout=2)
        send(connection, "second", end)
    finally:
        connection.close()


try:
    main()
except OSError as error:
    sys.exit(f"meter: {error}")
print("two readings are stored")
