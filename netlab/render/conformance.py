# SPDX-License-Identifier: GPL-2.0-or-later
"""The conformance table as a grid: a line for each event, a column for each state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from netlab.render.fitting import cut, width_of
from netlab.render.grid import SHORT, WIDE
from netlab.render.style import Style

PASSES, DEPARTS, FAILS, ERROR, SKIPPED, NONE = "✓", "◆", "✗", "!", "–", "·"
COLOURS = {
    PASSES: "green",
    DEPARTS: "cyan",
    FAILS: "red",
    ERROR: "yellow",
    SKIPPED: "yellow",
    NONE: "dim",
}
MEANINGS = {
    PASSES: "as the RFC says",
    DEPARTS: "otherwise, as Linux is known to do, and the table says why",
    FAILS: "otherwise than the table says",
    ERROR: "could not be played",
    SKIPPED: "not on this kernel",
    NONE: "nothing to say",
}
#: In the order of a connection's life.
STATES = (
    "CLOSED", "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2",
    "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT",
)  # fmt: skip
NARROW = 25, 5  # columns of an event's name, and of a state
ROOMY = 30, 6


class EventLine(NamedTuple):
    """One event."""

    topic: str  # arrivals, calls, timers, ...
    event: str
    title: str
    signs: dict[str, str]  # by state


def grid(lines: Sequence[EventLine], width: int, style: Style) -> str:
    """The whole grid with its legend, `width` columns wide at most, from 80 on."""
    label, column = ROOMY if width >= WIDE else NARROW
    rest = width - label - len(STATES) * column - 1
    heads = "".join(SHORT[state].center(column) for state in STATES)
    drawn, topic = [], ""
    for line in lines:
        if line.topic != topic:
            topic = line.topic
            drawn += ["", style(topic.ljust(label), "bold") + style(heads.rstrip(), "dim")]
        signs = "".join(_painted(line.signs.get(state, NONE), column, style) for state in STATES)
        title = style(f" {cut(line.title, rest)}", "dim") if rest >= ROOMY[0] else ""
        name = cut(line.event, label - 1)
        drawn.append(name + " " * (label - width_of(name)) + (signs + title).rstrip())
    counts = Counter(line.signs.get(state, NONE) for line in lines for state in STATES)
    legend = [
        f"  {style(sign, COLOURS[sign])} {counts[sign]:4}  {meaning}"
        for sign, meaning in MEANINGS.items()
        if counts[sign] and sign != NONE
    ]
    return "\n".join([*drawn[1:], "", *legend])


def _painted(sign: str, column: int, style: Style) -> str:
    return sign.center(column).replace(sign, style(sign, COLOURS[sign]))
