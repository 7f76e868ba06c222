# SPDX-License-Identifier: GPL-2.0-or-later
"""Which packets a ladder draws when there are too many, and how it says what it leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from netlab.model.tcp import Segment
from netlab.model.vocabulary import Side
from netlab.packets.sightings import Packet
from netlab.render.ladder_notes import Note

#: Needed to tell the story; shows what went wrong; one of many alike.
VITAL, TELLING, DULL = range(3)
#: Dull ones that are drawn where not all are.
EXAMPLES = 12


@dataclass(frozen=True, slots=True)
class PacketRun:
    """A packet, or a run of like ones."""

    packet: Packet  # the first of them
    last: Packet
    count: int = 1
    length: int = 0  # bytes of payload of all

    @property
    def sender(self) -> Side:
        """Where it starts."""
        return self.packet.sender

    @property
    def until(self) -> float:
        """The time, in seconds, at which the last of it was seen."""
        last = self.last
        return max(at for at in (last.sent, last.arrived, last.dropped) if at is not None)

    @property
    def unsent(self) -> bool:
        """True if it was dropped before it left its sender."""
        packet = self.packet
        return packet.dropped is not None and packet.died_at is packet.sender

    @property
    def lost(self) -> bool:
        """True if it was dropped at its receiver."""
        return self.packet.dropped is not None and not self.unsent

    @property
    def label(self) -> str:
        """``SYN|ACK seq=0 ack=1``, ``DATA 1,448 B seq=1 ack=1``."""
        return self._label(True)

    @property
    def short(self) -> str:
        """The same without its acknowledgment."""
        return self._label(Segment.DATA not in self.packet.segment and not self.again)

    def _label(self, with_acknowledgment: bool) -> str:
        packet = self.packet
        if packet.segment is Segment.ANY:
            said = [packet.text]
        else:
            said = [name_of(packet)]
            if self.length:
                said.append(f"{self.length:,} B")
            said.append(f"seq={packet.sequence}")
            if packet.acknowledgment is not None and with_acknowledgment:
                said.append(f"ack={packet.acknowledgment}")
            said += [packet.text] if packet.text else []
        many = f"{self.count:,} × " if self.count > 1 else ""
        return many + " ".join(said)

    @property
    def again(self) -> str:
        """Which retransmission it is: ``again 1``."""
        first, last = self.packet.resent, self.last.resent
        if not first:
            return ""
        return f"again {first}" if first == last else f"again {first} to {last}"


def name_of(packet: Packet) -> str:
    """The control bits as people name them: every FIN and DATA carries an ACK anyway."""
    segment = packet.segment
    if segment is Segment.ANY:
        return packet.text
    if Segment.DATA in segment:
        return "DATA"
    if Segment.FIN in segment and Segment.SYN not in segment and Segment.RST not in segment:
        return "FIN"
    return str(segment)


def kinds_of(some: Sequence[Packet]) -> str:
    """``2 SYN, ACK``: the number of each kind, and the sender if there is only one."""
    names = Counter(name_of(packet) for packet in some)
    senders = {packet.sender for packet in some}
    said = ", ".join(f"{count:,} {name}" if count > 1 else name for name, count in names.items())
    return f"{said} by {senders.pop()}" if len(senders) == 1 else said


def condensed(
    some: Sequence[Packet], vital: Collection[int], limit: int
) -> tuple[list[PacketRun], list[Note]]:
    """At most `limit` arrows, and a note for every stretch that is not drawn.

    `vital`: indices of packets that changed an end's state.
    """
    single = [PacketRun(packet, packet, length=packet.length) for packet in some]
    if len(single) <= limit:
        return single, []
    runs = list(_runs(single, vital))
    if len(runs) <= limit:
        return [run for run, _ in runs], []
    kept: set[int] = set()
    for wanted in (VITAL, TELLING, DULL):
        rank = [n for n, (run, places) in enumerate(runs) if _rank(run, places, vital) == wanted]
        rank = [n for n in rank if n not in kept]
        room = limit - len(kept)
        if wanted == DULL:
            room = min(room, EXAMPLES)
        if wanted == VITAL:
            rank = [0, *(n for n in rank if 0 < n < len(runs) - 1), len(runs) - 1]
        kept |= {*rank} if len(rank) <= room else {*rank[: room - room // 3]}
        kept |= {*rank[len(rank) - room // 3 :]} if len(rank) > room > 2 else set()
    arrows, notes, hidden = [], [], list[Packet]()
    for number, (run, places) in enumerate(runs):
        if number in kept:
            notes += [_rest(hidden)] if hidden else []
            hidden = []
            arrows.append(run)
        else:
            hidden += [some[place] for place in places]
    notes += [_rest(hidden)] if hidden else []
    return arrows, notes


def _runs(
    single: Sequence[PacketRun], vital: Collection[int]
) -> Iterator[tuple[PacketRun, list[int]]]:
    """Like segments that follow each other become one, unless a state changed with them."""
    run, places = single[0], [0]
    for place, arrow in enumerate(single[1:], 1):
        if _kind(arrow) == _kind(run) and not {place, places[-1]} & {*vital}:
            run = PacketRun(run.packet, arrow.packet, run.count + 1, run.length + arrow.length)
            places.append(place)
        else:
            yield run, places
            run, places = arrow, [place]
    yield run, places


def _kind(arrow: PacketRun) -> tuple[object, ...]:
    packet = arrow.packet
    acked = packet.acknowledgment if packet.resent else None
    return (
        packet.sender, packet.segment, packet.fault, packet.where, packet.resent > 0,
        packet.sequence if packet.resent else acked, packet.text, packet.source,
    )  # fmt: skip


def _rank(run: PacketRun, places: Sequence[int], vital: Collection[int]) -> int:
    packet = run.packet
    control = packet.segment & (Segment.SYN | Segment.FIN | Segment.RST)
    if any(place in vital for place in (places[0], places[-1])) or (control and not packet.resent):
        return VITAL
    telling = control or packet.dropped is not None or packet.text or packet.resent
    return TELLING if telling else DULL


def _rest(hidden: Sequence[Packet]) -> Note:
    counts = Counter((name_of(packet), packet.sender) for packet in hidden)
    kinds = ", ".join(f"{count:,} {name} from {side}" for (name, side), count in counts.items())
    dropped = sum(packet.dropped is not None for packet in hidden)
    kinds += f", {dropped:,} of them dropped" if dropped else ""
    begin, end = hidden[0].at, hidden[-1].at
    more = "packet" if len(hidden) == 1 else "packets"
    text = f"… {len(hidden):,} more {more}: {kinds}, +{begin:.2f}\u00a0s to +{end:.2f}\u00a0s"
    return Note(begin, text, "rest", end=end)
