# SPDX-License-Identifier: GPL-2.0-or-later
"""One request by requests (PyPI: requests): HTTP.

By default it waits for ever. `--recommended`: "nearly all production code should use this
parameter", with the example's values: https://requests.readthedocs.io/en/latest/user/advanced/#timeouts
"""

import os
import sys
from typing import Any

import requests

limits: dict[str, Any] = {"timeout": (3.05, 27)} if "--recommended" in sys.argv else {}
reply = requests.get("http://{NETLAB_SERVER}:{NETLAB_PORT}/".format_map(os.environ), **limits)
print(reply.status_code, len(reply.content), "bytes")
