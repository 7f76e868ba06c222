# SPDX-License-Identifier: GPL-2.0-or-later
"""A line server by select, which drops who is idle for four seconds: server.py PORT."""

import selectors
import socket
import sys
import time
from dataclasses import dataclass, field


@dataclass
class Client:
    """A connection, what of a line there is, and since when."""

    connection: socket.socket
    line: bytes = b""
    since: float = field(default_factory=time.monotonic)


clients: dict[int, Client] = {}
ready = selectors.DefaultSelector()


def drop(client: Client) -> None:
    del clients[client.connection.fileno()]
    ready.unregister(client.connection)
    client.connection.close()


def serve(client: Client) -> None:
    try:
        part = client.connection.recv(4096)
        client.line += part
        *lines, client.line = client.line.split(b"\n")
        for line in lines:
            client.connection.send(b"OK " + line + b"\n")
            client.since = time.monotonic()
    except OSError as error:
        print(f"a client is gone: {error}", file=sys.stderr)
        ready.unregister(client.connection)
        client.since = float("inf")  # it is idle no more
        return
    if not part:
        drop(client)


listener = socket.create_server(("", int(sys.argv[1])), backlog=128)
ready.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in ready.select(1):
        if key.fileobj is listener:
            connection, _ = listener.accept()
            connection.setblocking(False)
            clients[connection.fileno()] = Client(connection)
            ready.register(connection, selectors.EVENT_READ)
        else:
            serve(clients[key.fd])
    for client in [*clients.values()]:
        if time.monotonic() - client.since > 4:
            drop(client)
