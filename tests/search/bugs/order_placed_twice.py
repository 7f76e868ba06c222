# SPDX-License-Identifier: GPL-2.0-or-later
"""The client resets a connection that is silent for 0.15 s, and places its order once more: where
exactly the reply was lost, the server has it twice.
"""

import socket
import struct
import sys

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    orders = 0
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                try:
                    if connection.makefile().readline() == "order\n":
                        orders += 1
                    connection.sendall(b"%d\n" % orders)
                    connection.recv(1)  # until the client closes
                except ConnectionResetError:
                    pass
for _ in range(3):
    connection = socket.create_connection(("server", port))
    connection.sendall(b"order\n")
    connection.settimeout(0.15)
    try:
        connection.makefile().readline()
        break
    except TimeoutError:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
with socket.create_connection(("server", port)) as connection:
    connection.sendall(b"how many?\n")
    print("orders:", connection.makefile().readline(), end="")
