# SPDX-License-Identifier: GPL-2.0-or-later
"""The client takes what is there after a while for the whole message."""

import socket
import sys
import time

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                connection.sendall(b"the first half, ")
                time.sleep(0.01)
                connection.sendall(b"and the second\n")
                connection.recv(1)
with socket.create_connection(("server", port)) as connection:
    time.sleep(0.1)
    print(connection.recv(4096).decode())
