# SPDX-License-Identifier: GPL-2.0-or-later
"""The live view on a small terminal: the essentials, and the size that shows more."""

from __future__ import annotations

from textual.content import Content

from netlab.live import panels
from netlab.live.view import EndView, View
from netlab.model.tcp import Timer
from netlab.model.vocabulary import Side

#: Minimum columns and lines for the whole view, and for this one.
WHOLE, LEAST = (72, 22), (30, 10)
MOST_FAULTS = 3


def fits(size: tuple[int, int], room: tuple[int, int]) -> bool:
    """True if a terminal has this many columns and lines."""
    return size[0] >= room[0] and size[1] >= room[1]


def summary(view: View, title: str, selected: Side, width: int, height: int) -> Content:
    """Both ends, faults and packets, in `height` lines of `width` columns."""
    lines = [panels.head(title, f"? keys  +{view.elapsed:.1f} s", width)]
    lines += [_end(end, end.side is selected, width) for end in view.ends]
    if height > LEAST[1] + 2:
        lines += [_timer(end, width) for end in view.ends]
    most = min(MOST_FAULTS, height - len(lines) - 5)
    for fault in view.faults[:most]:
        count = "held" if fault.packets is None else str(fault.packets)
        lines.append(panels.between(f" {fault.what}", f"{count} ", width, "", "bold $warning"))
    lines += panels.packet_lines(view, width, height - len(lines))
    return Content("\n").join(lines)


def _end(end: EndView, selected: bool, width: int) -> Content:
    style = f"bold $background on {panels.COLOURS[end.state]}"
    left = f"{'▶' if selected else ' '}{end.side} {end.state}"
    return panels.between(left, f"{end.lasts:.1f} s ", width, style, style)


def _timer(end: EndView, width: int) -> Content:
    row = end.row
    if row is None or row.timer is Timer.NONE:
        return Content.styled(panels.cut(f" {end.side}: no timer", width), panels.MUTED)
    fires = f" {end.side}: {row.timer} in {row.remaining:.2f} s, {row.retransmits} resent"
    return Content.styled(panels.cut(fires, width), panels.MUTED)


def states(view: View, width: int, height: int) -> Content:
    """Both ends' states, and the size that a terminal should have."""
    lines = [
        *(f"{end.side} {end.state}" for end in view.ends),
        "Too small for more:",
        f"{LEAST[0]}x{LEAST[1]} shows packets,",
        "80x24 everything.",
        "q quits",
    ]
    return Content("\n").join(Content(panels.cut(line, width)) for line in lines[: max(1, height)])
