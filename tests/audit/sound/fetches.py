# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetches a page within five seconds, or says why not: fetch.py SERVER PORT."""

import http.client
import signal
import sys


def too_late(*_: object) -> None:
    raise TimeoutError("not done within 5 s")


signal.signal(signal.SIGALRM, too_late)
signal.alarm(5)  # for all of it: names, connecting, reading
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=3)
try:
    connection.request("GET", "/", headers={"Connection": "close"})
    response = connection.getresponse()
    page = response.read()  # IncompleteRead, if the length says more
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"no page: {error!r}")
finally:
    signal.alarm(0)
    connection.close()
if response.status != 200:
    sys.exit(f"no page: {response.status} {response.reason}")
print(len(page), "bytes")
