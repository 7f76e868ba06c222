# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of the screen as text: plain data in, words and colours out."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from netlab.live.actions import Note
from netlab.live.view import Counted, End, InForce
from netlab.tcp import State, Timer

#: What a state means to a connection, as a colour: opening, open, waiting for one's own FIN to be
#: acknowledged, waiting for the other application, over.
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
NOTE_COLOURS = {
    "state": "$foreground",
    "call": "$accent",
    "fault": "$warning",
    "error": "bold $error",
}
MUTED, LABEL = "$foreground 60%", "$foreground 55%"
LOOK = "look yourself, from another terminal"
BAR = 14  # cells of a countdown
NUMBER = 8  # cells of a count
KEYS = (
    "⇥ side|c connect|l listen|a accept|s send|r read|f FIN|x close|k abort",
    "v vanish|d drop|j reject|h hold|u undo|H heal|w write|? look|q quit",
)


def head(title: str, right: str, width: int) -> Content:
    """The first line."""
    left = f" netlab {title}"
    room = max(1, width - len(left) - len(right) - 1)
    return Content.styled(f"{left}{' ' * room}{right} ", "bold on $panel")


def end(shown: End, width: int, tall: bool) -> Content:
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


def _state(shown: End, width: int, tall: bool) -> list[Content]:
    lasts = f"for {shown.lasts:.1f} s"
    middle = f" {shown.state.name}{lasts:>{max(1, width - len(shown.state.name) - 2)}} "
    style = f"bold $background on {COLOURS[shown.state]}"
    blank = [Content.styled(" " * width, style)] if tall else []
    return [*blank, Content.styled(middle, style), *blank]


def _timer(shown: End, width: int) -> list[tuple[str, str]]:
    row = shown.row
    if row is None or row.timer is Timer.NONE:
        return [("none", MUTED)]
    remaining = f"{row.remaining:6.2f} s"
    bar = max(4, min(BAR * 2, width - 9 - 11 - 9))
    full = round(bar * shown.share)
    return [
        (f"{row.timer!s:<11}", ""),
        ("━" * full, COLOURS[shown.state]),
        ("─" * (bar - full), "$foreground 30%"),
        (remaining, "bold"),
    ]


def _alarm(number: int | None) -> str:
    return "bold $warning" if number else ""


def _queues(shown: End) -> str:
    row = shown.row
    if row is None:
        return "-"
    if shown.state is State.LISTEN:
        return f"{row.rx_queue} to be accepted"
    return f"send {row.tx_queue} B, receive {row.rx_queue} B"


def _socket(shown: End) -> str:
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


def faults(in_force: Sequence[InForce], undone: int, width: int, height: int) -> Content:
    """What is done to packets, and to how many."""
    more = f" ({undone} undone)" if undone else ""
    lines = [_heading(f"faults{more}", "", width)]
    for fault in in_force:
        count = "held" if fault.packets is None else f"{fault.packets} packets"
        room = width - len(count) - 2
        lines.append(
            Content.assemble(
                (f" {_cut(fault.what, room):<{room}}", ""), (f"{count} ", "bold $warning")
            )
        )
    if not in_force:
        lines.append(Content.styled(" nothing is in force", MUTED))
    return _lines(lines[:height])


def counters(counted: Sequence[Counted], width: int, height: int) -> Content:
    """What the kernel has counted since the lab was built."""
    columns = f"{'client':>{NUMBER}}{'server':>{NUMBER}} "
    lines = [_heading("counters", columns, width)]
    room = width - 2 * NUMBER - 2
    for each in counted[: height - 1]:
        style = "bold $accent" if each.fresh else ""
        numbers = f"{each.client or '·':>{NUMBER}}{each.server or '·':>{NUMBER}} "
        lines.append(Content.styled(f" {_cut(each.name, room):<{room}}{numbers}", style))
    return _lines(lines)


def log(notes: Sequence[Note], width: int, height: int) -> Content:
    """The last things that happened."""
    lines = [_heading("log", "", width)]
    lines += [
        Content.assemble(
            (f"{f'+{note.at:.2f} s':>11}  ", MUTED),
            (_cut(note.text, width - 13), NOTE_COLOURS[note.kind]),
        )
        for note in notes[max(0, len(notes) - height + 1) :]
    ]
    return _lines(lines)


def commands(typed: Sequence[tuple[str, str]], width: int) -> Content:
    """How to look oneself, as a part of the screen."""
    return _lines([_heading(LOOK, "", width), *(_typed(*each) for each in typed)])


def look(typed: Sequence[tuple[str, str]]) -> Content:
    """The same for reading it alone: every command in full."""
    return _lines([Content.styled(f"{LOOK}\n", "bold"), *(_typed(*each) for each in typed)])


def _typed(where: str, command: str) -> Content:
    return Content.assemble((f" {where:<8}", LABEL), (command, ""))


def keys() -> Content:
    """What can be pressed."""
    lines = []
    for line in KEYS:
        parts: list[tuple[str, str]] = [(" ", "")]
        for each in line.split("|"):
            key, _, what = each.partition(" ")
            parts += [(key, "bold $accent"), (f" {what}  ", "$foreground 75%")]
        lines.append(Content.assemble(*parts).rstrip())
    return _lines(lines)


def message(text: str, good: bool, width: int) -> Content:
    """What the last key came to."""
    return Content.styled(f" {_cut(text, width - 1)}", "" if good else "bold $error")


def _line(label: str, *parts: tuple[str, str]) -> Content:
    return Content.assemble((f" {label:<9}", LABEL), *parts)


def _heading(left: str, right: str, width: int) -> Content:
    room = max(0, width - len(right) - 1)
    return Content.styled(f" {left:<{room}}{right}", "bold $foreground 80% on $surface")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _lines(lines: Sequence[Content]) -> Content:
    return Content("\n").join(lines)
