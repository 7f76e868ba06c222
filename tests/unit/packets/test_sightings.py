# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets: the sightings of one packet become one record, and numbers are relative."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.model.evidence import Frame, Recording, Sighting
from netlab.model.tcp import Segment
from netlab.model.vocabulary import Hook, Side
from netlab.packets.sightings import Latest, Packet, packets
from tests.frames import (
    ACK,
    CLIENT,
    FIN,
    PSH,
    RST,
    SERVER,
    SYN,
    WAY,
    handshake,
    icmp,
    mine,
    passing,
    recording,
    refused,
    tcp,
    theirs,
    udp,
)


def said(packet: Packet) -> str:
    numbers = f"{packet.sequence} {packet.acknowledgment} {packet.length}"
    return f"{packet.sender} {packet.segment} {numbers} x{packet.resent}"


def sightings(packet: Packet) -> str:
    names = zip("sad", (packet.sent, packet.arrived, packet.dropped), strict=True)
    return "".join(name for name, at in names if at is not None)


# --- one record a packet


def test_a_handshake_is_three_packets_that_left_and_arrived() -> None:
    found = packets(recording(handshake(1.0)))
    assert [said(packet) for packet in found] == [
        "client SYN 0 None 0 x0",
        "server SYN|ACK 0 1 0 x0",
        "client ACK 1 1 0 x0",
    ]
    assert (found[0].sent, found[0].arrived) == (1.0, 1.0 + WAY)
    assert all(sightings(packet) == "sa" and packet.ours for packet in found)


def test_ipv6_is_told_alike() -> None:
    ends = ("fd00::1", 40000), ("fd00::2", 6666)
    syn = passing(1.0, Side.CLIENT, tcp(*ends, SYN, 77))
    (packet,) = packets(recording(syn, client=("fd00:0:0::1", 40000), server=ends[1]))
    assert said(packet) == "client SYN 0 None 0 x0"
    assert packet.ours
    assert packet.source == ends[0]


def test_a_drop_at_the_receiver_follows_the_arrival() -> None:
    (packet,) = packets(recording(passing(1.0, Side.CLIENT, mine(SYN, 1000, 0), "drop-1")))
    assert (packet.sent, packet.arrived, packet.dropped) == (1.0, 1.0 + WAY, 1.0 + WAY)
    assert (packet.fault, packet.where) == ("drop-1", "server input")


def test_a_drop_at_the_sender_was_never_sent() -> None:
    (packet,) = packets(recording(refused(1.0, Side.CLIENT, mine(SYN, 1000, 0), "drop-1")))
    assert (packet.sender, packet.where) == (Side.CLIENT, "client output")
    assert sightings(packet) == "d"


def test_a_checksum_filled_in_on_the_way_is_the_same_packet() -> None:
    out, came = passing(1.0, Side.CLIENT, mine(ACK, 1001))
    data = bytearray(came.data)
    data[10:12], data[36:38] = b"\1\2", b"\3\4"  # IPv4's and TCP's
    assert len(packets(recording([out, replace(came, data=bytes(data))]))) == 1


def test_rules_may_keep_fewer_bytes_than_the_wire() -> None:
    sent = mine(PSH | ACK, 1001, payload=1448)
    *both, dropped = passing(1.0, Side.CLIENT, sent, "drop-1")
    (packet,) = packets(recording(both, [replace(dropped, data=dropped.data[:80])]))
    assert sightings(packet) == "sad"


def test_the_same_bytes_are_paired_first_in_first_out() -> None:
    again = mine(ACK, 1001)
    times = [1.0, 1.0 + 2e-6, 1.2, 3.0]
    found = packets(recording(*(passing(at, Side.CLIENT, again) for at in times)))
    assert [packet.sent for packet in found] == times
    assert [packet.arrived for packet in found] == [at + WAY for at in times]


def test_only_those_that_a_rule_dropped_are_dropped() -> None:
    again = mine(ACK, 1001)
    faults = {1.0: "", 1.001: "drop-1", 1.002: "", 1.003: "drop-1", 9.0: ""}
    found = packets(recording(*(passing(at, Side.CLIENT, again, f) for at, f in faults.items())))
    assert [packet.fault for packet in found] == [*faults.values()]


