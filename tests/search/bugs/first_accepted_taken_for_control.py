# SPDX-License-Identifier: GPL-2.0-or-later
"""The client opens two connections at once, and the server takes the one that it accepts first for
the one that was opened first.
"""

import socket
import sys

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            control, data = server.accept()[0], server.accept()[0]
            with control, data:
                control.sendall(b"control\n")
                data.sendall(b"data\n")
[(family, *_, address)] = socket.getaddrinfo("server", port, type=socket.SOCK_STREAM)
control, data = socket.socket(family), socket.socket(family)
for each in (control, data):
    each.setblocking(False)
    each.connect_ex(address)
    each.setblocking(True)
print(control.makefile().readline(), data.makefile().readline(), sep="", end="")
