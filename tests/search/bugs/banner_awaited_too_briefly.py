# SPDX-License-Identifier: GPL-2.0-or-later
"""The client waits 0.6 s for the server's banner, and takes it for an old one without a banner. A
banner that is lost comes sooner; but the server accepts only when the handshake's last ACK, which
is not sent again, or the client's own data have come.
"""

import socket
import sys

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"version 2\n")
                connection.recv(4096)
with socket.create_connection(("server", port)) as connection:
    connection.settimeout(0.6)
    try:
        print("speaks", connection.makefile().readline(), end="")
    except TimeoutError:
        print("speaks version 1")
