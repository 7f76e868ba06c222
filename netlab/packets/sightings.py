# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that crossed the wire: one record each, from the frames that each end and each rule saw.

A frame seen leaving one end, the same bytes seen coming in at the other, and the rule that then
dropped them are one packet. A wire of veth neither loses nor reorders, so the same bytes are
paired first in, first out; only checksums differ, which are filled in late or not at all.
Hops in between see it as well, decrement its hop limit, may give it other addresses
(`netlab.packets.way`), and have lost whatever comes in at one of them and nowhere behind it.
"""

from __future__ import annotations

import socket
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from netlab.model.evidence import FaultRecord, Frame, Recording
from netlab.model.tcp import Segment
from netlab.model.vocabulary import Hook, Side
from netlab.packets.headers import PSH, End, Headers, read, segment
from netlab.packets.sequence import Numbers, Relative
from netlab.packets.way import SENDING, Itinerary, sender_of

#: Seconds. Nothing takes longer from end to end, even on a busy machine; after that it is
#: another packet with the same bytes, whose other sightings were missed.
LONGEST_WAY = 0.4
#: Seconds by which clocks read in different places may differ.
SLACK = 0.002


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet on its way from one end to the other. Times are seconds since the lab was built.

    A packet that a rule dropped at its sender was never `sent`; one that a rule dropped at its
    receiver was sent, and `arrived` at the receiver's end of the wire before the rule saw it.
    """

    sender: Side
    sent: float | None  # left its sender's end of the wire
    arrived: float | None  # came in at the other end
    dropped: float | None  # a rule dropped it, or answered it with a reject
    fault: str  # the one whose rule did
    died_at: Side | None  # and at which end; None: at a hop
    hook: Hook | None
    source: tuple[str, int]
    destination: tuple[str, int]
    segment: Segment  # its control bits, and DATA; ANY where it is no TCP segment
    pushed: bool  # PSH
    sequence: int  # relative to the sender's first (RFC 9293 calls that ISS)
    acknowledgment: int | None  # relative to the other end's first; None without ACK
    window: int  # as in the header, without its scale
    length: int  # bytes of payload
    resent: int  # how often this end had sent the same sequence numbers before
    ours: bool  # belongs to the connection that the recording is about
    text: str  # what it is, where that is no plain TCP segment: ICMP port unreachable, keepalive
    passed: tuple[tuple[int, float], ...] = ()  # the hops at which it came in, and when, in order
    lost_at: int = 0  # the number of the hop that has lost it
    taken_at: int = 0  # the number of the hop that has taken it, and answers for the other end
    made_at: int = 0  # the number of the hop that it comes from; 0: its sender is an end

    @property
    def where(self) -> str:
        """The place where it was dropped, in words: ``server input``."""
        return f"{self.died_at} {self.hook}" if self.died_at else ""

    @property
    def lost_on_wire(self) -> bool:
        """True if a wire that misbehaves has lost it, and no rule at an end or a hop."""
        return self.dropped is not None and self.died_at is None and not self.lost_at

    @property
    def at(self) -> float:
        """When it was first seen, in seconds since the lab was built."""
        times = (self.sent, self.arrived, self.dropped)
        return min(time for time in times if time is not None)


def packets(recording: Recording) -> list[Packet]:
    """Every packet of a recording, in the order in which they were first seen."""
    way = Itinerary(len(recording.hops), recording.translations, recording.answering)
    sightings = sorted(_sightings(recording.frames, way), key=lambda seen: seen.at)
    numbers: dict[int, Numbers] = defaultdict(Numbers)  # by the leg of the way
    ours = _ours(recording.client, recording.server)
    found = []
    for seen in sightings:
        headers = way.headers(seen.frame)
        relative = numbers[way.leg(seen.frame)].of(headers, seen.sent is not None)
        packet = _packet(seen, headers, relative, ours(headers))
        found.append(_on_its_way(packet, seen, recording) if way.hops else packet)
    return found


def _on_its_way(packet: Packet, seen: _Sightings, recording: Recording) -> Packet:
    """The packet with what hops have to do with it."""
    hops = recording.hops
    packet = replace(packet, text=" ".join(filter(None, (packet.text, _strange(packet, seen)))))
    passed = tuple((hop, frame.at) for hop, frame in seen.passed.items())
    first, last = (1, len(hops)) if packet.sender is Side.CLIENT else (len(hops), 1)
    dropped = seen.dropped
    if dropped is not None and dropped.hop and dropped.hook is Hook.OUTPUT:
        made = dropped.hop
    elif seen.sent is not None or (dropped is not None and not (passed or seen.arrived)):
        made = 0
    elif passed:
        made = passed[0][0] + (-1 if first == 1 else 1) if passed[0][0] != first else 0
    else:
        made = last
    if dropped is not None:
        return replace(packet, passed=passed, lost_at=dropped.hop, made_at=made)
    if seen.arrived is not None or not passed:
        return replace(packet, passed=passed, made_at=made)
    lost, at = passed[-1]
    if lost in recording.answering:  # it has come where it was taken for the other end
        return replace(packet, passed=passed, made_at=made, taken_at=lost)
    return replace(
        packet, passed=passed, made_at=made, lost_at=lost, dropped=at, fault=hops[lost - 1]
    )


