# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments as bytes, read by scapy."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from netlab.packets import segments
from netlab.packets.headers import ACK, PSH, End
from netlab.packets.options import TcpOptions

HERE: dict[str, tuple[End, End]] = {
    "IPv4": (("10.0.0.1", 40000), ("10.0.0.2", 80)),
    "IPv6": (("fd00::1", 40000), ("fd00::2", 80)),
}


def checksum(family: str, segment: bytes) -> int:
    """The one that scapy fills in for the same segment."""
    (source, _), (destination, _) = HERE[family]
    read = TCP(segment)
    del read.chksum
    network: Any = (IP if family == "IPv4" else IPv6)(src=source, dst=destination)
    return int(type(network)(bytes(network / read))[TCP].chksum)


@pytest.mark.parametrize("payload", [b"", b"x", b"hello there"])
@pytest.mark.parametrize("family", HERE)
def test_every_field_is_where_it_belongs(family: str, payload: bytes) -> None:
    made = segments.segment(*HERE[family], PSH | ACK, 7, 9, payload, window=99)
    read = TCP(made)
    assert (read.sport, read.dport, read.seq, read.ack, read.window) == (40000, 80, 7, 9, 99)
    assert str(read.flags) == "PA"
    assert bytes(read.payload) == payload
    assert read.options == []
    assert read.chksum == checksum(family, made)


@pytest.mark.parametrize("family", HERE)
def test_timestamps_are_an_option(family: str) -> None:
    made = segments.segment(
        *HERE[family], ACK, 7, 9, b"data", carrying=TcpOptions(timestamps=(11, 13))
    )
    read = TCP(made)
    assert read.options == [("NOP", None), ("NOP", None), ("Timestamp", (11, 13))]
    assert bytes(read.payload) == b"data"
    assert read.chksum == checksum(family, made)


@pytest.mark.parametrize("family", HERE)
def test_a_checksum_can_be_wrong_and_nothing_else_is(family: str) -> None:
    good = segments.segment(*HERE[family], ACK, 7, 9)
    bad = segments.segment(*HERE[family], ACK, 7, 9, intact=False)
    assert TCP(bad).chksum != checksum(family, bad)
    assert (bad[:16], bad[18:]) == (good[:16], good[18:])
