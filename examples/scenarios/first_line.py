# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks a server, prints the first line of its answer, and reads the rest."""

import asyncio


async def main() -> None:
    """Ask once."""
    reader, writer = await asyncio.open_connection("server", 8000)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    print((await reader.readline()).decode())
    await reader.read()
    writer.close()


asyncio.run(main())
