# SPDX-License-Identifier: GPL-2.0-or-later
"""One command by redis-py (PyPI: redis): redis.

`--recommended`: the time-outs of https://redis.io/docs/latest/develop/clients/redis-py/produsage/
"""

import os
import sys
from typing import Any

import redis

host, port = os.environ["NETLAB_SERVER"].rsplit(":", 1)
limits: dict[str, Any] = (
    {"socket_timeout": 10, "socket_connect_timeout": 5} if "--recommended" in sys.argv else {}
)
with redis.Redis(host, int(port), **limits) as client:
    print(client.ping())
