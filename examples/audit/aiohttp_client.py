# SPDX-License-Identifier: GPL-2.0-or-later
"""One request by aiohttp (PyPI: aiohttp): HTTP.

By default all of it may take 5 minutes, and connecting 30 s. `--recommended`: a total, as in
https://docs.aiohttp.org/en/stable/client_quickstart.html#timeouts
"""

import asyncio
import os
import sys
from typing import Any

import aiohttp

LIMITS: dict[str, Any] = (
    {"timeout": aiohttp.ClientTimeout(total=10)} if "--recommended" in sys.argv else {}
)


async def main() -> None:
    async with (
        aiohttp.ClientSession(**LIMITS) as session,
        session.get("http://{NETLAB_SERVER}:{NETLAB_PORT}/".format_map(os.environ)) as reply,
    ):
        print(reply.status, len(await reply.read()), "bytes")


asyncio.run(main())
