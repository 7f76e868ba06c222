# SPDX-License-Identifier: GPL-2.0-or-later
"""After a time-out the client repeats its question with the same number, and throws away the first
answer, which it takes for stale. The server answers a number only once.
"""

import socket
import sys

role, port = sys.argv[1], int(sys.argv[2])
if role == "server":
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            with connection:
                done = set()
                for number in connection.makefile():
                    if number not in done:
                        done.add(number)
                        connection.sendall(f"answer {number}".encode())
with socket.create_connection(("server", port)) as connection:
    connection.sendall(b"1\n")
    connection.settimeout(0.15)
    try:
        answer = connection.recv(4096)
    except TimeoutError:
        connection.settimeout(None)
        connection.sendall(b"1\n")
        connection.recv(4096)  # the stale one
        answer = connection.recv(4096)
    print(answer.decode(), end="")
