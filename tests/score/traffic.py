# SPDX-License-Identifier: GPL-2.0-or-later
"""Applications with which nothing is wrong: each service with its clients, by port.

They never stop, and whatever they do is normal: a state that one of their connections is in will
pass by itself, or is meant to last.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
Talk: TypeAlias = Callable[[Reader, Writer, random.Random], Awaitable[None]]

FIRST = 7001  # the port of the first service
REQUEST, ANSWER, BLOCK = bytes(200), bytes(2000), bytes(16384)
ROOM = 32768  # bytes of the receive buffer of a reader that is to be felt
PACE = 250_000  # bytes a second of each bulk transfer: they leave room on the line
SO_MAX_PACING_RATE = 47  # asm-generic/socket.h
IMPATIENT = 1.0  # seconds without a request, after which a server closes
STARTS = 1.0  # seconds in which clients start, one after the other


@dataclass(frozen=True, slots=True)
class Service:
    """What a service and its clients do, and how many clients it has at a time."""

    name: str
    serve: Talk
    use: Talk
    clients: int
    room: int = 0  # bytes of the receive buffers, if not what the kernel chooses


async def _request(reader: Reader, writer: Writer) -> None:
    writer.write(REQUEST)
    await writer.drain()
    await reader.readexactly(len(ANSWER))


async def _answer(reader: Reader, writer: Writer) -> None:
    await reader.readexactly(len(REQUEST))
    writer.write(ANSWER)
    await writer.drain()


async def _to_the_end(reader: Reader) -> None:
    while await reader.read(len(BLOCK)):
        pass


async def _write_on(reader: Reader, writer: Writer, chance: random.Random) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, PACE)
    while True:
        writer.write(BLOCK)
        await writer.drain()


async def _read_on(reader: Reader, writer: Writer, chance: random.Random) -> None:
    await _to_the_end(reader)


async def _read_slowly(reader: Reader, writer: Writer, chance: random.Random) -> None:
    while await reader.read(len(BLOCK)):
        await asyncio.sleep(0.1)


async def _read_in_turns(reader: Reader, writer: Writer, chance: random.Random) -> None:
    """Read much, then do something else with it for most of a second."""
    while await reader.readexactly(8 * len(BLOCK)):
        await asyncio.sleep(chance.uniform(0.2, 0.8))


async def _answer_on(reader: Reader, writer: Writer, chance: random.Random) -> None:
    while True:
        await _answer(reader, writer)


async def _ask_on(reader: Reader, writer: Writer, chance: random.Random) -> None:
    while True:
        await _request(reader, writer)
        await asyncio.sleep(chance.uniform(0.02, 0.5))


async def _ask_once(reader: Reader, writer: Writer, chance: random.Random) -> None:
    await _request(reader, writer)


async def _answer_once(reader: Reader, writer: Writer, chance: random.Random) -> None:
    await _answer(reader, writer)


async def _answer_and_wait(reader: Reader, writer: Writer, chance: random.Random) -> None:
    await _answer(reader, writer)
    await _to_the_end(reader)


async def _ask_and_wait(reader: Reader, writer: Writer, chance: random.Random) -> None:
    await _request(reader, writer)
    await _to_the_end(reader)


async def _ask_and_clear_up(reader: Reader, writer: Writer, chance: random.Random) -> None:
    """The server has closed, and the client needs a moment until it does."""
    await _ask_and_wait(reader, writer, chance)
    await asyncio.sleep(chance.uniform(0.05, 0.5))


async def _ask_and_shut_down(reader: Reader, writer: Writer, chance: random.Random) -> None:
    writer.write(REQUEST)
    writer.write_eof()
    await _to_the_end(reader)


async def _answer_for_long(reader: Reader, writer: Writer, chance: random.Random) -> None:
    await _to_the_end(reader)
    for _ in range(chance.randint(5, 40)):
        writer.write(ANSWER)
        await writer.drain()
        await asyncio.sleep(chance.uniform(0.05, 0.4))


async def _answer_late(reader: Reader, writer: Writer, chance: random.Random) -> None:
    while True:
        await reader.readexactly(len(REQUEST))
        await asyncio.sleep(chance.uniform(2.0, 8.0))
        writer.write(ANSWER)


async def _tell_on(reader: Reader, writer: Writer, chance: random.Random) -> None:
    while True:
        writer.write(REQUEST)
        await writer.drain()
        await asyncio.sleep(chance.uniform(0.5, 1.5))


async def _ask_then_idle(reader: Reader, writer: Writer, chance: random.Random) -> None:
    await _request(reader, writer)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    await _to_the_end(reader)


async def _read_or_give_up(reader: Reader, writer: Writer, chance: random.Random) -> None:
    """Where a RST is lost, nobody else ends the connection."""
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(_to_the_end(reader), IMPATIENT)


async def _reset(reader: Reader, writer: Writer, chance: random.Random) -> None:
    """A health check: the handshake is all that it wants to see."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


