# SPDX-License-Identifier: GPL-2.0-or-later
"""What a program's own tests look like: real clients and servers, and one packet that is lost.

Each test has a network of its own, with two hosts, `lab.client` and `lab.server`. Nothing of it is
seen outside, and none of it needs root.
"""

import asyncio
import socket
import threading
from pathlib import Path

import aiohttp
import httpx
import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from netlab import ACK, DATA, FIN, SYN, Lab, Net

HTTP = "python3 -m http.server --bind :: 8000"
REDIS = "redis-server --bind * -::* --protected-mode no --save '' --dir {folder}"
NGINX = f"nginx -e stderr -c {Path(__file__).parent}/scenarios/nginx.conf -p {{folder}}"


def test_a_connect_time_out_is_kept(lab: Lab) -> None:
    lab.server.start(HTTP, ready=8000)
    lab.drop(SYN | ACK, to=lab.client)
    with lab.client, pytest.raises(requests.ConnectTimeout):
        requests.get("http://server:8000/", timeout=0.5)


def test_a_read_time_out_is_kept(lab: Lab) -> None:
    lab.server.start(HTTP, ready=8000)
    lab.drop(DATA, to=lab.client)
    with lab.client, pytest.raises(httpx.ReadTimeout):
        httpx.get("http://server:8000/", timeout=0.5)


def test_a_closed_pool_leaks_nothing(lab: Lab) -> None:
    lab.server.start(HTTP, ready=8000)
    with lab.client, requests.Session() as session:
        session.get("http://server:8000/")
    lab.expect_no_sockets(at=lab.client)


def test_a_client_comes_back_after_a_restart(lab: Lab, tmp_path: Path) -> None:
    first = lab.server.start(REDIS.format(folder=tmp_path), ready=6379)
    with lab.client, redis.Redis("server", retry_on_error=[redis.ConnectionError]) as client:
        assert client.ping()
        first.kill()
        lab.server.start(REDIS.format(folder=tmp_path), ready=6379)
        assert client.ping()


def test_nginx_answers_curl(lab: Lab, tmp_path: Path) -> None:
    lab.server.start(NGINX.format(folder=tmp_path), ready=8080)
    curl = lab.client.run("curl -sS http://server:8080/")
    assert (curl.wait(), curl.output) == (0, "hello")


def test_a_program_gives_up_and_its_connection_was_half_open(lab: Lab) -> None:
    lab.server.start(HTTP, ready=8000)
    lab.drop(SYN | ACK, to=lab.client)
    curl = lab.client.run("curl -sS --max-time 1 http://server:8000/")
    lab.expect(client="SYN_SENT", server="SYN_RECV", hold=0.2, program=curl)
    assert curl.wait() == 28
    assert "timed out" in curl.errors


def test_a_client_in_a_thread_does_not_notice_that_the_server_has_closed(lab: Lab) -> None:
    lab.server.start(HTTP, ready=8000)
    lab.drop(FIN, to=lab.client)
    with lab.client, socket.create_connection(("server", 8000)) as connection:
        reader = threading.Thread(target=connection.makefile("rb").read, daemon=True)
        reader.start()
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        lab.expect(client="ESTABLISHED", server="FIN_WAIT1", port=8000)


def test_asyncio_reads_an_answer(lab: Lab) -> None:
    async def first_line() -> bytes:
        reader, writer = await asyncio.open_connection("server", 8000)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        return await reader.readline()

    lab.server.start(HTTP, ready=8000)
    with lab.client:
        assert asyncio.run(first_line()) == b"HTTP/1.0 200 OK\r\n"


def test_aiohttp_keeps_its_connect_time_out(net: Net) -> None:
    async def ask(url: str) -> None:
        limit = aiohttp.ClientTimeout(sock_connect=0.2)
        async with aiohttp.ClientSession(timeout=limit) as session:
            await session.get(url)

    with net.within(5), pytest.raises(aiohttp.ConnectionTimeoutError):
        asyncio.run(ask(net.blackhole.url))


def test_aiohttp_asks_twice_where_the_server_closes_without_an_answer(net: Net) -> None:
    async def ask(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(url)

    asked: list[bytes] = []
    server = net.serve(lambda each: asked.append(each.recv(1000)))
    with net.within(5), pytest.raises(aiohttp.ServerDisconnectedError):
        asyncio.run(ask(server.url))
    assert len(asked) == 2


def test_a_client_lives_with_200_ms(net: Net) -> None:
    net.lab.server.start(HTTP, ready=8000)
    net.slow("100ms")
    answer = requests.get("http://server:8000/", timeout=2)
    assert answer.elapsed.total_seconds() >= 0.2


def test_a_download_lives_with_2_percent_loss(net: Net) -> None:
    address = net.serve(lambda each: each.sendall(b"x" * 500_000))
    with net.lab.wire.loss("2%", seed=1) as loss, socket.create_connection(address) as client:
        assert len(client.makefile("rb").read()) == 500_000
    assert loss.packets


def test_a_pool_survives_a_nat_that_forgets(net: Net) -> None:
    server = net.serve("redis-server --port {port} --bind * -::* --protected-mode no --save ''")
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.TimeoutError,))
    with redis.Redis(*server, socket_timeout=0.2, retry=retry) as client:
        assert client.ping()
        net.forget()
        assert client.ping()
