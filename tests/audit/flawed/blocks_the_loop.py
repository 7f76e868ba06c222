# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetches three pages at once, none of which may take longer than 4 s: pages.py SERVER PORT."""

import asyncio
import sys
import urllib.request


async def fetch(url: str) -> int:
    with urllib.request.urlopen(url, timeout=4) as response:
        return len(response.read())


async def main(server: str, port: str) -> int:
    urls = [f"http://{server}:{port}/?page={page}" for page in (1, 2, 3)]
    sizes = await asyncio.gather(*map(fetch, urls), return_exceptions=True)
    failed = [size for size in sizes if isinstance(size, BaseException)]
    print(*sizes, sep="\n", file=sys.stderr if failed else sys.stdout)
    return 1 if failed else 0


sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2])))
