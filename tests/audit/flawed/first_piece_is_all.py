# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints what a web service says: ask.py SERVER PORT."""

import socket
import sys


def get(server: str, port: int, path: str = "/") -> str:
    connection = socket.create_connection((server, port), timeout=5)
    with connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n".encode())
        response = connection.recv(1 << 20).decode()
    if not response:
        raise ConnectionError("empty response")
    head, _, body = response.partition("\r\n\r\n")
    if head.split()[1] != "200":
        raise ConnectionError(head.splitlines()[0])
    return body


if __name__ == "__main__":
    try:
        print(get(sys.argv[1], int(sys.argv[2])))
    except OSError as error:
        sys.exit(f"ask: {error}")
