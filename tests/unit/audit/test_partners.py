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


FORM = b"POST /pay HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=%s\r\n"
PART = b"--%s\r\nContent-Disposition: form-data; name=tea\r\n\r\n1\r\n--%s--\r\n"


@pytest.mark.parametrize(
    ("name", "first", "second", "alike"),
    [
        ("http", b'{"tea": 1, "at": 1764.5}', b'{"tea": 1, "at": 1765.25}', True),
        ("http", b'{"id": "%s"}' % (b"ab" * 16), b'{"id": "%s"}' % (b"cd" * 16), True),
        ("http", b'{"order": 1}', b'{"cancel": 1}', False),
        (
            "smtp",
            b"Date: 28 Nov 2026 15:04\r\n\r\ntea",
            b"Date: 28 Nov 2026 15:05\r\n\r\ntea",
            True,
        ),
        ("smtp", b"tea", b"cake", False),
    ],
)
def test_what_differs_in_times_and_numbers_is_alike(
    name: str, first: bytes, second: bytes, alike: bool
) -> None:
    frame = {
        "http": b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s",
        "smtp": b"DATA %d\r\n%s\r\n.\r\n",
    }[name]
    one, two = (said(name, frame % (len(body), body))[-1] for body in (first, second))
    assert one.key != two.key
    assert (one.alike == two.alike) is alike


def test_forms_are_alike_whatever_divides_their_parts() -> None:
    found = []
    for boundary in (b"axios-XyZzY", b"axios-pLuGh"):
        body = PART % (boundary, boundary)
        found += said("http", FORM % boundary + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert found[0].key != found[1].key
    assert found[0].alike == found[1].alike


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


def test_redis_says_what_it_is_in_both_versions() -> None:
    (two,) = said("redis", b"HELLO 2\r\n")
    assert two.reply.startswith(b"*14\r\n$6\r\nserver\r\n")
    three, nothing, members = said("redis", b"HELLO 3\r\nGET a\r\nSMEMBERS a\r\n")
    assert three.reply.startswith(b"%7\r\n")
    assert not three.is_request
    assert (nothing.reply, members.reply) == (b"_\r\n", b"~0\r\n")
    (four,) = said("redis", b"HELLO 4\r\n")
    assert four.reply.startswith(b"-NOPROTO")


def test_postgres_answers_what_is_flushed_before_it_is_ready() -> None:
    parse = b"P\0\0\0\x10" + b"\0select 1\0\0\0"
    flushed, synced = said("postgres", STARTUP + parse + b"H\0\0\0\x04" + b"S\0\0\0\x04")[2:]
    assert flushed.reply == b"1\0\0\0\x04"
    assert not flushed.is_request
    assert synced.key == "select 1"
