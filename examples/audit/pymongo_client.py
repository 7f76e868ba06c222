# SPDX-License-Identifier: GPL-2.0-or-later
"""One command by PyMongo (PyPI: pymongo): MongoDB.

By default a server is looked for for 30 s, and a reply waited for for ever. `--recommended`:
https://www.mongodb.com/docs/languages/python/pymongo-driver/current/connect/connection-options/csot/
"""

import os
import sys
from typing import Any

import pymongo

limits: dict[str, Any] = {"timeoutMS": 10000} if "--recommended" in sys.argv else {}
with pymongo.MongoClient(
    "mongodb://{NETLAB_SERVER}:{NETLAB_PORT}/".format_map(os.environ), **limits
) as client:
    print(client.admin.command("ping"))
