# SPDX-License-Identifier: GPL-2.0-or-later
"""The packets that crossed the wire between two looks, in lines for a person.

Times count from the person's latest step. Packets before it, while the person was reading, are
summed up: they are the same retransmission over and over, and only the latest step matters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from netlab.model.evidence import Recording
from netlab.model.vocabulary import Side
from netlab.packets import sightings as wire
from netlab.render.style import Style
from netlab.teaching.person import wrapped

#: Lines of packets shown from the beginning and from the end, if there are more than both.
OF_A_STEP = (4, 8)
OF_A_CURE = (20, 40)  # shown in full: no lesson's cure has a tenth of this
INDENT = 11  # columns, for a time


def lines(
    recording: Recording | None,
    looked: float,
    began: float,
    since: str,
    most: tuple[int, int],
    width: int,
    style: Style,
) -> Iterator[str]:
    """The packets after `looked`; `began` is the time of the step that is called `since`.

    Both are seconds on the recording's clock. Yields nothing if nothing was recorded.
    """
    seen = [p for p in wire.packets(recording) if p.at > looked] if recording else []
    before = [packet for packet in seen if packet.at <= began]
    after = [packet for packet in seen if packet.at > began]
    if before:
        for line in wrapped(
            f"packets before {since}, while you read: {_summed(before)}", width - 1
        ):
            yield " " + style(line, "dim")
    if not after:
        return
    for line in wrapped(f"packets since {since}, in seconds from its beginning:", width - 1):
        yield " " + style(line, "dim")
    first, last = most
    cut = len(after) - first - last
    for number, packet in enumerate(after):
        if cut <= 1 or number < first or number >= first + cut:
            yield from _packet(packet, began, width, style)
        elif number == first:
            yield style(f"{' ' * INDENT}... {_summed(after[first : first + cut])} ...", "dim")


def _summed(packets: Sequence[wire.Packet]) -> str:
    """The number of packets, and how many of them each rule dropped."""
    of = f"{len(packets)} packet{'' if len(packets) == 1 else 's'}"
    taken = Counter(packet.fault for packet in packets if packet.fault)
    rules = ", ".join(f"{count} dropped by {fault}" for fault, count in taken.items())
    return f"{of}, {rules}" if rules else of


def _packet(packet: wire.Packet, began: float, width: int, style: Style) -> Iterator[str]:
    arrow = "client --> server" if packet.sender is Side.CLIENT else "client <-- server"
    what = packet.text or str(packet.segment)
    if packet.length:
        what += f", {packet.length} bytes"
    again = " again" if packet.resent else ""
    line = f"{packet.at - began:8.3f} s  {arrow}  {what}{again}"
    if not packet.fault:
        yield line
        return
    taken = f"x {', '.join(filter(None, (packet.fault, packet.where)))}"
    padded = line.ljust(44) + " "
    if len(padded) + len(taken) <= width:
        yield padded + style(taken, "red")
    else:
        yield line
        yield " " * INDENT + " " + style(taken, "red")
