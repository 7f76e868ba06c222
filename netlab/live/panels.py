# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the screen as text: plain data in, words and colours out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from textual.content import Content

from netlab.live.controller import LogEntry
from netlab.live.view import Counted, EndView, InForce, View
from netlab.model.tcp import State, Timer
from netlab.packets.sightings import Packet
from netlab.render import packet as packet_line

T = TypeVar("T")

#: Colours by the phase of a connection: opening, open, waiting for the ACK of this end's FIN,
#: waiting for the other application, over.
COLOURS = {
    State.SYN_SENT: "$warning",
    State.SYN_RECV: "$warning",
    State.ESTABLISHED: "$success",
    State.FIN_WAIT1: "$error",
    State.CLOSING: "$error",
    State.LAST_ACK: "$error",
    State.FIN_WAIT2: "$primary",
    State.CLOSE_WAIT: "$primary",
    State.TIME_WAIT: "$secondary",
    State.LISTEN: "$accent",
    State.CLOSED: "$foreground-muted",
}
MUTED, LABEL = "$foreground 60%", "$foreground 55%"
NOTE_COLOURS = {
    "state": "$foreground",
    "call": "$accent",
    "fault": "$warning",
    "error": "bold $error",
}
LOOK = "look yourself, from another terminal"
BAR, LEAST_BAR = 14, 4  # cells of a countdown
NUMBER = 8  # cells of a count
KEYS = (
    "Tab side", "c connect", "l listen", "a accept", "s send", "r read", "f FIN", "x close",
    "k abort", "v vanish", "d drop", "j reject", "p plug", "u remove", "H heal", "w write",
    "? look", "q quit",
)  # fmt: skip
PACKET_COLOURS = {"way": MUTED, "what": "", "again": "bold", "lost": "bold $error"}


def head(title: str, right: str, width: int) -> Content:
    """The first line."""
    left = f" netlab {title}"
    style = "bold on $panel"
    return between(left, f" {right} ", width, style, style)


def end(shown: EndView, width: int, tall: bool) -> Content:
    """Everything about one end."""
    row = shown.row
    lines = [
        *_state(shown, width, tall),
        _line("timer", *_timer(shown, width)),
        _line("resent", (f"{row.retransmits if row else 0:<5}", _alarm(row and row.retransmits)),
              ("probes ", LABEL), (str(row.probes if row else 0), _alarm(row and row.probes))),
        _line("queues", (_queues(shown), "")),
        _line("socket", (_socket(shown), "")),
        _line("program", (shown.application, "")),
    ]  # fmt: skip
    return _lines(lines)


def _state(shown: EndView, width: int, tall: bool) -> list[Content]:
    lasts = f"for {shown.lasts:.1f} s"
    middle = f" {shown.state.name}{lasts:>{max(1, width - len(shown.state.name) - 2)}} "
    style = f"bold $background on {COLOURS[shown.state]}"
    blank = [Content.styled(" " * width, style)] if tall else []
    return [*blank, Content.styled(middle, style), *blank]


def _timer(shown: EndView, width: int) -> list[tuple[str, str]]:
    row = shown.row
    if row is None or row.timer is Timer.NONE:
        return [("none", MUTED)]
    remaining = f"{row.remaining:6.2f} s"
    bar = min(BAR * 2, width - 1 - 9 - 11 - 9)
    bar = bar if bar >= LEAST_BAR else 0
    full = round(bar * shown.share)
    return [
        (f"{row.timer!s:<11}", ""),
        ("━" * full, COLOURS[shown.state]),
        ("─" * (bar - full), "$foreground 30%"),
        (remaining, "bold"),
    ]


def _alarm(number: int | None) -> str:
    return "bold $warning" if number else ""


def _queues(shown: EndView) -> str:
    row = shown.row
    if row is None:
        return "-"
    if shown.state is State.LISTEN:
        return f"{row.rx_queue} to be accepted"
    return f"send {row.tx_queue} B, receive {row.rx_queue} B"


def _socket(shown: EndView) -> str:
    row = shown.row
    if row is None:
        return "not in the kernel's table"
    if row.inode:
        return f"open (inode {row.inode})"
    what = {
        State.SYN_RECV: "a request only",
        State.ESTABLISHED: "not accepted yet",
        State.TIME_WAIT: "the kernel's alone",
    }
    return f"{what.get(shown.state, 'no program has it')} (inode 0)"


