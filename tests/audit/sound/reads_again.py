# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads two keys of redis, two seconds apart: keys.py SERVER PORT.

What only reads may be asked again: by a new connection, after a pause that grows, and until five
seconds are over.
"""

import contextlib
import random
import socket
import sys
import time

SERVER, END = (sys.argv[1], int(sys.argv[2])), time.monotonic() + 5


def left() -> float:
    """Seconds that may still be spent. Raises TimeoutError if there are none."""
    if (rest := END - time.monotonic()) <= 0:
        raise TimeoutError("not done within 5 s")
    return rest


class Redis:
    """One connection at a time, made when it is needed."""

    connection: socket.socket | None = None

    def length(self, key: str) -> int:
        self.connection = self.connection or socket.create_connection(SERVER, min(2, left()))
        self.connection.settimeout(min(1.5, left()))
        self.connection.sendall(f"*2\r\n$4\r\nLLEN\r\n${len(key)}\r\n{key}\r\n".encode())
        reply = b""
        while not reply.endswith(b"\r\n"):
            self.connection.settimeout(min(1.5, left()))
            reply += (part := self.connection.recv(100))
            if not part:
                raise ConnectionError("closed")
        return int(reply[1:])

    def close(self) -> None:
        with contextlib.closing(self.connection or socket.socket()):
            self.connection = None


def patiently(redis: Redis, key: str) -> int:
    pause = 0.1
    while True:
        try:
            return redis.length(key)
        except OSError:
            redis.close()
            if left() < pause:
                raise
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, 2)


redis = Redis()
try:
    print("jobs", patiently(redis, "jobs"))
    time.sleep(min(2, left()))
    print("mails", patiently(redis, "mails"))
except OSError as error:
    sys.exit(f"redis: {error}")
finally:
    redis.close()
