# SPDX-License-Identifier: GPL-2.0-or-later
"""Serves one file of 8 MB to everybody who asks, by select: server.py PORT."""

import selectors
import socket
import sys
import time

FILE = bytes(8_000_000)
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(FILE)}\r\nConnection: close\r\n\r\n"
asking: dict[socket.socket, tuple[float, bytes]] = {}
ready = selectors.DefaultSelector()


def drop(client: socket.socket) -> None:
    del asking[client]
    ready.unregister(client)
    client.close()


def read(client: socket.socket) -> None:
    since, request = asking[client]
    try:
        part = client.recv(4096)
        asking[client] = since, request + part
        if b"\r\n\r\n" in request + part:
            client.sendall(HEAD.encode() + FILE)
            part = b""
    except OSError:
        part = b""
    if not part:
        drop(client)


listener = socket.create_server(("", int(sys.argv[1])), backlog=128)
ready.register(listener, selectors.EVENT_READ)
while True:
    for key, _events in ready.select(1):
        if key.fileobj is listener:
            client, _address = listener.accept()
            asking[client] = time.monotonic(), b""
            ready.register(client, selectors.EVENT_READ)
        elif isinstance(key.fileobj, socket.socket):
            read(key.fileobj)
    for client, (since, _request) in [*asking.items()]:
        if time.monotonic() - since > 4:
            drop(client)
