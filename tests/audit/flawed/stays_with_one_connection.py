# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts what is in two queues of redis, two seconds apart: depth.py SERVER PORT."""

import socket
import sys
import time


def connect(server: str, port: int) -> socket.socket:
    address = socket.getaddrinfo(server, port, type=socket.SOCK_STREAM)[0]
    connection = socket.socket(address[0], address[1])
    connection.settimeout(2)
    connection.connect(address[4])
    return connection


def ask(connection: socket.socket, queue: str) -> int:
    connection.sendall(f"*2\r\n$4\r\nLLEN\r\n${len(queue)}\r\n{queue}\r\n".encode())
    reply = b""
    while not reply.endswith(b"\r\n"):
        reply += (part := connection.recv(100))
        if not part:
            raise ConnectionError("the server has closed")
    return int(reply[1:])


try:
    connection = connect(sys.argv[1], int(sys.argv[2]))
    print("jobs", ask(connection, "jobs"))
except OSError as error:
    sys.exit(f"depth: {error}")
time.sleep(2)
depth = None
while depth is None:
    try:
        depth = ask(connection, "mails")
    except OSError as error:
        print(f"depth: {error}; redis will be back", file=sys.stderr)
        time.sleep(1)
print("mails", depth)
