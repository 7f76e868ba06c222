# SPDX-License-Identifier: GPL-2.0-or-later
"""What a packet is called on a wire that loses some: the same whenever the same is sent again, by
whatever port; and what hangs on it.
"""

from __future__ import annotations

import itertools
import math

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether

from netlab.programs.naming import Naming
from netlab.programs.pump import chance

TO_SERVER, TO_CLIENT = 0, 1
HOSTS = {4: ("10.0.0.1", "10.0.0.2"), 6: ("fd00::1", "fd00::2")}


def frame(
    way: int,
    flags: str,
    seq: int,
    ack: int = 0,
    data: bytes = b"",
    port: int = 40000,
    six: bool = False,
) -> bytes:
    """One segment between the two hosts; numbers go round as TCP's do."""
    seq, ack = seq % (1 << 32), ack % (1 << 32)
    client, server = HOSTS[6 if six else 4]
    ends, ports = ((client, server), (port, 80)) if way == TO_SERVER else (
        (server, client), (80, port))  # fmt: skip
    network = (IPv6 if six else IP)(src=ends[0], dst=ends[1])
    segment = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=seq, ack=ack)
    return bytes(Ether() / network / segment / data)


def exchange(first: int, other: int, port: int, six: bool = False) -> list[tuple[int, bytes]]:
    """A handshake, a request, its answer, and a FIN."""
    return [
        (TO_SERVER, frame(TO_SERVER, "S", first, port=port, six=six)),
        (TO_CLIENT, frame(TO_CLIENT, "SA", other, first + 1, port=port, six=six)),
        (TO_SERVER, frame(TO_SERVER, "A", first + 1, other + 1, port=port, six=six)),
        (TO_SERVER, frame(TO_SERVER, "PA", first + 1, other + 1, b"GET", port=port, six=six)),
        (TO_CLIENT, frame(TO_CLIENT, "A", other + 1, first + 4, port=port, six=six)),
        (TO_CLIENT, frame(TO_CLIENT, "PA", other + 1, first + 4, b"200", port=port, six=six)),
        (TO_CLIENT, frame(TO_CLIENT, "FA", other + 4, first + 4, port=port, six=six)),
    ]


def names(frames: list[tuple[int, bytes]]) -> list[tuple[int, ...]]:
    naming = Naming()
    return [naming.name(each, way) for way, each in frames]


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
def test_an_exchange_has_the_same_names_from_any_port_and_number(six: bool) -> None:
    one = names(exchange(1000, 2000, 40000, six))
    assert one == names(exchange((1 << 32) - 2, 7, 51234, six))
    assert len({*one}) == len(one) - 1  # the FIN has the fate of what came before it


@pytest.mark.parametrize("way", [TO_SERVER, TO_CLIENT])
def test_whether_a_fin_comes_with_the_last_data_changes_no_fate(way: int) -> None:
    """The program's timing decides that, each time it is sent."""
    before = [(way, frame(way, "PA", 1, 1, b"one")), (way, frame(way, "PA", 4, 1, b"two"))]
    riding = [(way, frame(way, "FPA", 4, 1, b"two"))]
    alone = [(way, frame(way, "PA", 4, 1, b"two")), (way, frame(way, "FA", 7, 1))]
    assert {*names([*before[:1], *riding])} == {*names([*before[:1], *alone])}
    again = [*names([*before[:1], *riding, *riding])]
    assert {*names([*before[:1], *alone, *riding])} == {*again}
    assert {*names([*before[:1], *alone, *alone])} == {*again}
    assert {*names([*before[:1], *riding, *alone])} == {*again}


def test_a_fin_without_data_before_it_has_a_fate_of_its_own() -> None:
    opened = [(TO_SERVER, frame(TO_SERVER, "S", 0)), (TO_SERVER, frame(TO_SERVER, "FA", 1, 1))]
    assert len({*names(opened)}) == 2


def test_what_is_sent_again_is_another() -> None:
    naming = Naming()
    syn = frame(TO_SERVER, "S", 1000)
    first, again = naming.name(syn, TO_SERVER), naming.name(syn, TO_SERVER)
    assert (first[:-1], first[-1], again[-1]) == (again[:-1], 1, 2)


def test_connections_are_told_apart_by_their_order_and_a_port_may_come_again() -> None:
    one, other = exchange(1000, 2000, 40000), exchange(1000, 2000, 40001)
    both = names([*one, *other, *exchange(5000, 6000, 40000)])
    assert [each[1] for each in both] == [1] * 7 + [2] * 7 + [3] * 7
    assert [each[2:] for each in both[:7]] == [each[2:] for each in both[14:]]


def test_acknowledgments_without_data_are_told_apart_by_what_they_cover() -> None:
    naming = Naming()
    for way, each in exchange(1000, 2000, 40000):
        naming.name(each, way)
    early = naming.name(frame(TO_SERVER, "A", 1004, 2002), TO_SERVER)
    late = naming.name(frame(TO_SERVER, "A", 1004, 2004), TO_SERVER)
    assert early[:-1] != late[:-1]


def test_padding_is_no_data() -> None:
    short = frame(TO_SERVER, "A", 1, 1)
    assert names([(TO_SERVER, short)]) == names([(TO_SERVER, short + bytes(6))])


@pytest.mark.parametrize(
    "other",
    [
        bytes(Ether() / ARP()),
        bytes(Ether() / IP() / UDP()),
        b"",
        bytes(20),
        bytes(Ether() / IP(proto=6)),
    ],
)
def test_what_is_no_tcp_is_named_by_its_place(other: bytes) -> None:
    naming = Naming()
    assert [naming.name(other, way) for way in (0, 0, 1, 0)] == [(0, 1), (0, 2), (1, 1), (0, 3)]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("seed", [0, 1, 4711])
def test_of_many_a_share_is_chosen(seed: int, share: float) -> None:
    """Within four standard deviations, and as often right after one that was chosen."""
    number = 20_000
    chosen = [
        chance(seed, 3, (0, 1, 1448 * each, 0, 16, 1448, 1)) < share for each in range(number)
    ]
    tolerated = 4 * math.sqrt(number * share * (1 - share))
    assert abs(sum(chosen) - number * share) < tolerated
    pairs = sum(one and other for one, other in itertools.pairwise(chosen))
    assert abs(pairs - number * share**2) < 4 * math.sqrt(number) * share + 4
