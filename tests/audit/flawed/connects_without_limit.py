# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetches the front page and says how long it is: front.py SERVER PORT."""

import http.client
import signal
import sys


def main(server: str, port: str) -> int:
    connection = http.client.HTTPConnection(server, int(port))
    try:
        connection.connect()
        signal.alarm(5)  # a slow page is no page
        connection.request("GET", "/", headers={"Connection": "close"})
        page = connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        print(f"no page: {error!r}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    print(len(page), "bytes")
    return 0


signal.signal(signal.SIGALRM, lambda *_: sys.exit("front: took too long"))
sys.exit(main(sys.argv[1], sys.argv[2]))
