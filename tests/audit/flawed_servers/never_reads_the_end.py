# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients subscribe with a line, and are told what is published: server.py PORT."""

import queue
import socket
import sys
import threading


class Subscriber(threading.Thread):
    """One client, and what it is to be told."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(daemon=True)
        self.connection = connection
        self.news: queue.Queue[bytes] = queue.Queue()

    def run(self) -> None:
        with self.connection:
            self.connection.settimeout(4)
            try:
                wanted = self.connection.makefile("rb").readline(1000)
                if not wanted.endswith(b"\n"):
                    return
                self.connection.sendall(b"OK " + wanted)
                while True:
                    self.connection.sendall(self.news.get() + b"\n")
            except OSError:
                return


listener = socket.create_server(("", int(sys.argv[1])), backlog=128)
while True:
    accepted, _ = listener.accept()
    Subscriber(accepted).start()
