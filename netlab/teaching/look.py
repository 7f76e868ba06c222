# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of both ends as ``ss -tano`` would show them, from the lab's own samples."""

from __future__ import annotations

import ipaddress
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from netlab.linux.procnet import Row, endpoint
from netlab.model.evidence import Evidence
from netlab.model.tcp import SS_TIMERS, State, Timer, ss_name
from netlab.model.vocabulary import Side
from netlab.render.style import Style
from netlab.testbed.lab import Lab

Cells = tuple[str, ...]
COLOURS: dict[Side | str, str] = {Side.CLIENT: "cyan", Side.SERVER: "yellow"}
HEADINGS = ("State", "Recv-Q", "Send-Q", "Local", "Peer", "Timer")
ADDRESSES = (HEADINGS.index("Local"), HEADINGS.index("Peer"))
MARGIN = 9  # columns
LONGEST = 6  # rows of one side


def rows(lab: Lab) -> dict[Side, list[Row]]:
    """The rows that each side lists now, listeners first."""
    return {side: sorted(lab.host(side).table.read(), key=_listeners_first) for side in Side}


def afterwards(evidence: Evidence, width: int, style: Style) -> Iterator[str]:
    """The two ends in their last sample, from the record of a closed lab."""
    if evidence.recording is None:
        return
    seen: dict[Side, list[Row]] = {}
    for side in Side:
        local, remote = evidence.recording.ends(side)
        last = evidence.end(side).last
        seen[side] = []
        if last is not None and last.state is not State.CLOSED:
            row = Row(endpoint(*local), endpoint(*remote), last.state, last.tx_queue,
                      last.rx_queue, last.timer, last.remaining, last.retransmits, last.probes,
                      last.inode)  # fmt: skip
            seen[side].append(row)
    yield from table(seen, width, style)


def _listeners_first(row: Row) -> tuple[bool, str, str]:
    return row.state is not State.LISTEN, row.local, row.remote


def states(seen: dict[Side, list[Row]]) -> dict[Side, list[State]]:
    """The states alone, without countdowns, for comparing two looks."""
    return {side: sorted(row.state for row in of_side) for side, of_side in seen.items()}


def table(seen: dict[Side, list[Row]], width: int, style: Style) -> Iterator[str]:
    """Both ends in at most `width` columns, if leaving out addresses can achieve that."""
    cells = {side: [_cells(row) for row in listed[:LONGEST]] for side, listed in seen.items()}
    widths = _widths(cells)
    for column in ADDRESSES:  # the side is clear without its address
        if sum(widths) + len(widths) + MARGIN - 1 > width:
            cells = {
                side: [_without_address(line, column) for line in lines]
                for side, lines in cells.items()
            }
            widths = _widths(cells)
    yield style(" " * MARGIN + _aligned(HEADINGS, widths), "dim")
    for side, listed in cells.items():
        name = style(f"{side}".ljust(8), COLOURS[side])
        if not listed:
            yield f" {name}(no TCP socket at all)"
        for number, line in enumerate(listed):
            yield f" {name if number == 0 else ' ' * 8}{_aligned(line, widths)}"
        rest = Counter(ss_name(row.state) for row in seen[side][LONGEST:])
        if rest:
            more = ", ".join(f"{count} more in {state}" for state, count in rest.items())
            yield style(f"{' ' * MARGIN}and {more}", "dim")


def _widths(cells: Mapping[Side, Sequence[Cells]]) -> list[int]:
    everything = [HEADINGS, *(line for listed in cells.values() for line in listed)]
    return [max(len(line[column]) for line in everything) for column in range(len(HEADINGS))]


def _without_address(line: Cells, column: int) -> Cells:
    _, colon, port = line[column].rpartition(":")
    return (*line[:column], f"{colon}{port}", *line[column + 1 :])


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    return " ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()


def _cells(row: Row) -> Cells:
    remote = "*" if row.state is State.LISTEN else _written(row.remote)
    queues = (str(row.rx_queue), str(row.tx_queue))
    return (ss_name(row.state), *queues, _written(row.local), remote, _timer(row))


def _timer(row: Row) -> str:
    """The timer as ss writes it: its name, the time left, and how often it has fired."""
    if row.timer is Timer.NONE or row.state is State.LISTEN:
        return ""
    left = f"{row.remaining:.0f}s" if row.remaining >= 1 else f"{row.remaining * 1000:.0f}ms"
    fired = row.probes if row.timer is Timer.PROBE else row.retransmits
    return f"{SS_TIMERS[row.timer]},{left},{fired}"


def _written(endpoint: str) -> str:
    """``0100000A:15B3`` as people write it."""
    words, port = endpoint.split(":")
    order = 1 if sys.byteorder == "big" else -1
    packed = b"".join(
        bytes.fromhex(words[start : start + 8])[::order] for start in range(0, len(words), 8)
    )
    address = ipaddress.ip_address(packed)
    mapped = getattr(address, "ipv4_mapped", None)
    if packed == bytes(len(packed)):
        return f"*:{int(port, 16)}"
    if address.version == 6 and mapped is None:
        return f"[{address}]:{int(port, 16)}"
    return f"{mapped or address}:{int(port, 16)}"
