# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of a ladder in the order of time, for the terminal and for the SVG.

Rows are events and not a scale: a handshake takes microseconds and a retransmission seconds, so
long gaps are written instead of drawn. A packet takes one row, or two where it crosses another one.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from netlab.model.evidence import Evidence, Recording
from netlab.model.tcp import State
from netlab.model.vocabulary import WAITS, Side
from netlab.packets.headers import End
from netlab.packets.sightings import Packet, packets, with_losses
from netlab.render.ladder_condense import PacketRun, condensed, kinds_of
from netlab.render.ladder_notes import Note, StateChange, anchors, changes, notes

CLIENT, SERVER = Side
#: Seconds without an event from which the gap is written.
GAP = 0.02
#: Seconds at most between a step and a change of state that it causes without a packet.
STEP = 0.001


@dataclass(slots=True)
class LadderRow:
    """One line of the picture: what began or ended then, and the states that both ends entered."""

    at: float  # seconds
    leaving: list[PacketRun] = field(default_factory=list)
    arriving: list[PacketRun] = field(default_factory=list)  # that left in a row above
    note: Note | None = None
    states: dict[Side, StateChange] = field(default_factory=dict)
    gap: float = 0.0  # seconds before it in which nothing happened
    late: bool = False  # its time is the latest possible
    crossing: bool = False  # what leaves here arrives in a row below


def stamp(at: float, late: bool = False) -> str:
    """Seconds with the microseconds in two groups: ``1.023 456``."""
    whole = f"{at:.6f}"
    return f"{'≤' if late else ''}{whole[:-3]} {whole[-3:]}"


def duration(seconds: float) -> str:
    """``52 µs``, ``21 ms``, ``1.02 s``: to three digits."""
    for unit, factor in (("µs", 1e6), ("ms", 1e3)):
        if seconds * factor < 999.5:
            return f"{seconds * factor:.0f} {unit}"
    return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole ladder."""

    ends: dict[Side, str]  # address and port of each
    first: dict[Side, State | None]  # the state that each was in at the top
    rows: tuple[LadderRow, ...]
    footer: tuple[str, ...]  # what is not drawn
    mixed: bool  # whether other connections' packets are among ours
    hops: tuple[str, ...] = ()  # the names of the hosts on the way, each a lane

    @property
    def sampled(self) -> bool:
        """True if a state was seen by a sample only."""
        return any(not change.traced for row in self.rows for change in row.states.values())


def layout(
    evidence: Evidence, limit: int, side_by_side: Callable[[PacketRun, PacketRun], bool]
) -> Layout:
    """Everything that is drawn, with at most `limit` arrows.

    `side_by_side` is true of two crossing arrows that have room in the same row.
    """
    record = evidence.recording
    shown, others, noise = _sorted_out(
        with_losses(packets(record), evidence.faults) if record else []
    )
    first, changed = changes(evidence)
    anchored = anchors(changed, shown)
    vital = {place for place, _ in anchored.values()}
    if not any(packet.ours for packet in shown):
        limit = min(limit, SOME)
    arrows, rests = condensed(shown, vital, limit)
    drawn = {id(arrow.packet) for arrow in arrows}
    at_arrow: dict[tuple[int, str], StateChange] = {}
    loose = []
    for change in changed:
        place, end = anchored.get(id(change), (-1, ""))
        where = (id(shown[place]), end) if place >= 0 else (0, "")
        if where[0] in drawn and where not in at_arrow:
            at_arrow[where] = change
        else:
            loose.append(change)
    done = list(notes(evidence))
    summed_up = _strangers(others, sorted([*(p.at for p in shown), *(n.at for n in done)]))
    rows = _Rows(_crossing(arrows), side_by_side, at_arrow)
    return Layout(
        _ends(record),
        first,
        tuple(rows.of(arrows, [*done, *rests, *summed_up], loose)),
        tuple(_footer(evidence, noise, bool(rests))),
        len({packet.ours for packet in shown}) > 1,
        record.hops if record else (),
    )


def _ends(record: Recording | None) -> dict[Side, str]:
    if record is None:
        return {}
    ends = {CLIENT: record.client, SERVER: record.server}
    return {
        side: (f"[{host}]:{port}" if ":" in host else f"{host}:{port}") if port else host
        for side, (host, port) in ends.items()
    }


#: Packets of other connections that are still drawn, dimmed, one by one.
FEW = 12
#: Packets that are drawn where none belongs to the connection, as those of a flood are all alike;
#: and of other connections in which the wire has lost something.
SOME = 24
_NOISE = ("ICMPv6 neighbour", "ICMPv6 router", "ICMPv6 multicast", "IGMP", "ICMPv6 type")


def _sorted_out(found: Sequence[Packet]) -> tuple[list[Packet], list[Packet], list[Packet]]:
    """Packets that are drawn, those that are summed up, and those that only find neighbours."""
    noise = [packet for packet in found if packet.text.startswith(_NOISE)]
    rest = [packet for packet in found if not packet.text.startswith(_NOISE)]
    others = [packet for packet in rest if not packet.ours]
    if len(others) <= FEW or len(others) == len(rest):
        return rest, [], noise
    lossy = {_flow(packet) for packet in others if packet.lost_on_wire}
    kept = lossy if sum(_flow(packet) in lossy for packet in others) <= SOME else set()
    drawn = [packet for packet in rest if packet.ours or _flow(packet) in kept]
    return drawn, [packet for packet in others if _flow(packet) not in kept], noise


def _flow(packet: Packet) -> frozenset[End]:
    return frozenset((packet.source, packet.destination))


def _footer(evidence: Evidence, noise: Sequence[Packet], rests: bool) -> Iterator[str]:
    record = evidence.recording
    for side in Side:
        read = evidence.end(side).reads
        if read and read != (WAITS,):
            yield f"The {side}'s application reads {' and then '.join(read)}."
    if record is None:
        yield "Packets were not recorded in this run."
        return
    if rests:
        yield "Not every packet is drawn; a capture file has all (--pcap DIR)."
    if noise:
        yield f"Besides: {kinds_of(noise)}."
    if record.missed:
        packets = "1 packet" if record.missed == 1 else f"{record.missed:,} packets"
        yield f"{packets} came faster than they could be recorded."


def _strangers(others: Sequence[Packet], times: Sequence[float]) -> Iterator[Note]:
    """Other connections' packets, summed up between the times at which something else is drawn."""
    for _, run in itertools.groupby(others, key=lambda packet: bisect.bisect(times, packet.at)):
        yield _stranger(list(run))


