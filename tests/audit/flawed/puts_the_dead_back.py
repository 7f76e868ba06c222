# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks redis for the lengths of two queues, two seconds apart: lengths.py SERVER PORT."""

import queue
import socket
import sys
import time

free: queue.Queue[socket.socket] = queue.Queue()


def length(key: str) -> int:
    connection = free.get()
    try:
        connection.sendall(f"*2\r\n$4\r\nLLEN\r\n${len(key)}\r\n{key}\r\n".encode())
        reply = connection.recv(100)
        if not reply.endswith(b"\r\n"):
            raise ConnectionError(f"expected a number, got {reply!r}")
        return int(reply[1:])
    finally:
        free.put(connection)


def patiently(key: str) -> int:
    while True:
        try:
            return length(key)
        except OSError as error:
            print(f"{key}: {error}; again", file=sys.stderr)
            time.sleep(0.5)


try:
    free.put(socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2))
    print("jobs", length("jobs"))
except OSError as failure:
    sys.exit(f"lengths: {failure}")
time.sleep(2)
print("mails", patiently("mails"))
