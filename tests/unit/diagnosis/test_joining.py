# SPDX-License-Identifier: GPL-2.0-or-later
"""Two hosts, one of which shows no address of its own: what is assumed of it, and what is asked."""

from __future__ import annotations

import pytest

from netlab.diagnosis.rank import diagnose
from netlab.model.findings import Diagnosis
from netlab.snapshot import parse

HEAD = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
SYNS = "".join(f"SYN-SENT 0 1 10.20.3.14:{port} 10.40.7.2:5432\n" for port in (45822, 45824))
ADMIN = "ESTAB 0 0 10.20.3.14:22 10.1.1.1:50000\n"
FULL = "LISTEN 129 128 0.0.0.0:5432 0.0.0.0:*\n"
ROOM = "LISTEN 0 128 0.0.0.0:5432 0.0.0.0:*\n"
RESOLVER = "LISTEN 0 128 127.0.0.53:53 0.0.0.0:*\n"
OTHER = "LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n"


def asked(web: str, db: str) -> Diagnosis:
    texts = {"web": HEAD + web, "db": HEAD + db}
    return diagnose([one for name, text in texts.items() for one in parse.read(text, name)])


@pytest.mark.parametrize("beside", ["", ADMIN, ADMIN + "SYN-SENT 0 1 10.20.3.14:9 10.1.1.2:80\n"])
@pytest.mark.parametrize("resolver", ["", RESOLVER])
def test_a_listener_is_the_one_that_all_syns_to_its_port_mean(beside: str, resolver: str) -> None:
    """The full queue explains them: no other finding has the same sockets, and it is said why."""
    answer = asked(SYNS + beside, FULL + resolver)
    first = answer.findings[0]
    assert (first.cause, len(first.connections)) == ("accept-queue-full", 3)
    assert all(each.port != 5432 for each in answer.findings[1:])
    assert answer.unseen[0].startswith("db shows no address of its own, and is taken for 10.40.7.2")


def test_a_listener_with_room_has_not_heard_the_syn() -> None:
    answer = asked(SYNS + ADMIN, ROOM)
    (found,) = answer.findings
    assert (found.cause, found.other_end) == ("syn-lost", ())
    assert "has not heard it" in found.evidence_for[0]


def test_where_two_hosts_can_be_meant_nothing_is_assumed() -> None:
    answer = asked(SYNS + "SYN-SENT 0 1 10.20.3.14:9 10.40.7.3:5432\n", FULL)
    assert {each.cause for each in answer.findings} == {"accept-queue-full", "syn-lost"}
    asks = [text for text in answer.unseen if "whether it is" in text]
    assert [address in text for text, address in zip(asks, ("7.2", "7.3"), strict=True)] == [
        True
    ] * 2
    assert "its listener at port 5432 is full" in asks[0]


@pytest.mark.parametrize("resolver", ["", RESOLVER])
def test_a_host_without_the_listener_is_asked_about(resolver: str) -> None:
    (text,) = asked(SYNS + ADMIN, OTHER + resolver).unseen
    assert "whether it is 10.40.7.2, and if it is, nobody listens there at port 5432" in text


def test_where_it_is_the_only_one_that_can_be_meant_nobody_listens_there() -> None:
    answer = asked(SYNS, OTHER)
    (found,) = answer.findings
    assert found.cause == "syn-lost"
    assert "nobody listens at 10.40.7.2:5432" in found.evidence_for[0]
    assert "is taken for 10.40.7.2" in answer.unseen[0]


def test_who_shows_its_address_is_not_assumed_to_have_it() -> None:
    there = "ESTAB 0 0 10.40.7.2:22 10.1.1.1:50001\n"
    answer = asked(SYNS + ADMIN, FULL + there)
    assert answer.findings[0].cause == "accept-queue-full"
    assert not any("address of its own" in text for text in answer.unseen)


def test_one_host_is_asked_nothing() -> None:
    snapshots = parse.read(HEAD + SYNS, "web")
    assert not diagnose(snapshots).unseen
