# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets in a lesson: timed from what was just done, in full where they heal."""

from __future__ import annotations

import re

import pytest

from netlab.model.evidence import Recording
from netlab.model.tcp import ACK, SYN
from netlab.model.vocabulary import Side
from netlab.packets import sightings as wire
from netlab.render.style import Style
from netlab.teaching import crossed
from tests import build

NONE = Recording(0, ("10.0.0.1", 1), ("10.0.0.2", 2))


def packet(at: float, fault: str = "", resent: int = 0) -> wire.Packet:
    return build.packet(Side.SERVER, at, fault, segment=SYN | ACK, acknowledgment=1, resent=resent)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[wire.Packet]:
    """What was recorded."""
    packets: list[wire.Packet] = []
    monkeypatch.setattr(wire, "packets", lambda _: packets)
    return packets


def told(
    looked: float, began: float, most: tuple[int, int] = crossed.OF_A_STEP, width: int = 80
) -> list[str]:
    lines = [*crossed.lines(NONE, looked, began, "step 3", most, width, Style(False))]
    assert max(map(len, lines), default=0) <= width
    return lines


def times(lines: list[str]) -> list[float]:
    return [float(at) for line in lines for at in re.findall(r"^ +(\d+\.\d{3}) s  ", line)]


def test_times_count_from_what_was_just_done(seen: list[wire.Packet]) -> None:
    seen += [packet(1), packet(20.25), packet(21.5, "drop-1", 1)]
    assert told(looked=5, began=20) == [
        " packets since step 3, in seconds from its beginning:",
        "   0.250 s  client <-- server  SYN|ACK",
        "   1.500 s  client <-- server  SYN|ACK again x drop-1, client input",
    ]


def test_what_came_while_somebody_read_does_not_hide_what_heals(seen: list[wire.Packet]) -> None:
    seen += [packet(number, "drop-1", number) for number in range(2, 40)]
    seen += [packet(50 + number / 100) for number in range(30)]
    lines = told(looked=1, began=45, most=crossed.OF_A_CURE)
    assert lines[0] == (" packets before step 3, while you read: 38 packets, 38 dropped by drop-1")
    assert len(times(lines)) == 30
    assert times(lines)[0] == 5.0


def test_what_is_no_healing_is_shortened_in_its_middle(seen: list[wire.Packet]) -> None:
    first, last = crossed.OF_A_STEP
    seen += [packet(1 + number, "drop-1" if number == 5 else "") for number in range(20)]
    lines = told(looked=0, began=0)
    assert times(lines) == [*range(1, 1 + first), *range(21 - last, 21)]
    assert lines[1 + first].strip() == "... 8 packets, 1 dropped by drop-1 ..."
    del seen[first + last + 1 :]  # to say that one is left out takes a line, too
    assert len(times(told(looked=0, began=0))) == first + last + 1


def test_a_rule_has_a_line_of_its_own_where_a_terminal_is_narrow(seen: list[wire.Packet]) -> None:
    seen.append(packet(1, "drop-1", 1))
    lines = told(looked=0, began=0, width=60)
    assert lines[-1].strip() == "x drop-1, client input"
    assert lines[-2].endswith("SYN|ACK again")


def test_where_nothing_crossed_nothing_is_said(seen: list[wire.Packet]) -> None:
    seen.append(packet(1))
    assert told(looked=2, began=3) == []
    assert [*crossed.lines(None, 0, 0, "step 3", crossed.OF_A_STEP, 80, Style(False))] == []
