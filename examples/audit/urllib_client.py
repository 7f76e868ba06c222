# SPDX-License-Identifier: GPL-2.0-or-later
"""One request by urllib.request, of Python itself: HTTP.

By default it waits for ever. `--recommended`: `timeout`, of each wait and not of all:
https://docs.python.org/3/library/urllib.request.html#urllib.request.urlopen
"""

import os
import sys
import urllib.request
from typing import Any

limits: dict[str, Any] = {"timeout": 10} if "--recommended" in sys.argv else {}
with urllib.request.urlopen(
    "http://{NETLAB_SERVER}:{NETLAB_PORT}/".format_map(os.environ), **limits
) as reply:
    print(reply.status, len(reply.read()), "bytes")
