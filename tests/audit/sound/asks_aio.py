# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks a line server three questions at once, by three connections: ask.py SERVER PORT."""

import asyncio
import sys


async def ask(server: str, port: int, question: str) -> str:
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(server, port)
        try:
            writer.write(f"{question}\n".encode())
            await writer.drain()
            reply = await reader.readuntil(b"\n")
        finally:
            writer.close()
    return reply.decode().rstrip("\n")


async def main(server: str, port: int) -> int:
    asked = [ask(server, port, question) for question in ("STATUS", "LOAD", "USERS")]
    replies = await asyncio.gather(*asked, return_exceptions=True)
    failed = [reply for reply in replies if isinstance(reply, BaseException)]
    for reply in replies:
        print(repr(reply), file=sys.stderr if failed else sys.stdout)
    return 1 if failed else 0


sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
