# SPDX-License-Identifier: GPL-2.0-or-later
"""The server resets a connection 0.1 s after its reply, which it takes for received."""

import socket
import struct
import sys
import time

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"reply\n")
                time.sleep(0.1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
with socket.create_connection(("server", port)) as connection:
    connection.sendall(b"request\n")
    print(connection.makefile().readline(), end="")
