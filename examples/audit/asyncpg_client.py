# SPDX-License-Identifier: GPL-2.0-or-later
"""One query by asyncpg (PyPI: asyncpg): PostgreSQL.

By default connecting may take 60 s, and a query for ever. `--recommended`: timeout and
command_timeout of https://magicstack.github.io/asyncpg/current/api/index.html#connection
"""

import asyncio
import os
import sys
from typing import Any

import asyncpg

LIMITS: dict[str, Any] = (
    {"timeout": 10, "command_timeout": 10} if "--recommended" in sys.argv else {}
)


async def main() -> None:
    host, port = os.environ["NETLAB_SERVER"], os.environ["NETLAB_PORT"]
    connection = await asyncpg.connect(host=host, port=int(port), user="postgres", **LIMITS)
    print(await connection.fetchval("SELECT 'hello'"))
    await connection.close()


asyncio.run(main())
