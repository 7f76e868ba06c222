# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments in words, read and written."""

from __future__ import annotations

import pytest

from netlab.packets import spoken
from netlab.packets.headers import ACK, FIN, PSH, RST, SYN
from netlab.packets.spoken import URG, Wanted


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("RST", RST),
        ("SYN|ACK", SYN | ACK),
        ("ACK|FIN", FIN | ACK),
        ("PSH|URG|ACK", PSH | URG | ACK),
    ],
)
def test_control_bits(text: str, bits: int) -> None:
    assert spoken.control_bits(text) == bits


@pytest.mark.parametrize("text", ["", "rst", "SYN,ACK", "SYN|", "DATA", "SYN ACK"])
def test_what_are_no_control_bits(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^control bits: SYN, FIN, RST, PSH, ACK, URG, ECE, CWR, or sev"
    ):
        spoken.control_bits(text)


@pytest.mark.parametrize(
    ("text", "offset"),
    [("next", 0), ("next+10", 10), ("next-1", -1), ("next+4294967295", 2**32 - 1)],
)
def test_positions_are_read_as_they_are_written(text: str, offset: int) -> None:
    assert spoken.position(text) == offset
    assert spoken.at(offset) == text


@pytest.mark.parametrize("text", ["", "10", "+10", "next10", "next +1", "last", "next+", "next+x"])
def test_what_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match=r"^next, or so much more or less: next\+10$"):
        spoken.position(text)


def test_a_timestamp_counts_from_the_last_or_is_left_out() -> None:
    assert [spoken.stamp(text) for text in ("last", "last-1000", "none")] == [0, -1000, None]
    with pytest.raises(ValueError, match="last, or so much more or less"):
        spoken.stamp("next")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("nothing", None),
        ("RST", Wanted(RST)),
        ("ACK seq=next ack=next+5", Wanted(ACK, 0, 5)),
        ("ACK ack=next-5", Wanted(ACK, None, -5)),
    ],
)
def test_what_is_to_come(text: str, wanted: Wanted | None) -> None:
    assert spoken.wanted(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "nothing seq=next", "ACK seq=5", "ACK win=next", "ACK seq", "ack", "seq=next ACK"]
)
def test_what_cannot_come(text: str) -> None:
    with pytest.raises(ValueError, match=r"^nothing, or a segment such as RST or ACK"):
        spoken.wanted(text)
