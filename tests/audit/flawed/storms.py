# SPDX-License-Identifier: GPL-2.0-or-later
"""Registers this host with a line server, whatever it takes: register.py SERVER PORT."""

import socket
import sys
import threading
import time

END = time.monotonic() + 6
done = threading.Event()


def register(server: str, port: int) -> None:
    """Try; and if it fails, try twice, for somebody must get through."""
    try:
        with socket.create_connection((server, port), timeout=2) as connection:
            connection.sendall(b"REGISTER web-1\n")
            if connection.makefile("rb").readline().endswith(b"\n"):
                done.set()
                return
    except OSError:
        pass
    if done.is_set() or time.monotonic() > END:
        return
    for _ in range(2 if threading.active_count() < 100 else 1):
        threading.Thread(target=register, args=(server, port), daemon=True).start()


register(sys.argv[1], int(sys.argv[2]))
while not done.wait(0.1) and time.monotonic() < END:
    pass
sys.exit(0 if done.is_set() else "not registered")
