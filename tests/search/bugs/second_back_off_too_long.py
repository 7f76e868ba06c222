# SPDX-License-Identifier: GPL-2.0-or-later
"""The client waits 0.33 s: long enough for one retransmission, and not for two."""

import socket
import sys

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                if connection.recv(4096):
                    connection.sendall(b"pong\n")
with socket.create_connection(("server", port)) as connection:
    connection.sendall(b"ping\n")
    connection.settimeout(0.33)
    print(connection.makefile().readline(), end="")