SERVICES = (
    Service("bulk", _read_on, _write_on, 2),
    Service("request and response", _answer_on, _ask_on, 10),
    Service("short, the client closes first", _answer_and_wait, _ask_once, 8),
    Service("short, the server closes first", _answer_once, _ask_and_wait, 8),
    Service("short, the client clears up", _answer_once, _ask_and_clear_up, 12),
    Service("keepalive", _answer_and_wait, _ask_then_idle, 10),
    Service("slow reader", _read_slowly, _write_on, 3, room=ROOM),
    Service("reader that pauses", _read_in_turns, _write_on, 3, room=ROOM),
    Service("half-close", _answer_for_long, _ask_and_shut_down, 5),
    Service("long poll", _answer_late, _ask_on, 5),
    Service("idle pool", _answer_and_wait, _ask_and_wait, 10),
    Service("event stream", _tell_on, _read_on, 5),
    Service("health check", _read_or_give_up, _reset, 1),
)
NAMES = {FIRST + number: service.name for number, service in enumerate(SERVICES)}


def serve(address: str, seed: int, ended: int) -> None:
    """Serve all services at an address until `ended` can be read."""
    chance = random.Random(seed)

    async def listen() -> None:
        for port, service in enumerate(SERVICES, FIRST):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if service.room:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, service.room)
            sock.bind((address, port))
            await asyncio.start_server(_whole(service.serve, chance), sock=sock, backlog=128)

    run(listen(), ended)


def use(address: str, seed: int, ended: int) -> None:
    """Use all services of a host until `ended` can be read."""
    use_each([address], seed, ended)


def use_each(servers: Sequence[str], seed: int, ended: int, most: int | None = None) -> None:
    """Use all services until `ended` can be read, each with `most` clients at a time at most; one
    client after the other turns to the next of the servers.
    """
    chance = random.Random(seed)
    clients = [
        (port, service)
        for port, service in enumerate(SERVICES, FIRST)
        for _ in range(service.clients)[:most]
    ]

    async def start() -> None:
        loop = asyncio.get_running_loop()
        for (port, service), server in zip(clients, itertools.cycle(servers)):
            tasks.add(loop.create_task(_client(server, port, service, chance)))
            await asyncio.sleep(STARTS / len(clients))

    tasks: set[asyncio.Task[None]] = set()
    run(start(), ended)


async def _client(address: str, port: int, service: Service, chance: random.Random) -> None:
    talk = _whole(service.use, chance)
    while True:
        with contextlib.suppress(OSError):
            await talk(*await asyncio.open_connection(address, port))
        await asyncio.sleep(chance.uniform(0.1, 0.5))


def _whole(talk: Talk, chance: random.Random) -> Callable[[Reader, Writer], Awaitable[None]]:
    """A talk, and the end of its connection."""

    async def talk_and_close(reader: Reader, writer: Writer) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await talk(reader, writer, chance)
        writer.close()

    return talk_and_close


def run(start: Awaitable[None], ended: int) -> None:
    """Start, and go on until `ended` can be read; then end this process."""

    async def main() -> None:
        over = asyncio.Event()
        asyncio.get_running_loop().add_reader(ended, over.set)
        await start
        await over.wait()
        os._exit(0)  # nobody waits for what is under way

    asyncio.run(main())
