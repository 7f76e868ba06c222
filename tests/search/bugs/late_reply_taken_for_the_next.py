# SPDX-License-Identifier: GPL-2.0-or-later
"""After a time-out the client asks its next question on the same connection, and takes the answer
to the first one, which comes late, for the answer to that.
"""

import contextlib
import socket
import sys

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                for line in connection.makefile():
                    connection.sendall(f"answer to {line}".encode())
with socket.create_connection(("server", port)) as connection:
    connection.sendall(b"cache?\n")
    connection.settimeout(0.15)
    with contextlib.suppress(TimeoutError):
        connection.recv(4096)
    connection.settimeout(None)
    connection.sendall(b"price?\n")
    print(connection.recv(4096).decode().partition("\n")[0])
