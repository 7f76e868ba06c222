# SPDX-License-Identifier: GPL-2.0-or-later
"""One query by psycopg 3 (PyPI: psycopg[binary]): PostgreSQL.

By default connecting may take 130 s, and a reply for ever. `--recommended`: connect_timeout,
keepalives and tcp_user_timeout of https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
"""

import os
import sys

import psycopg

LIMITS = "connect_timeout=10 keepalives_idle=5 keepalives_interval=2 keepalives_count=2"
host, port = os.environ["NETLAB_SERVER"], os.environ["NETLAB_PORT"]
limits = f"{LIMITS} tcp_user_timeout=10000" if "--recommended" in sys.argv else ""
with psycopg.connect(f"host={host} port={port} user=postgres {limits}") as connection:
    print(connection.execute("SELECT 'hello'").fetchone())