def test_what_one_end_missed_is_not_paired_with_something_else() -> None:
    first, second, third = (passing(at, Side.CLIENT, mine(ACK, 1001)) for at in (1.0, 2.0, 3.0))
    found = packets(recording(first[:1], second[1:], third, missed=2))
    assert [sightings(packet) for packet in found] == ["s", "a", "sa"]
    assert [packet.sender for packet in found] == [Side.CLIENT] * 3


def test_a_drop_whose_arrival_was_missed_follows_the_departure() -> None:
    out, _, dropped = passing(1.0, Side.CLIENT, mine(SYN, 1000, 0), "drop-1")
    (packet,) = packets(recording([out, dropped], missed=1))
    assert sightings(packet) == "sd"


def test_a_drop_alone_was_still_sent_by_the_other_end() -> None:
    (packet,) = packets(recording(passing(1.0, Side.CLIENT, mine(SYN, 1000, 0), "drop-1")[2:]))
    assert (packet.sender, sightings(packet)) == (Side.CLIENT, "d")


def test_they_come_in_the_order_in_which_they_were_first_seen() -> None:
    late = refused(1.02, Side.SERVER, theirs(ACK, 5001), "drop-1")
    found = packets(recording(late, handshake(1.0)))
    assert [packet.at for packet in found] == sorted(packet.at for packet in found)


# --- numbers


def test_syn_and_fin_count_one() -> None:
    closing = passing(2.0, Side.CLIENT, mine(FIN | ACK, 1001 + 5))
    answer = passing(2.1, Side.SERVER, theirs(ACK, 5001, 1001 + 6))
    data = passing(1.5, Side.CLIENT, mine(PSH | ACK, 1001, payload=5))
    found = packets(recording(handshake(1.0), data, closing, answer))
    assert [said(packet) for packet in found[3:]] == [
        "client DATA|ACK 1 1 5 x0",
        "client FIN|ACK 6 1 0 x0",
        "server ACK 1 7 0 x0",
    ]


def test_numbers_go_round() -> None:
    first = 2**32 - 2
    data = passing(2.0, Side.CLIENT, mine(ACK, first + 1, payload=100))
    more = passing(2.1, Side.CLIENT, mine(ACK, first + 101, payload=100))
    found = packets(recording(handshake(1.0, first), data, more))
    assert [packet.sequence for packet in found if packet.length] == [1, 101]


def test_without_a_syn_they_count_from_the_first_seen() -> None:
    data = [passing(1 + n, Side.CLIENT, mine(ACK, 70_000 + n, 90_000, payload=1)) for n in range(3)]
    back = passing(9.0, Side.SERVER, theirs(ACK, 90_000, 70_003))
    found = packets(recording(*data, back))
    assert [(packet.sequence, packet.acknowledgment) for packet in found] == [
        (0, 0), (1, 0), (2, 0), (0, 3),
    ]  # fmt: skip


def test_a_new_incarnation_counts_anew_and_an_old_segment_keeps_its_numbers() -> None:
    old = passing(2.5, Side.SERVER, theirs(ACK, 5001, 1001))
    found = packets(recording(handshake(1.0), handshake(2.0, 16_001_000, 16_005_000), old))
    assert [said(packet) for packet in found[3:]] == [
        "client SYN 0 None 0 x0",
        "server SYN|ACK 0 1 0 x0",
        "client ACK 1 1 0 x0",
        "server ACK 1 1 0 x0",
    ]


def test_segments_longer_than_their_header_can_say() -> None:
    data, _ = mine(ACK, 1001, payload=100)
    big = [Frame(1.0, Side.CLIENT, "out", 20 + 32 + 300_000, data)]
    (packet,) = packets(recording(big))
    assert packet.length == 300_000


# --- retransmissions


