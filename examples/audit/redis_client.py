# SPDX-License-Identifier: GPL-2.0-or-later
"""One command by redis-py (PyPI: redis): redis.

By default (of version 8) each wait ends after 5 s, and there are ten more tries. `--recommended`:
https://redis.io/docs/latest/develop/clients/redis-py/produsage/ (time-outs, retries)
"""

import os
import sys
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

host, port = os.environ["NETLAB_SERVER"], os.environ["NETLAB_PORT"]
limits: dict[str, Any] = {}
if "--recommended" in sys.argv:
    limits = {"socket_timeout": 2, "socket_connect_timeout": 2}
    limits["retry"] = Retry(ExponentialBackoff(), 3)
with redis.Redis(host, int(port), **limits) as client:
    print(client.ping())
