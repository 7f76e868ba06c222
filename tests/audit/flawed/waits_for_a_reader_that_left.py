# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks a line server; a thread reads, so that asking never blocks: client.py SERVER PORT."""

import queue
import socket
import sys
import threading


class Client:
    """A connection whose replies come out of a queue."""

    def __init__(self, server: str, port: int) -> None:
        self.connection = socket.create_connection((server, port), timeout=3)
        self.replies: queue.Queue[str | OSError] = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        buffered = b""
        try:
            while part := self.connection.recv(4096):
                *lines, buffered = (buffered + part).split(b"\n")
                for line in lines:
                    self.replies.put(line.decode())
        except OSError as error:
            self.replies.put(error)

    def ask(self, question: str) -> str:
        self.connection.sendall(f"{question}\n".encode())
        reply = self.replies.get()
        if isinstance(reply, OSError):
            raise reply
        return reply


try:
    print(Client(sys.argv[1], int(sys.argv[2])).ask("STATUS"))
except OSError as failure:
    sys.exit(f"client: {failure}")
