# SPDX-License-Identifier: GPL-2.0-or-later
"""TcpOptions and whole packets as bytes, read by scapy."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6

from netlab.packets import datagrams, options, segments
from netlab.packets.headers import SYN
from netlab.packets.headers import TCP as PROTOCOL
from netlab.packets.options import TcpOptions

HERE = {4: ("10.0.0.1", "10.0.0.2"), 6: ("fd00::1", "fd00::2")}
WHOLE = TcpOptions(1460, 7, True, ((10, 20), (30, 40)), (11, 13), b"")


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (TcpOptions(mss=1460), [("MSS", 1460)]),
        (TcpOptions(scale=7), [("WScale", 7)]),
        (TcpOptions(may_sack=True), [("SAckOK", b"")]),
        (TcpOptions(sack=((10, 20), (30, 40))), [("SAck", (10, 20, 30, 40))]),
        (TcpOptions(timestamps=(11, 13)), [("Timestamp", (11, 13))]),
    ],
    ids=str,
)
def test_each_is_what_scapy_reads(given: TcpOptions, seen: list[tuple[str, object]]) -> None:
    ends = (HERE[4][0], 40000), (HERE[4][1], 80)
    read = TCP(segments.segment(*ends, SYN, 7, carrying=given))
    assert [each for each in read.options if each[0] != "NOP"] == seen


@pytest.mark.parametrize(
    "given", [WHOLE, TcpOptions(), TcpOptions(unknown=(77,)), TcpOptions(cookie=b"abcd")]
)
def test_what_is_written_is_read_again(given: TcpOptions) -> None:
    written = options.packed(given)
    assert len(written) % 4 == 0
    assert options.read(written) == given


@pytest.mark.parametrize("cut", [b"\x02", b"\x02\x00", b"\x02\x04\x05", b"\x08\x0a\x00"])
def test_what_is_malformed_ends_the_reading(cut: bytes) -> None:
    assert options.read(options.packed(TcpOptions(scale=7)) + cut) == TcpOptions(scale=7)


@pytest.mark.parametrize("version", HERE)
def test_a_packet_is_whole(version: int) -> None:
    source, destination = HERE[version]
    segment = segments.segment((source, 40000), (destination, 80), SYN, 7)
    made = datagrams.datagram(source, destination, PROTOCOL, segment)
    read: Any = (IP if version == 4 else IPv6)(made)
    assert (read.src, read.dst, read[TCP].dport) == (source, destination, 80)
    del read[TCP].chksum
    if version == 4:
        del read.chksum, read.len
    assert bytes(read) == made


@pytest.mark.parametrize("version", HERE)
def test_an_echo_request_is_one(version: int) -> None:
    made = datagrams.echo_request(*HERE[version], 7)
    read: Any = (IP if version == 4 else IPv6)(made)
    echo = read[ICMP if version == 4 else ICMPv6EchoRequest]
    assert (echo.type, echo.seq) == ((8, 7) if version == 4 else (128, 7))
    if version == 4:
        del echo.chksum
    else:
        del echo.cksum
    assert bytes(read) == made