def _strange(packet: Packet, seen: _Sightings) -> str:
    """The address that it comes from, where the client has never heard of it."""
    if seen.arrived is None or packet.sender is Side.CLIENT or not packet.ours:
        return ""
    own = read(seen.arrived).source
    return f"from {own[0]}" if _canonical(own) != _canonical(packet.source) else ""


#: What a wire does that loses packets: the words of its faults.
LOSING = ("drop", "cut", "loss")


def with_losses(found: Sequence[Packet], faults: Sequence[FaultRecord]) -> list[Packet]:
    """The packets, and of those that have not arrived, which of these faults of the wire took them:
    no rule has seen that.
    """
    left = {fault: fault.packets for fault in faults if fault.by and fault.kind in LOSING}

    def taken(packet: Packet) -> Packet:
        sent = packet.sent
        if sent is None or packet.arrived is not None or packet.dropped is not None:
            return packet
        for fault, number in left.items():
            in_force = fault.installed <= sent <= (fault.removed or sent)
            goes_there = fault.kind == "cut" or packet.sender.peer in fault.sides
            if number and in_force and goes_there:
                left[fault] -= 1
                return replace(packet, dropped=sent, fault=fault.name)
        return packet

    return [taken(packet) for packet in found]


class Latest:
    """The latest packets, built frame by frame as they are seen: for a live view.

    It keeps `most` packets, and of a flood no more than `frames` at once: older ones are `skipped`.
    The frames must be complete up to the time given to `take`, because a packet has its place and
    its numbers from its first sighting on. All count as `ours`, because the connection of interest
    can change.
    """

    def __init__(self, most: int, frames: int) -> None:
        self._frames = frames
        self.skipped = 0
        self._numbers = Numbers()
        self._open: list[Frame] = []  # of packets that may be seen once more on their way
        self._known: dict[int, Relative] = {}  # by the identity of the first of them
        self._settled: deque[Packet] = deque(maxlen=most)
        self._count = 0  # of packets that were settled, ever
        self._under_way: list[Packet] = []
        self.way = Itinerary()  # that they take

    def take(self, frames: Sequence[Frame], now: float) -> None:
        """Take more frames, none later than `now` (seconds since the lab was built)."""
        if not frames and not self._open:
            return
        self.skipped += max(0, len(frames) - self._frames)
        frames = sorted(frames, key=lambda frame: frame.at)[-self._frames :]
        sightings = sorted(_sightings([*self._open, *frames], self.way), key=lambda seen: seen.at)
        flood = len(sightings) - self._frames
        self._under_way, self._open = [], []
        known, self._known = self._known, {}
        for place, seen in enumerate(sightings):
            headers = self.way.headers(seen.frame)
            told = known.get(id(seen.frame))
            if told is None:
                told = self._numbers.of(headers, seen.sent is not None)
            packet = _packet(seen, headers, told, True)
            is_over = place < flood or max(f.at for f in seen.frames) < now - LONGEST_WAY
            if is_over and not self._under_way:
                self._settled.append(packet)
                self._count += 1
            else:
                self._under_way.append(packet)
                self._open += seen.frames
                self._known[id(seen.frame)] = told
        self._numbers.forget()

    @property
    def settled(self) -> int:
        """The number of the first packet that may still be seen elsewhere on its way."""
        return self._count

    def since(self, number: int) -> list[tuple[int, Packet]]:
        """The packets still kept from this number on, each with its number."""
        kept = [*self._settled, *self._under_way]
        return [each for each in enumerate(kept, self._count - len(self._settled))
                if each[0] >= number]  # fmt: skip


def _packet(seen: _Sightings, headers: Headers, relative: Relative, ours: bool) -> Packet:
    dropped = seen.dropped
    return Packet(
        seen.sender,
        seen.sent.at if seen.sent else None,
        seen.arrived.at if seen.arrived else None,
        dropped.at if dropped else None,
        dropped.fault if dropped else "",
        dropped.side if dropped and not dropped.hop else None,
        dropped.hook if dropped else None,
        headers.source,
        headers.destination,
        segment(headers.bits, headers.length > 0) if headers.tcp else Segment.ANY,
        bool(headers.bits & PSH),
        relative.sequence,
        relative.acknowledgment,
        headers.window,
        headers.length,
        relative.resent,
        ours,
        headers.text or relative.probe,
    )


def _ours(client: End, server: End) -> Callable[[Headers], bool]:
    """A test for packets of the connection, and for ICMP's answers to them."""
    client, server = _canonical(client), _canonical(server)
    both = {(client, server), (server, client)}
    return lambda headers: (headers.inner or (headers.source, headers.destination)) in both


