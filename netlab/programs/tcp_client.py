# SPDX-License-Identifier: GPL-2.0-or-later
"""The client of Part 2's Experiment 3: it sends the time of day and never reads.

Since it never reads, it does not see the peer's FIN, and its connection stays in CLOSE_WAIT for as
long as it has something to send.
"""

from __future__ import annotations

import argparse
import datetime
import socket
import sys
import threading


def main(arguments: list[str] | None = None) -> int:
    """Send `count` lines, one every `delay` seconds. Returns 1 if the connection fails."""
    parser = argparse.ArgumentParser(prog="tcp_client", description=__doc__.splitlines()[0])
    parser.add_argument("-s", "--server", default="127.0.0.1", help="address (%(default)s)")
    parser.add_argument("-p", "--port", type=int, default=5555, help="port (%(default)s)")
    parser.add_argument("-c", "--count", type=int, default=10, help="lines to send (%(default)s)")
    parser.add_argument(
        "-d", "--delay", type=float, default=1.0, help="seconds between lines (%(default)s)"
    )
    parser.add_argument("-b", "--buffer", type=int, help="bytes of send buffer (SO_SNDBUF)")
    options = parser.parse_args(arguments)
    pace = threading.Event()
    try:
        with socket.create_connection((options.server, options.port)) as connection:
            if options.buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.buffer)
            for number in range(1, options.count + 1):
                now = datetime.datetime.now().isoformat(sep=" ", timespec="milliseconds")
                connection.sendall(f"{now} line {number}\n".encode())
                pace.wait(options.delay)
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        print(f"tcp_client: {options.server}:{options.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
