# SPDX-License-Identifier: GPL-2.0-or-later
"""One request by urllib3 (PyPI: urllib3): HTTP.

By default each wait may take 3 s, and it tries three times more. `--recommended`: the time-outs of
https://urllib3.readthedocs.io/en/stable/reference/urllib3.util.html#urllib3.util.Timeout
"""

import os
import sys
from typing import Any

import urllib3

limits: dict[str, Any] = (
    {"timeout": urllib3.Timeout(connect=2.0, read=7.0)} if "--recommended" in sys.argv else {}
)
reply = urllib3.request(
    "GET", "http://{NETLAB_SERVER}:{NETLAB_PORT}/".format_map(os.environ), **limits
)
print(reply.status, len(reply.data), "bytes")
