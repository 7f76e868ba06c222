# SPDX-License-Identifier: GPL-2.0-or-later
"""Places an order over HTTP, and is robust about it: order.py SERVER PORT."""

import http.client
import json
import signal
import sys
import time

ORDER = json.dumps({"item": "chair", "count": 4}).encode()
ATTEMPTS = 3


def place(server: str, port: int) -> int:
    connection = http.client.HTTPConnection(server, port, timeout=2)
    try:
        connection.request("POST", "/", ORDER, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


signal.signal(signal.SIGALRM, lambda *_: sys.exit("order: took too long"))
signal.alarm(8)
for attempt in range(1, ATTEMPTS + 1):
    try:
        status = place(sys.argv[1], int(sys.argv[2]))
    except (OSError, http.client.HTTPException) as error:
        print(f"attempt {attempt}: {error!r}", file=sys.stderr)
        time.sleep(0.2 * attempt)
        continue
    print("ordered" if status < 300 else f"refused: {status}")
    sys.exit(0 if status < 300 else 1)
sys.exit("gave up")
