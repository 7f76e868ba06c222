# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the live view hold at any size, and a packet's line keeps what matters most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.content import Content

from netlab.linux.procnet import Row
from netlab.live import panels, small
from netlab.live.controller import LogEntry
from netlab.live.view import Counted, EndView, InForce, View
from netlab.model.tcp import FIN, State, Timer
from netlab.model.vocabulary import Side
from netlab.packets.sightings import Packet
from netlab.render import packet as line
from tests import build

ROW = Row("", "", State.FIN_WAIT1, 123_456, 0, Timer.RETRANSMIT, 119.25, 12, 0, 987_654_321)
ENDS = (
    EndView(Side.CLIENT, "[fd00:0:0:150::1]:55555", State.FIN_WAIT1, 1234.5, ROW, 0.5, "close"),
    EndView(Side.SERVER, "[fd00:0:0:150::2]:5555", State.ESTABLISHED, 1234.5, None, 0.0, "accept"),
)
LOST = build.packet(
    at=12.3456, fault="fin-dropped", segment=FIN, sequence=1, acknowledgment=1, resent=3
)
VIEW = View(
    elapsed=1234.5,
    ends=ENDS,
    faults=(InForce("fin-dropped", "FIN lost to server", 123_456), InForce("h", "held", None)),
    removed=1,
    counters=(Counted("TCPAbortOnTimeout", 12_345_678, 0, True),),
    notes=(
        LogEntry(1.0, "state", "client ESTABLISHED → CLOSE_WAIT"),
        LogEntry(2.0, "error", "x" * 90),
    ),
    packets=(LOST, replace(LOST, sender=Side.SERVER, fault="", ours=False)),
    no_packets="",
    missed=7,
)
BLIND = replace(VIEW, packets=(), no_packets="packets cannot be recorded here: is it missing?")
PARTS: dict[str, Callable[[View, int, int], Content]] = {
    "head": lambda view, w, h: panels.head("freeze fin-dropped", "IPv4 · +1234.5 s", w),
    "end": lambda view, w, h: panels.end(view.ends[0], w, h > 10),
    "faults": lambda view, w, h: panels.faults(view.faults, view.removed, w, h),
    "counters": lambda view, w, h: panels.counters(view.counters, w, h),
    "log": lambda view, w, h: panels.log(view.notes, w, h),
    "packets": panels.packets,
    "message": lambda view, w, h: panels.message("server accepts the connection", True, w),
    "summary": lambda view, w, h: small.summary(view, "freeze it", Side.SERVER, w, h),
    "states": small.states,
}


@pytest.mark.parametrize("view", [VIEW, BLIND], ids=["seen", "blind"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_drawn_at_every_size(part: str, view: View) -> None:
    for width in range(1, 131):
        for height in (1, 2, 6, 10, 24, 40):
            PARTS[part](view, width, height)


def lines(part: str, width: int, height: int, view: View = VIEW) -> list[str]:
    return PARTS[part](view, width, height).plain.split("\n")


@pytest.mark.parametrize("part", ["head", "faults", "log", "packets", "message", "states"])
def test_nothing_is_wider_or_higher_than_its_part(part: str) -> None:
    for width in range(20, 131):
        for height in (3, 6, 10):
            drawn = lines(part, width, height)
            assert max(map(len, drawn)) <= width
            assert len(drawn) <= height


@pytest.mark.parametrize(("width", "height"), [(30, 10), (50, 30), (200, 12)])
def test_the_small_view_has_both_ends_the_faults_and_packets(width: int, height: int) -> None:
    drawn = lines("summary", width, height)
    assert len(drawn) <= height
    assert max(map(len, drawn)) <= width
    assert drawn[1].startswith(" client FIN_WAIT1")
    assert drawn[2].startswith("▶server ESTABLISHED")
    assert any("FIN lost to server" in line for line in drawn)
    assert "✗ fin-" in "\n".join(drawn)


def test_at_20_by_6_both_states_are_there_and_what_would_show_more() -> None:
    assert lines("states", 20, 6) == [
        "client FIN_WAIT1",
        "server ESTABLISHED",
        "Too small for more:",
        "30x10 shows packets,",
        "80x24 everything.",
        "q quits",
    ]


def test_why_there_are_no_packets_is_said() -> None:
    assert lines("packets", 80, 5, BLIND)[1].strip() == BLIND.no_packets
    assert "7 came too fast to be seen" in lines("packets", 80, 5)[0]


@pytest.mark.parametrize("width", [20, 30, 64, 72, 80, 120])
def test_every_key_is_there_whatever_the_width(width: int) -> None:
    drawn = panels.keys(width).plain.split("\n")
    assert max(map(len, drawn)) <= width
    assert "".join(drawn).replace(" ", "") == "".join(panels.KEYS).replace(" ", "")
    assert width < 80 or len(drawn) == 2


# --- a packet's line


def said(packet: Packet, width: int) -> str:
    return "".join(text for _, text in line.parts(packet, width))


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, "   12.346  client → server  FIN seq=1 ack=1 again 3 ✗ fin-dropped, server input"),
        (75, "   12.346  client → server  FIN seq=1 ack=1 again 3 ✗ fin-dropped"),
        (60, "   12.346  client → server  FIN seq=1 again 3 ✗ fin-dropped"),
        (56, "  12.35 → FIN seq=1 ack=1 again 3 ✗ fin-dropped"),
        (30, "  12.35 → FIN ✗ fin-dropped"),
        (24, "  12.35 → FIN ✗ fin-dro…"),
        (5, "  12…"),
    ],
)
def test_what_does_not_fit_goes_in_order_and_the_fault_stays(width: int, expected: str) -> None:
    assert said(LOST, width) == expected


def test_a_packet_that_crossed_has_no_fault() -> None:
    crossed = replace(LOST, sender=Side.SERVER, dropped=None, fault="", died_at=None, resent=0)
    assert said(crossed, 80) == "   12.346  client ← server  FIN seq=1 ack=1"


def test_no_line_is_wider_than_it_may_be() -> None:
    for width in range(1, 131):
        assert len(said(LOST, width)) <= width
