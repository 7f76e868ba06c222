# SPDX-License-Identifier: GPL-2.0-or-later
"""Which packet of an exchange is which, whenever it comes; and what becomes of it."""

from __future__ import annotations

import pytest

from netlab.programs.effects import Crossing
from netlab.programs.exchange import EXPECTED, Crossings, PacketAddress, Sent, address
from netlab.programs.fates import FATES, Fate
from tests.unit.test_pump import TO_CLIENT, TO_SERVER, exchange, frame


def sent(frames: list[tuple[int, bytes]]) -> list[Sent]:
    """What each packet is; all of them are TCP's."""
    seen = Crossings()
    found = [seen.take(each, way) for way, each in frames]
    return [each for each in found if each is not None]


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
def test_each_packet_of_an_exchange_has_its_own_address_and_number(six: bool) -> None:
    packets = sent(exchange((1 << 32) - 2, 7, 51234, six))
    assert [(each.way, each.number, str(each.address)) for each in packets] == [
        (0, 1, "seq=0"),
        (1, 1, "seq=0"),
        (0, 2, "ack=1"),
        (0, 3, "seq=1"),
        (1, 2, "ack=4"),
        (1, 3, "seq=1"),
        (1, 4, "FIN"),
    ]
    assert [each.text for each in packets] == [
        "SYN seq=0",
        "SYN|ACK seq=0 ack=1",
        "ACK ack=1",
        "DATA seq=1:4 ack=1",
        "ACK ack=4",
        "DATA seq=1:4 ack=4",
        "FIN|ACK seq=4 ack=4",
    ]


def test_what_is_sent_again_keeps_its_number() -> None:
    request = (TO_SERVER, frame(TO_SERVER, "PA", 1, 1, b"GET"))
    later = (TO_SERVER, frame(TO_SERVER, "PA", 4, 1, b"more"))
    packets = sent([request, request, later, request])
    assert [(each.number, each.again) for each in packets] == [(1, 0), (1, 1), (2, 0), (1, 2)]


def test_a_fin_is_the_same_whether_data_come_with_it_or_not() -> None:
    data = (TO_CLIENT, frame(TO_CLIENT, "PA", 1, 1, b"200"))
    alone = (TO_CLIENT, frame(TO_CLIENT, "FA", 4, 1))
    with_it = (TO_CLIENT, frame(TO_CLIENT, "FPA", 1, 1, b"200"))
    for frames in ([data, alone, alone], [with_it, with_it], [with_it, alone]):
        times = [each.times(PacketAddress("FIN")) for each in sent(frames)]
        assert [each for each in times if each is not None] == [0, 1]


def test_a_port_that_comes_again_is_another_connection() -> None:
    first, second = (exchange(number, 7, 40000) for number in (100, 900))
    assert [each.connection for each in sent([*first, *second])] == [1] * 7 + [2] * 7


def test_what_is_not_tcp_is_no_packet_of_it() -> None:
    assert Crossings().take(bytes(60), TO_SERVER) is None


@pytest.mark.parametrize(
    ("given", "found"),
    [(7, PacketAddress("", 7)), ("7", PacketAddress("", 7)), ("seq=0", PacketAddress("seq")),
     ("ack=146", PacketAddress("ack", 146)), ("FIN", PacketAddress("FIN"))],
)  # fmt: skip
def test_an_address_is_read(given: int | str, found: PacketAddress) -> None:
    assert address(given) == found
    assert str(address(str(found))) == str(found)


@pytest.mark.parametrize("given", [0, -1, "", "ACK", "seq=", "seq=-1", "seq=99999999999", "fin"])
def test_what_is_no_address_is_refused(given: int | str) -> None:
    with pytest.raises(ValueError, match="its number") as refused:
        address(given)
    assert str(refused.value) == EXPECTED


def met(fate: Fate, frames: list[tuple[int, bytes]]) -> list[Crossing]:
    """Each packet after the fate has had its way; it is for those to the server."""
    act = fate.act(lambda crossing: 0.0, {**fate.numbers, "way": TO_SERVER})
    found = [Crossing(bytes(1), (), 0.0, each) for each in sent(frames)]
    for crossing in found:
        assert crossing.sent is not None
        if fate.spans or crossing.sent.way == TO_SERVER:
            act(crossing)
    return found


REQUEST_TWICE = [*exchange(0, 0, 40000)[:4], exchange(0, 0, 40000)[3], *exchange(0, 0, 40000)[4:]]


@pytest.mark.parametrize(("again", "at"), [(0, 3), (1, 4)])
@pytest.mark.parametrize("packet", [3, "seq=1"])
def test_one_packet_meets_its_fate_and_no_other(packet: int | str, again: int, at: int) -> None:
    def places(word: str, done: str) -> list[int]:
        crossings = met(FATES[word](packet, again=again), REQUEST_TWICE)
        usual = getattr(Crossing(b"", (), 0.0), done)
        return [place for place, each in enumerate(crossings) if getattr(each, done) != usual]

    assert places("drop", "lost") == [at]
    assert places("double", "copies") == [at]
    assert places("overtake", "held") == [at]
    assert places("cut", "lost") == [*range(at, len(REQUEST_TWICE))]


def test_a_packet_of_another_connection_is_another() -> None:
    frames = [*exchange(0, 0, 40000), *exchange(0, 0, 40001)]
    lost = [each.lost for each in met(FATES["drop"]("SYN", connection=2), frames)]
    assert [place for place, each in enumerate(lost) if each] == [7]


@pytest.mark.parametrize(
    ("fate", "why"),
    [
        (FATES["drop"]("ACK"), f"drop: expected {EXPECTED}; found 'ACK'"),
        (FATES["cut"](1, 0), "connection: expected a whole number, 1 to 100000; found 0"),
        (FATES["double"](1, again=-1), "again: expected a whole number, 0 to 2147483648; found -1"),
    ],
)
def test_a_fate_that_cannot_be_read_is_named(fate: Fate, why: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        _ = fate.numbers
    assert str(refused.value) == why
