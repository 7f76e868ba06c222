# SPDX-License-Identifier: GPL-2.0-or-later
"""The server takes a client for dead that is silent for 0.4 s. A heartbeat comes every 0.15 s, so
that one may be lost, and not twice.
"""

import socket
import sys
import time

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(0.4)
                try:
                    while connection.recv(1):
                        pass
                    connection.sendall(b"goodbye\n")
                except TimeoutError:
                    connection.sendall(b"you are dead\n")
with socket.create_connection(("server", port)) as connection:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(4):
        connection.sendall(b".")
        time.sleep(0.15)
    connection.shutdown(socket.SHUT_WR)
    print(connection.makefile().readline(), end="")