def _stranger(run: Sequence[Packet]) -> Note:
    flows = set(map(_flow, run))
    port = next((p.source if p.sender == CLIENT else p.destination)[1] for p in run)
    whose = f"port {port}" if len(flows) == 1 else f"{len(flows):,} other connections"
    return Note(run[0].at, f"{whose}: {kinds_of(run)}", "others", end=run[-1].at)


def _crossing(arrows: Sequence[PacketRun]) -> dict[int, list[PacketRun]]:
    """For each arrow those that left the other end before it arrived, and it before they did."""
    crossing: dict[int, list[PacketRun]] = {}
    under_way: list[PacketRun] = []
    for arrow in arrows:
        packet = arrow.packet
        if arrow.count > 1 or packet.sent is None or packet.arrived is None:
            continue
        under_way = [other for other in under_way if (other.packet.arrived or 0.0) > packet.sent]
        for other in under_way:
            if other.sender != arrow.sender:
                crossing.setdefault(id(arrow), []).append(other)
                crossing.setdefault(id(other), []).append(arrow)
        under_way.append(arrow)
    return crossing


Happening = tuple[float, int, Literal["leave", "arrive", "note", "change"], object]


class _Rows:
    """Puts everything in the order of time."""

    def __init__(
        self,
        crossing: dict[int, list[PacketRun]],
        side_by_side: Callable[[PacketRun, PacketRun], bool],
        at_arrow: dict[tuple[int, str], StateChange],
    ) -> None:
        self._crossing = crossing
        self._side_by_side = side_by_side
        self._at_arrow = at_arrow
        self._rows: list[LadderRow] = []
        self._paired: set[int] = set()

    def of(
        self, arrows: Sequence[PacketRun], some: Sequence[Note], loose: Sequence[StateChange]
    ) -> list[LadderRow]:
        """The rows, top to bottom."""
        happenings: list[Happening] = [(note.at, note.order, "note", note) for note in some]
        happenings += [(change.at, 3, "change", change) for change in loose]
        for arrow in arrows:
            happenings.append((arrow.packet.at, 4, "leave", arrow))
            if id(arrow) in self._crossing and arrow.packet.arrived is not None:
                happenings.append((arrow.packet.arrived, 5, "arrive", arrow))
        last = None
        for at, _, kind, what in sorted(happenings, key=lambda one: one[:2]):
            before = len(self._rows)
            match what:
                case PacketRun() if kind == "leave":
                    self._leave(what)
                case PacketRun():
                    self._arrive(what)
                case Note():
                    self._rows.append(LadderRow(at, note=what))
                case StateChange():
                    self._enter(what)
            if last is not None and at - last >= GAP and len(self._rows) > before:
                self._rows[before].gap = at - last
            ends = what.until if isinstance(what, (Note, PacketRun)) else at
            last = max(last or ends, ends)
        return self._rows

    def _enter(self, change: StateChange) -> None:
        """Put a state that no packet goes with beside its step, or in a row of its own."""
        row = self._step_of(change)
        if row is None:
            row = LadderRow(change.at)
            self._rows.append(row)
        row.states[change.side] = change

    def _step_of(self, change: StateChange) -> LadderRow | None:
        """The row of the step that a change without a packet comes from, if it is the last one."""
        for row in self._rows[:-3:-1]:
            note, near = row.note, abs(change.at - row.at) < STEP
            own = note is not None and note.kind == "step" and note.side == change.side
            if own and near and change.side not in row.states:
                return row
        return None

    def _leave(self, arrow: PacketRun) -> None:
        packet = arrow.packet
        others = self._crossing.get(id(arrow), [])
        above = self._rows[-1] if self._rows else None
        if (
            above is not None
            and len(others) == 1
            and above.leaving == others
            and not above.arriving
            and len(self._crossing[id(others[0])]) == 1
            and self._side_by_side(others[0], arrow)
        ):
            above.leaving.append(arrow)
            self._paired |= {id(arrow), id(others[0])}
            row = above
        else:
            row = LadderRow(packet.at, leaving=[arrow])
            row.late = packet.sent is None and packet.arrived is None
            self._rows.append(row)
        row.crossing = bool(others)
        self._changes(row, arrow, "leave")
        if not others:
            self._changes(row, arrow, "arrive")

    def _arrive(self, arrow: PacketRun) -> None:
        above = self._rows[-1]
        at = arrow.packet.arrived or arrow.packet.at
        if id(arrow) in self._paired and above.arriving and id(above.arriving[0]) in self._paired:
            row = above
            row.arriving.append(arrow)
        else:
            row = LadderRow(at, arriving=[arrow])
            self._rows.append(row)
        self._changes(row, arrow, "arrive")

    def _changes(self, row: LadderRow, arrow: PacketRun, end: str) -> None:
        change = self._at_arrow.get((id(arrow.packet), end))
        if change is not None:
            row.states[change.side] = change
