# SPDX-License-Identifier: GPL-2.0-or-later
"""One query by psycopg2 (PyPI: psycopg2-binary): PostgreSQL.

By default it waits for ever. `--recommended`: connect_timeout, keepalives and tcp_user_timeout of
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import os
import sys

import psycopg2

LIMITS = "connect_timeout=10 keepalives_idle=5 keepalives_interval=2 keepalives_count=2"
host, port = os.environ["NETLAB_SERVER"], os.environ["NETLAB_PORT"]
limits = f"{LIMITS} tcp_user_timeout=10000" if "--recommended" in sys.argv else ""
connection = psycopg2.connect(f"host={host} port={port} user=postgres {limits}")
with connection, connection.cursor() as cursor:
    cursor.execute("SELECT 'hello'")
    print(cursor.fetchone())
connection.close()
