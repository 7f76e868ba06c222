# SPDX-License-Identifier: GPL-2.0-or-later
"""The small servers: whole requests are answered, however their bytes are cut up."""

from __future__ import annotations

import pytest

from netlab.audit.partners import mysql, protocols
from netlab.audit.partners.base import ServerSession, Talk
from netlab.audit.partners.http import BODY

POST = b"POST /pay HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345"
CHUNKED = b"POST /pay HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"
MAIL = b"EHLO me\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n"
STARTUP = b"\0\0\0\x08\x04\xd2\x16\x2f" + b"\0\0\0\x08\0\x03\0\0"  # SSLRequest, StartupMessage
QUERY = b"Q\0\0\0\x0dselect 1\0"


def said(name: str, data: bytes, piece: int = 1 << 20) -> list[Talk]:
    session: ServerSession = protocols()[name]().session()
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    return [talk for each in pieces for talk in session.take(each)]


def test_each_has_a_name_a_port_and_a_line() -> None:
    assert {"http", "line", "redis", "smtp", "postgres", "mysql", "tls-http"} == {*protocols()}
    for name, protocol in protocols().items():
        assert protocol.name == name
        assert 0 < protocol.port < 1 << 16
        assert protocol.does


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("http", b"GET / HTTP/1.1\r\n\r\n" + POST + CHUNKED),
        ("redis", b"*2\r\n$4\r\nINCR\r\n$1\r\na\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n"),
        ("line", b"one\ntwo\r\n"),
        ("smtp", MAIL),
        ("postgres", STARTUP + QUERY + b"X\0\0\0\x04"),
        ("mysql", mysql.packets(1, b"login") + mysql.packets(0, b"\x03select 1", b"\x01")),
    ],
)
def test_what_is_said_does_not_hang_on_where_it_is_cut(name: str, data: bytes) -> None:
    whole = said(name, data)
    assert len(whole) > 1
    assert said(name, data, 1) == said(name, data, 7) == whole


def test_two_requests_are_the_same_if_they_ask_the_same() -> None:
    get, post = said("http", b"GET / HTTP/1.1\r\nDate: 1\r\n\r\n" + POST)
    assert (get.key, get.repeatable, get.closes) == ("GET /", True, False)
    assert get.reply.endswith(BODY)
    assert not post.repeatable
    assert post.key == said("http", CHUNKED)[0].key.replace("20 bytes", "5 bytes") or post.key


def test_a_post_with_a_key_may_be_sent_twice() -> None:
    (talk,) = said("http", POST.replace(b"\r\n\r\n", b"\r\nIdempotency-Key: 1\r\n\r\n"))
    assert talk.repeatable


def test_a_client_that_closes_is_closed() -> None:
    (talk,) = said("http", b"GET / HTTP/1.0\r\n\r\n")
    assert talk.closes
    (talk,) = said("http", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert talk.closes


def test_a_head_has_no_body() -> None:
    (talk,) = said("http", b"HEAD / HTTP/1.1\r\n\r\n")
    assert talk.reply.endswith(b"\r\n\r\n")


def test_a_body_is_asked_for_where_the_client_waits() -> None:
    session = protocols()["http"]().session()
    head, body = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), POST[-5:]
    (first,) = session.take(head[:-5])
    assert first.reply.startswith(b"HTTP/1.1 100")
    assert not first.is_request
    (second,) = session.take(body)
    assert second.is_request


def test_keys_are_kept_for_all_connections_of_one_store() -> None:
    store = protocols()["redis"]()
    (put,) = store.session().take(b"SET a 5\r\n")
    (got,) = store.session().take(b"GET a\r\n")
    (more,) = store.session().take(b"INCR a\r\n")
    assert (put.reply, got.reply, more.reply) == (b"+OK\r\n", b"$1\r\n5\r\n", b":6\r\n")
    assert (got.repeatable, more.repeatable) == (True, False)


def test_a_message_is_the_request_and_all_else_is_setup() -> None:
    talks = said("smtp", MAIL)
    (message,) = [talk for talk in talks if talk.is_request]
    assert "5 bytes" in message.key
    assert not message.repeatable
    assert talks[-1].closes


@pytest.mark.parametrize("name", ["smtp", "postgres", "mysql"])
def test_a_login_comes_before_what_is_asked(name: str) -> None:
    protocol = protocols()[name]()
    assert not protocol.asks_at_once
    assert not protocol.session().settled


def test_a_query_is_a_request_and_a_transaction_is_none() -> None:
    talks = said("postgres", STARTUP + b"Q\0\0\0\x0aBEGIN\0" + QUERY)
    assert [talk.key for talk in talks if talk.is_request] == ["select 1"]
    assert talks[0].reply == b"N"  # no TLS
    changed = b"\x03update t set a = 1"
    talks = said("mysql", mysql.packets(1, b"login") + mysql.packets(0, b"\x03SET NAMES x")
                 + mysql.packets(0, changed))  # fmt: skip
    assert [(talk.key, talk.repeatable) for talk in talks if talk.key] == [
        ("update t set a = 1", False)
    ]
