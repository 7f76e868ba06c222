# SPDX-License-Identifier: GPL-2.0-or-later
"""Three workers share one connection to redis: workers.py SERVER PORT."""

import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

TIMEOUT = 4  # seconds


class Shared:
    """One connection for all, made when it is needed."""

    def __init__(self, server: str, port: int) -> None:
        self.address = server, port
        self.lock = threading.Lock()
        self.stream: socket.SocketIO | None = None

    def length(self, key: str) -> int:
        with self.lock:
            if self.stream is None:
                with socket.create_connection(self.address, TIMEOUT) as connection:
                    self.stream = connection.makefile("rwb", buffering=0)
            try:
                self.stream.write(f"*2\r\n$4\r\nLLEN\r\n${len(key)}\r\n{key}\r\n".encode())
                reply = self.stream.readline()
                if not reply.endswith(b"\n"):
                    raise ConnectionError("closed in the middle")
                return int(reply[1:])
            except OSError:
                self.stream.close()
                self.stream = None
                raise


shared = Shared(sys.argv[1], int(sys.argv[2]))
with ThreadPoolExecutor(3) as pool:
    try:
        print([*pool.map(shared.length, ["first", "second", "third"])])
    except OSError as error:
        sys.exit(f"redis: {error}")
