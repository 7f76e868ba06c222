# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetches a page, with a ticker beside it that shows that we live: fetch.py SERVER PORT."""

import os
import signal
import sys
import time
import urllib.request


def tick() -> int:
    """Begin the ticker; returns its process."""
    child = os.fork()
    if child:
        return child
    while True:
        time.sleep(1)
        os.write(2, b".")


def main(server: str, port: str) -> None:
    ticker = tick()
    with urllib.request.urlopen(f"http://{server}:{port}/", timeout=3) as response:
        page = response.read()
    os.kill(ticker, 15)
    os.waitpid(ticker, 0)
    print(len(page), "bytes")


signal.signal(signal.SIGALRM, lambda *_: sys.exit("fetch: took too long"))
signal.alarm(7)
try:
    main(sys.argv[1], sys.argv[2])
except Exception as error:
    sys.exit(f"\nno page: {error!r}")
