# SPDX-License-Identifier: GPL-2.0-or-later
"""What each end has said, from the packets that left it."""

from __future__ import annotations

import pytest

from netlab.model.evidence import Frame
from netlab.model.vocabulary import Side
from netlab.packets.headers import Headers
from netlab.packets.ledger import KEPT, Ledger, Spoken, timestamp
from tests.frames import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    RST,
    SERVER,
    SYN,
    handshake,
    mine,
    passing,
    refused,
    tcp,
    theirs,
    udp,
)

C, S = Side.CLIENT, Side.SERVER


def kept(*frames: list[Frame]) -> Ledger:
    ledger = Ledger()
    ledger.take([frame for some in frames for frame in some])
    return ledger


def client(ledger: Ledger) -> Spoken:
    found = ledger.said(CLIENT, SERVER)
    assert found is not None
    return found


def server(ledger: Ledger) -> Spoken:
    found = ledger.said(SERVER, CLIENT)
    assert found is not None
    return found


def test_a_handshake() -> None:
    ledger = kept(handshake(0.0))
    own, other = client(ledger), server(ledger)
    assert (own.first, own.next, own.acknowledged, own.count) == (1000, 1001, 5001, 2)
    assert (other.first, other.next, other.acknowledged, other.count) == (5000, 5001, 1001, 1)
    assert (own.window, own.timestamp) == (500, 1)


def test_nothing_is_known_of_whoever_was_not_heard() -> None:
    ledger = kept(passing(0.0, C, tcp(CLIENT, SERVER, SYN, 7)))
    assert ledger.said(SERVER, CLIENT) is None
    assert client(ledger).acknowledged is None


def test_data_and_fin_count_and_what_is_sent_again_does_not() -> None:
    ledger = kept(
        handshake(0.0),
        passing(0.1, C, mine(PSH | ACK, 1001, payload=10, stamp=5)),
        passing(0.2, C, mine(FIN | ACK, 1011)),
        passing(0.3, C, mine(PSH | ACK, 1001, payload=10, stamp=9)),
        passing(0.4, S, theirs(ACK, 5001, 1012)),
    )
    assert client(ledger).next == 1012
    assert client(ledger).timestamp == 9
    assert server(ledger).acknowledged == 1012


def test_numbers_go_round() -> None:
    ledger = kept(handshake(0.0, first=(1 << 32) - 1))
    assert (client(ledger).first, client(ledger).next) == ((1 << 32) - 1, 0)


def test_what_an_ends_own_firewall_drops_was_said_all_the_same() -> None:
    ledger = kept(handshake(0.0), refused(0.1, C, mine(FIN | ACK, 1001), "own"))
    assert client(ledger).next == 1002


def test_what_is_dropped_where_it_comes_in_counts_once() -> None:
    ledger = kept(handshake(0.0), passing(0.1, C, mine(PSH | ACK, 1001, payload=5), "lost"))
    assert (client(ledger).next, client(ledger).count) == (1006, 3)


def test_a_reset_says_nothing_of_what_comes_next() -> None:
    ledger = kept(handshake(0.0), passing(0.1, C, mine(RST | ACK, 1500, 9)))
    assert (client(ledger).next, client(ledger).acknowledged) == (1001, 5001)


def test_a_new_connection_begins_anew_and_goes_on_counting() -> None:
    ledger = kept(handshake(0.0), handshake(1.0, first=90, answer=80))
    assert (client(ledger).first, client(ledger).next, client(ledger).count) == (90, 91, 4)


def test_what_was_forged_is_not_said_but_the_same_again_is() -> None:
    segment = mine(PSH | ACK, 1050, payload=5)
    ledger = kept(handshake(0.0))
    ledger.forged(Headers(CLIENT, SERVER, 5, True, PSH | ACK, 1050, 5001, 500))
    ledger.take(passing(0.1, C, segment))
    assert (client(ledger).next, client(ledger).count) == (1001, 2)
    ledger.take(passing(0.2, C, segment))
    assert (client(ledger).next, client(ledger).count) == (1055, 3)


def test_what_came_since_is_told_in_order_and_not_for_ever() -> None:
    ledger = kept(handshake(0.0))
    before = server(ledger).count
    assert server(ledger).since(before) == []
    for number in range(KEPT + 9):
        ledger.take(passing(1.0 + number, S, theirs(ACK, 5001, 1001 + number)))
    told = server(ledger).since(before)
    assert [each.acknowledgment for each in told] == [1001 + 9 + each for each in range(KEPT)]
    assert [each.acknowledgment for each in server(ledger).since(before + KEPT)] == [
        each.acknowledgment for each in told[-9:]
    ]


@pytest.mark.parametrize(
    "packet", [udp(CLIENT, SERVER, 4), (b"", 0), (b"\x45", 1), (b"\x60" + bytes(39), 40)]
)
def test_what_is_no_tcp_is_nobodys(packet: tuple[bytes, int]) -> None:
    ledger = kept(passing(0.0, C, packet))
    assert ledger.said(CLIENT, SERVER) is None


@pytest.mark.parametrize("end", [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")])
def test_a_timestamp_is_found_in_both_families(end: tuple[str, str]) -> None:
    source, destination = end
    data, _ = tcp((source, 1), (destination, 2), ACK, stamp=4711)
    assert timestamp(data) == 4711
    assert timestamp(data[: len(data) - 6]) is None