def test_each_retransmission_is_numbered() -> None:
    syns = [passing(1.0 + n, Side.CLIENT, mine(SYN, 1000, 0, stamp=n)) for n in range(3)]
    synacks = [passing(1.1 + n, Side.SERVER, theirs(SYN | ACK, 5000, stamp=n)) for n in range(3)]
    found = packets(recording(*syns, *synacks))
    assert [packet.resent for packet in found] == [0, 0, 1, 1, 2, 2]


def test_a_syn_of_another_incarnation_is_not_sent_again() -> None:
    found = packets(recording(*(passing(1.0 + n, Side.CLIENT, mine(SYN, n, 0)) for n in range(3))))
    assert [packet.resent for packet in found] == [0, 0, 0]


def test_a_synack_in_a_simultaneous_open_is_no_retransmission() -> None:
    syn = passing(1.0, Side.CLIENT, mine(SYN, 1000, 0))
    synack = passing(1.1, Side.CLIENT, mine(SYN | ACK, 1000))
    assert [packet.resent for packet in packets(recording(syn, synack))] == [0, 0]


def test_a_piece_of_what_had_left_is_a_retransmission() -> None:
    whole = passing(1.0, Side.CLIENT, mine(ACK, 1001, payload=30_000))
    piece = passing(1.2, Side.CLIENT, mine(ACK, 1001 + 1448, payload=1448))
    assert [packet.resent for packet in packets(recording(whole, piece))] == [0, 1]


def test_a_fin_that_its_own_firewall_dropped_is_sent_again() -> None:
    fins = [refused(1.0 + n, Side.CLIENT, mine(FIN | ACK, 1001), "drop-1") for n in range(2)]
    assert [packet.resent for packet in packets(recording(*fins))] == [0, 1]


def test_bare_acknowledgments_are_never_sent_again() -> None:
    acks = [passing(1.0 + n, Side.CLIENT, mine(ACK, 1001, stamp=n)) for n in range(3)]
    assert {packet.resent for packet in packets(recording(handshake(0.5), *acks))} == {0}


@pytest.mark.parametrize(("window", "text"), [(500, "keepalive"), (0, "window probe")])
def test_an_old_number_without_payload_is_a_probe(window: int, text: str) -> None:
    back = passing(2.0, Side.SERVER, theirs(ACK, 5001, window=window))
    probe = passing(3.0, Side.CLIENT, mine(ACK, 1000))
    found = packets(recording(handshake(1.0), back, probe))
    assert [packet.text for packet in found] == ["", "", "", "", text]
    assert found[-1].sequence == 0


# --- what is no TCP


def test_an_icmp_answer_belongs_to_the_connection_it_is_about() -> None:
    syn = mine(SYN, 1000, 0)
    answer = icmp("10.0.0.2", "10.0.0.1", 3, 3, syn[0][:28])
    stranger = icmp("10.0.0.2", "10.0.0.1", 3, 1, tcp(CLIENT, ("10.0.0.2", 1), SYN)[0][:28])
    found = packets(
        recording(
            passing(1.0, Side.CLIENT, syn), passing(1.1, Side.SERVER, answer),
            passing(1.2, Side.SERVER, stranger),
        )
    )  # fmt: skip
    assert [(packet.text, packet.ours) for packet in found] == [
        ("", True),
        ("ICMP port unreachable", True),
        ("ICMP host unreachable", False),
    ]
    assert found[1].segment is Segment.ANY


def test_icmpv6_is_named_too() -> None:
    ends = ("fd00::1", 40000), ("fd00::2", 6666)
    answer = icmp("fd00::2", "fd00::1", 1, 4, tcp(*ends, SYN)[0])
    neighbour = icmp("fd00::2", "ff02::1", 135, 0, bytes(16))
    found = packets(
        recording(
            passing(1.0, Side.SERVER, answer), passing(2.0, Side.SERVER, neighbour),
            client=ends[0], server=ends[1],
        )
    )  # fmt: skip
    assert [(packet.text, packet.ours) for packet in found] == [
        ("ICMPv6 port unreachable", True),
        ("ICMPv6 neighbour solicitation", False),
    ]


