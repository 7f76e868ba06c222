# SPDX-License-Identifier: GPL-2.0-or-later
"""The client tries twice to connect, for 0.4 s each: it needs a loss in both of them."""

import socket
import sys

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"hello\n")
for _ in range(2):
    try:
        connection = socket.create_connection(("server", port), timeout=0.4)
        break
    except TimeoutError:
        pass
else:
    sys.exit("given up")
connection.settimeout(None)
print(connection.makefile().readline(), end="")