def _canonical(end: End) -> End:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, end[0])), end[1]
        except OSError:
            continue
    return end


# --- sightings of the same packet


@dataclass(slots=True)
class _Sightings:
    """The frames in which one packet was seen: at least one of them."""

    sender: Side
    sent: Frame | None = None
    passed: dict[int, Frame] = field(default_factory=dict)  # by the number of the hop, in order
    arrived: Frame | None = None
    dropped: Frame | None = None

    @property
    def frame(self) -> Frame:
        """The best sighting: the first."""
        return self.frames[0]

    @property
    def frames(self) -> list[Frame]:
        """All of them, in the order of the way."""
        ends = (self.arrived, self.dropped)
        return [each for each in (self.sent, *self.passed.values(), *ends) if each is not None]

    @property
    def at(self) -> float:
        return min(frame.at for frame in self.frames)

    @property
    def reached(self) -> Frame:
        """The last sighting on its way, before a rule's."""
        on_the_way = [frame for frame in self.frames if frame is not self.dropped]
        return on_the_way[-1] if on_the_way else self.frame


@dataclass(slots=True)
class _Same:
    """Frames with the same bytes from the same end, by where they were seen."""

    sent: list[Frame] = field(default_factory=list)
    #: By the hop, in the order of the way, and then at the other end.
    stations: dict[int, list[Frame]] = field(default_factory=lambda: defaultdict(list))
    dropped: dict[int, list[Frame]] = field(default_factory=lambda: defaultdict(list))  # likewise
    held: list[Frame] = field(default_factory=list)  # dropped at the sender: not seen elsewhere


def _sightings(frames: Sequence[Frame], way: Itinerary) -> Iterator[_Sightings]:
    alike: dict[tuple[Side, bytes, int], _Same] = defaultdict(_Same)
    for frame in sorted(frames, key=lambda frame: frame.at):
        sender = sender_of(frame)
        same = alike[sender, way.key(frame), frame.length]
        station = way.station(frame, sender)
        if frame.seen == "dropped":
            held = frame.hook in SENDING
            (same.held if held else same.dropped[station]).append(frame)
        else:
            (same.stations[station] if station else same.sent).append(frame)
    for (sender, _, _), same in alike.items():
        yield from _paired(sender, same)


def _paired(sender: Side, same: _Same) -> Iterator[_Sightings]:
    """One packet for each frame sent, and for each that was only seen later on its way."""
    there = [_Sightings(sender, sent=frame) for frame in same.sent]
    for _, frames in sorted(same.stations.items()):
        there.sort(key=_last_seen)
        unseen = []
        for frame, packet in _first_in_first_out(frames, there):
            seen = packet or _Sightings(sender)
            if packet is None:
                unseen.append(seen)
            if frame.hop:
                seen.passed[frame.hop] = frame
            else:
                seen.arrived = frame
        there += unseen
    for frames in same.dropped.values():
        hop = frames[0].hop
        here = [packet for packet in there if packet.reached.hop == hop or not hop]
        here.sort(key=_last_seen)
        for frame, packet in _nearest(frames, here):
            if packet is None:
                there.append(_Sightings(sender, dropped=frame))
            else:
                packet.dropped = frame
    yield from there
    for frame in same.held:
        yield _Sightings(sender, dropped=frame)


def _last_seen(packet: _Sightings) -> float:
    return packet.reached.at


def _first_in_first_out(
    frames: Sequence[Frame], waiting: Sequence[_Sightings]
) -> Iterator[tuple[Frame, _Sightings | None]]:
    """Each frame that came in, with the packet that was then longest on its way."""
    first = 0
    for frame in frames:
        while first < len(waiting) and _last_seen(waiting[first]) < frame.at - LONGEST_WAY:
            first += 1
        if first < len(waiting) and _last_seen(waiting[first]) <= frame.at + SLACK:
            yield frame, waiting[first]
            first += 1
        else:
            yield frame, None


def _nearest(
    frames: Sequence[Frame], waiting: Sequence[_Sightings]
) -> Iterator[tuple[Frame, _Sightings | None]]:
    """Each frame that a rule dropped, with the packet that came in at that moment.

    Not every packet with these bytes need have been dropped, so the oldest may be the wrong one.
    """
    first = 0
    for number, frame in enumerate(frames):
        left = len(frames) - number
        away = [abs(_last_seen(packet) - frame.at) for packet in waiting[first : first + 2]]
        while len(away) == 2 and away[1] < away[0] and first + left < len(waiting):
            first += 1
            away = [abs(_last_seen(packet) - frame.at) for packet in waiting[first : first + 2]]
        if away and away[0] <= LONGEST_WAY:
            yield frame, waiting[first]
            first += 1
        else:
            yield frame, None
