# SPDX-License-Identifier: GPL-2.0-or-later
"""One packet in one line: when, which way, what it is, and which fault dropped it."""

from __future__ import annotations

from typing import Literal

from netlab.model.vocabulary import Side
from netlab.packets.sightings import Packet
from netlab.render.ladder_condense import PacketRun, name_of

Kind = Literal["time", "way", "what", "again", "lost"]
Parts = list[tuple[Kind, str]]
WIDE = 60  # columns from which both ends are named


def parts(packet: Packet, width: int) -> Parts:
    """The words of one line of at most `width` columns, and the kind of each. If they do not fit,
    the place of the fault goes first, then the acknowledgment, then all numbers; then it is cut.
    """
    wide = width >= WIDE
    arrow = PacketRun(packet, packet, length=packet.length)
    way = "→" if packet.sender is Side.CLIENT else "←"
    start: Parts = [("time", f"{packet.at:>{9 if wide else 7}.{3 if wide else 2}f} ")]
    start.append(("way", f" client {way} server  " if wide else f"{way} "))
    again = [arrow.again] if arrow.again else []
    cross = f"✗ {packet.fault}" if packet.fault else ""
    where = f"{cross}, {packet.where}" if cross and packet.where else cross
    name = f"{name_of(packet)}"
    for what, fate in (
        (arrow.label, where), (arrow.label, cross), (arrow.short, cross), (name, cross)
    ):  # fmt: skip
        line = [*start, *_end(what, again, fate)]
        if sum(len(text) for _, text in line) <= width:
            return line
    return _cut([*start, *_end(name, [], cross)], width)


def _end(what: str, again: list[str], fate: str) -> Parts:
    said: Parts = [("what", what)]
    said += [("again", f" {text}") for text in again]
    said += [("lost", f" {fate}")] if fate else []
    return said


def _cut(line: Parts, width: int) -> Parts:
    kept: Parts = []
    for kind, text in line:
        if len(text) > width:
            return [*kept, (kind, text[: max(0, width - 1)] + "…"[:width])]
        kept.append((kind, text))
        width -= len(text)
    return kept