def faults(in_force: Sequence[InForce], removed: int, width: int, height: int) -> Content:
    """The faults in force, and the packets that each has hit."""
    more = f" ({removed} removed)" if removed else ""
    lines = [_heading(f"faults{more}", "", width)]
    for fault in in_force:
        count = "held" if fault.packets is None else f"{fault.packets} packets"
        what = _filled(fault.what, width - len(count) - 2)
        lines.append(Content.assemble((f" {what}", ""), (f"{count} ", "bold $warning")))
    if not in_force:
        lines.append(Content.styled(" nothing is in force", MUTED))
    return _lines(lines[:height])


def counters(counted: Sequence[Counted], width: int, height: int) -> Content:
    """The counters of the kernel since the lab was built."""
    columns = f"{'client':>{NUMBER}}{'server':>{NUMBER}} "
    lines = [_heading("counters", columns, width)]
    room = width - 2 * NUMBER - 2
    for each in counted[: height - 1]:
        style = "bold $accent" if each.fresh else ""
        numbers = f"{each.client or '·':>{NUMBER}}{each.server or '·':>{NUMBER}} "
        lines.append(Content.styled(f" {_filled(each.name, room)}{numbers}", style))
    return _lines(lines)


def log(notes: Sequence[LogEntry], width: int, height: int) -> Content:
    """The latest log entries."""
    lines = [_heading("log", "", width)]
    lines += [
        Content.assemble(
            (f"{note.at:>7.2f} ", MUTED), (cut(note.text, width - 8), NOTE_COLOURS[note.kind])
        )
        for note in _last(notes, height - 1)
    ]
    return _lines(lines)


def packets(view: View, width: int, height: int) -> Content:
    """The latest packets, delivered or dropped."""
    missed = f"{view.missed} came too fast to be seen " if view.missed else ""
    return _lines([_heading("packets", missed, width), *packet_lines(view, width, height - 1)])


def packet_lines(view: View, width: int, height: int) -> list[Content]:
    """One line per packet, or the reason that there is none."""
    if view.packets and height > 0:
        return [_packet(packet, width) for packet in _last(view.packets, height)]
    return [Content.styled(cut(f" {view.no_packets or 'no packet yet'}", width), MUTED)]


def _packet(packet: Packet, width: int) -> Content:
    whole = PACKET_COLOURS if packet.ours else {"lost": "bold $error"}
    return Content.assemble(
        *((text, whole.get(kind, MUTED)) for kind, text in packet_line.parts(packet, width))
    )


def commands(typed: Sequence[tuple[str, str]], width: int) -> Content:
    """The commands for another terminal, as a part of the screen."""
    return _lines([_heading(LOOK, "", width), *(_typed(*each) for each in typed)])


def look(typed: Sequence[tuple[str, str]], width: int) -> Content:
    """The same as a screen by itself: every key, and every command in full."""
    return _lines(
        [keys(width), Content.styled(f"\n{LOOK}\n", "bold"), *(_typed(*each) for each in typed)]
    )


def _typed(where: str, command: str) -> Content:
    return Content.assemble((f" {where:<8}", LABEL), (command, ""))


def keys(width: int) -> Content:
    """The keys, in as many lines as they take."""
    lines: list[list[tuple[str, str]]] = []
    left = 0
    for each in KEYS:
        key, _, what = each.partition(" ")
        if len(each) > left:
            lines.append([])
            left = width
        lines[-1] += [(key, "bold $accent"), (f" {what}  ", "$foreground 75%")]
        left -= len(each) + 2
    return _lines([Content.assemble(*line).rstrip() for line in lines])


def message(text: str, good: bool, width: int) -> Content:
    """The result of the last key."""
    return Content.styled(f" {cut(text, width - 1)}", "" if good else "bold $error")


def _line(label: str, *parts: tuple[str, str]) -> Content:
    return Content.assemble((f" {label:<9}", LABEL), *parts)


def _heading(left: str, right: str, width: int) -> Content:
    right = right if len(left) + len(right) + 2 <= width else ""
    room = max(0, width - len(right) - 1)
    return Content.styled(f" {left:<{room}}{right}", "bold $foreground 80% on $surface")


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns; an ellipsis marks a cut."""
    return text if len(text) <= width else (text[: max(0, width - 1)] + "…")[: max(0, width)]


def between(left: str, right: str, width: int, style: str, right_style: str) -> Content:
    """A line with text at its left, and text at its right that is never cut."""
    room = width - len(right)
    return Content.assemble((_filled(left, room), style), (right, right_style))


def _filled(text: str, width: int) -> str:
    """The text cut or padded to exactly `width` columns, or '' if there are none."""
    return cut(text, width).ljust(max(0, width))


def _last(of: Sequence[T], number: int) -> Sequence[T]:
    return of[max(0, len(of) - max(0, number)) :]


def _lines(lines: Sequence[Content]) -> Content:
    return Content("\n").join(lines)
