# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests that known projects skip, have deleted or call flaky, because "there is no such address":
one that never answers, on a laptop, in CI, on a plane. Here it is `net.blackhole`.

The comments name where each is missed.
"""

import asyncio
import errno
import socket

import httpx
import pytest
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from netlab import Net


def test_connecting_gives_up_in_time(net: Net) -> None:  # cpython PR 15349, Rust 57584, socket2 52
    with net.within(2), pytest.raises(TimeoutError):
        socket.create_connection(net.blackhole, timeout=0.2)


def test_what_cannot_be_reached_is_told(net: Net) -> None:  # Rust 59018
    with net.within(5), pytest.raises(OSError, match="No route to host") as failed:
        socket.create_connection(net.unreachable)
    assert failed.value.errno == errno.EHOSTUNREACH


def test_a_connect_time_out_is_no_read_time_out(net: Net) -> None:  # jetty 8868, docker-client 55
    with net.within(3), pytest.raises(httpx.ConnectTimeout):
        httpx.get(net.blackhole.url, timeout=httpx.Timeout(9, connect=0.2))
    with net.within(3), pytest.raises(httpx.ReadTimeout):
        httpx.get(net.silent.url, timeout=httpx.Timeout(9, read=0.2))


def test_a_cancelled_connection_leaves_no_socket(net: Net) -> None:  # hickory-dns 2526, lnd 7469
    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(*net.blackhole), 0.2)

    asyncio.run(give_up())
    net.lab.expect_no_sockets(at="client")


def test_a_reply_that_stops_half_way_is_an_error(net: Net) -> None:  # pulsar 15865
    with net.within(3), pytest.raises(requests.ConnectionError):
        requests.get(net.half(1000).url, timeout=0.2)


def test_a_reset_is_an_error_at_once(net: Net) -> None:  # opsboy 4
    with net.within(2), pytest.raises(requests.ConnectionError):
        requests.get(net.resets.url)


def test_a_pool_notices_that_its_idle_connection_was_cut(net: Net) -> None:  # lettuce 1466
    server = net.serve("redis-server --port {port} --bind * -::* --protected-mode no --save ''")
    once = Retry(NoBackoff(), 1)
    pool = redis.Redis(*server, socket_timeout=0.2, socket_connect_timeout=0.2, retry=once)
    with pool as client:
        assert client.ping()
        net.cut()
        with net.within(5), pytest.raises(redis.TimeoutError):
            client.ping()


def test_a_user_time_out_ends_what_is_never_acknowledged(net: Net) -> None:  # kubernetes 41185
    with net.within(5), socket.create_connection(net.silent) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300)
        net.cut()
        client.sendall(b"hello")
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_keepalive_ends_what_was_forgotten(net: Net) -> None:  # psycopg 777, psycopg2 561
    with net.within(9), socket.create_connection(net.silent) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT):
            client.setsockopt(socket.IPPROTO_TCP, option, 1)
        net.forget()
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_connection_that_lives_through_a_cut_goes_on(net: Net) -> None:  # grpc 15889
    echo = net.serve(lambda each: each.sendall(each.recv(5)))
    with net.within(9), socket.create_connection(echo) as client:
        net.cut()
        client.sendall(b"hello")
        net.heal()
        assert client.recv(5) == b"hello"
