# SPDX-License-Identifier: GPL-2.0-or-later
"""The server waits 0.15 s for the end of a request, which is a FIN, and then says nothing."""

import socket
import sys
import time

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                if not connection.recv(4096):
                    continue
                connection.settimeout(0.15)
                try:
                    connection.recv(4096)
                    connection.sendall(b"done\n")
                except TimeoutError:
                    pass
with socket.create_connection(("server", port)) as connection:
    connection.sendall(b"do it")
    time.sleep(0.05)
    connection.shutdown(socket.SHUT_WR)
    print(connection.makefile().readline() or sys.exit("no answer"), end="")
