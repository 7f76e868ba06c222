# SPDX-License-Identifier: GPL-2.0-or-later
"""A line server with asyncio: a line within 4 s, read within 4 s, or goodbye. server.py PORT."""

import asyncio
import contextlib
import sys


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, TimeoutError, ValueError, EOFError):
        while True:
            async with asyncio.timeout(4):
                line = await reader.readuntil(b"\n")
                writer.write(b"OK " + line)
                await writer.drain()
    writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "", port, limit=4096, backlog=128)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