def test_a_datagram_is_named_with_its_size() -> None:
    (packet,) = packets(recording(passing(1.0, Side.CLIENT, udp(CLIENT, SERVER, 3))))
    assert (packet.text, packet.length, packet.ours) == ("UDP 3 B", 3, True)


@pytest.mark.parametrize("data", [b"", b"\x00" * 60, b"\x45\x00", mine(SYN, 1)[0][:30], b"\x60"])
def test_what_is_no_packet_is_said_to_be_malformed(data: bytes) -> None:
    (packet,) = packets(recording([Frame(1.0, Side.CLIENT, "out", len(data), data)]))
    assert packet.text == "malformed packet"
    assert not packet.ours


# --- whatever comes

SIGHTINGS: st.SearchStrategy[Sighting] = st.sampled_from(["out", "in", "dropped"])
BITS = st.sampled_from([SYN, SYN | ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK, 0])
NUMBERS = st.sampled_from([0, 1, 1000, 1001, 5000, 2**31, 2**32 - 1])


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A frame as the recorder writes it, or damaged."""
    source, destination = draw(st.permutations([CLIENT, SERVER]))
    segment = tcp(
        source, destination, draw(BITS), draw(NUMBERS), draw(NUMBERS), draw(st.integers(0, 3))
    )
    data = draw(st.one_of(st.just(segment[0]), st.binary(max_size=64)))
    cut = draw(st.one_of(st.none(), st.integers(0, 60)))
    seen = draw(SIGHTINGS)
    hook = draw(st.sampled_from([*Hook, None]))
    dropped = seen == "dropped"
    return Frame(
        draw(st.floats(0, 3)), draw(st.sampled_from(Side)), seen,
        draw(st.integers(0, 70_000)), data[:cut],
        "drop-1" if dropped else "", hook if dropped else None,
    )  # fmt: skip


def times(some: list[Packet]) -> Iterator[float]:
    for packet in some:
        yield from (t for t in (packet.sent, packet.arrived, packet.dropped) if t is not None)


@given(st.lists(frames(), max_size=30))
def test_every_frame_belongs_to_exactly_one_packet(some: list[Frame]) -> None:
    found = packets(Recording(0, CLIENT, SERVER, tuple(some)))
    assert sorted(times(found)) == sorted(frame.at for frame in some)
    for packet in found:
        if packet.sent is not None and packet.arrived is not None:
            assert -0.01 <= packet.arrived - packet.sent < 0.5


def seconds(record: Recording, packets_in_it: int) -> float:
    """Of the processor, that finding the packets of a recording takes."""
    gc.disable()  # it looks at everything that other tests have left, too
    try:
        before = time.process_time()
        assert len(packets(record)) == packets_in_it
        return time.process_time() - before
    finally:
        gc.enable()


def test_ten_times_as_many_packets_take_ten_times_as_long() -> None:
    """A hundred times as long, if each were compared with each."""

    def many(count: int) -> float:
        frames = [
            passing(n * 1e-4, Side.CLIENT, mine(ACK, 1001 + 1448 * n, payload=1448))
            for n in range(count)
        ]
        return seconds(recording(*frames), count)

    assert many(10_000) < 40 * many(1_000)


def test_a_flood_of_the_same_bytes_does_so_too() -> None:
    same = mine(ACK, 1)

    def flood(count: int) -> float:
        frames = (passing(n * 1e-4, Side.CLIENT, same, "drop-1") for n in range(count))
        record = recording(*frames)
        assert {sightings(packet) for packet in packets(record)} == {"sad"}
        return seconds(record, count)

    assert flood(10_000) < 40 * flood(1_000)


# --- the last packets, while they cross


def looked_at(
    frames: Sequence[Frame], step: float, most: int = 500, at_once: int = 500
) -> tuple[Latest, dict[int, Packet]]:
    """What somebody sees of these frames who looks so often: all, each as it was seen last."""
    latest, seen = Latest(most, at_once), dict[int, Packet]()
    waiting = sorted(frames, key=lambda frame: frame.at)
    now = 0.0
    while waiting or now < (frames[-1].at if frames else 0) + 1:
        now += step
        latest.take([frame for frame in waiting if frame.at <= now], now)
        waiting = [frame for frame in waiting if frame.at > now]
        seen.update(latest.since(0))
    return latest, seen


RETRANSMITTED = recording(
    handshake(1.0),
    *(passing(1.1 + 0.3 * n, Side.CLIENT, mine(FIN | ACK, 1001), "drop-fin") for n in range(4)),
    refused(1.25, Side.SERVER, theirs(ACK, 5001, 1002), "firewall"),
    passing(1.3, Side.SERVER, theirs(PSH | ACK, 5001, 1001, payload=10), way=0.35),
    passing(3.0, Side.CLIENT, mine(FIN | ACK, 1001)),
)


@pytest.mark.parametrize("step", [0.001, 0.03, 0.1, 0.7, 5.0])
def test_who_looks_meanwhile_sees_the_same_packets_as_who_looks_afterwards(step: float) -> None:
    latest, seen = looked_at(RETRANSMITTED.frames, step)
    assert [*seen.values()] == packets(RETRANSMITTED)
    assert [*seen] == list(range(len(seen)))
    assert (latest.settled, latest.skipped) == (len(seen), 0)


def test_a_packet_is_seen_at_once_and_its_end_as_soon_as_it_came() -> None:
    latest = Latest(10, 10)
    out, there, dropped = passing(1.0, Side.CLIENT, mine(SYN, 1000, 0), "drop-syn", way=0.1)
    latest.take([out], 1.05)
    ((number, under_way),) = latest.since(0)
    latest.take([there, dropped], 1.2)
    assert (under_way.sent, under_way.arrived, under_way.fault) == (1.0, None, "")
    (((again, lost)),) = latest.since(0)
    assert (again, lost.fault, lost.where) == (number, "drop-syn", "server input")
    assert latest.settled == 0
    latest.take([], 2.0)
    assert latest.settled == 1
    assert latest.since(0) == [(number, lost)]


def test_only_the_last_are_kept_with_numbers_that_go_on() -> None:
    whole = recording(
        handshake(1.0),
        *(passing(1.1 + n * 0.01, Side.CLIENT, mine(ACK, 1001 + 100 * n, payload=100))
          for n in range(3000)),
    )  # fmt: skip
    latest, _ = looked_at(whole.frames, 1.0, most=20)
    kept = latest.since(0)
    assert [packet for _, packet in kept] == packets(whole)[-20:]
    assert [number for number, _ in kept] == list(range(2983, 3003))
    assert kept[-1][1].sequence == 1 + 100 * 2999
    assert sum(len(d.left) for d in latest._numbers._directions.values()) < 2500


def test_numbers_of_many_connections_are_remembered() -> None:
    ends = [("10.0.0.1", 10_000 + number) for number in range(1000)]
    whole = [
        *(passing(1 + n / 1e3, Side.CLIENT, tcp(e, SERVER, SYN, 7)) for n, e in enumerate(ends)),
        *(
            passing(4 + n / 1e3, Side.SERVER, tcp(SERVER, end, SYN | ACK, 9, 8))
            for n, end in enumerate(ends)
        ),
        *(
            passing(7 + n / 1e3, Side.SERVER, tcp(SERVER, end, SYN | ACK, 9, 8))
            for n, end in enumerate(ends)
        ),
    ]
    latest, _ = looked_at([frame for some in whole for frame in some], 0.1)
    found = [packet for _, packet in latest.since(0)]
    assert {(p.sequence, p.acknowledgment, p.resent) for p in found} == {(0, 1, 1)}


def test_a_flood_is_skipped_and_said_to_be() -> None:
    datagrams = [udp(CLIENT, SERVER, n) for n in range(1000)]
    flood = [frame for one in datagrams for frame in passing(1.0, Side.CLIENT, one)]
    latest = Latest(50, 100)
    latest.take(flood, 1.1)
    assert latest.skipped == 1900
    assert len(latest.since(0)) <= 100
    assert len(latest._open) <= 200
