# SPDX-License-Identifier: GPL-2.0-or-later
"""One query by PyMySQL (PyPI: pymysql): MySQL and MariaDB.

By default connecting may take 10 s, and a query for ever. `--recommended`: read_timeout and
write_timeout of https://pymysql.readthedocs.io/en/latest/modules/connections.html
"""

import os
import sys
from typing import Any

import pymysql

host, port = os.environ["NETLAB_SERVER"], os.environ["NETLAB_PORT"]
limits: dict[str, Any] = (
    {"read_timeout": 10, "write_timeout": 10} if "--recommended" in sys.argv else {}
)
connection = pymysql.connect(host=host, port=int(port), user="netlab", **limits)
with connection, connection.cursor() as cursor:
    cursor.execute("SELECT 'hello'")
    print(cursor.fetchone())
