# SPDX-License-Identifier: GPL-2.0-or-later
"""One request by httpx (PyPI: httpx): HTTP.

By default each wait ends after 5 s. `--recommended`: the time-outs of the documentation's example,
https://www.python-httpx.org/advanced/timeouts/
"""

import os
import sys
from typing import Any

import httpx

limits: dict[str, Any] = {"timeout": httpx.Timeout(10.0)} if "--recommended" in sys.argv else {}
reply = httpx.get("http://{NETLAB_SERVER}:{NETLAB_PORT}/".format_map(os.environ), **limits)
print(reply.status_code, len(reply.content), "bytes")
