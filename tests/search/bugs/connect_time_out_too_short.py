# SPDX-License-Identifier: GPL-2.0-or-later
"""The client gives a connection 0.7 s: TCP sends a lost SYN again after a second."""

import socket
import sys

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"hello\n")
with socket.create_connection(("server", port), timeout=0.7) as connection:
    connection.settimeout(None)
    print(connection.makefile().readline(), end="")
