# SPDX-License-Identifier: GPL-2.0-or-later
"""What crossed the wire: one record a packet, from the frames that each end and each rule saw.

A frame seen leaving one end, the same bytes seen coming in at the other, and the rule that then
dropped them are one packet. A wire of veth neither loses nor reorders, so the same bytes are
paired first in, first out; only checksums differ, which are filled in late or not at all.
"""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from netlab.evidence import Frame, Recording
from netlab.headers import ACK, FIN, PSH, RST, SYN, End, Headers, lasting, read, segment
from netlab.tcp import Segment

#: Seconds. Nothing takes longer from end to end, on a busy machine neither; after that it is
#: another packet with the same bytes, whose other sightings were missed.
LONGEST_WAY = 0.4
#: Seconds that clocks read in other places may be apart.
SLACK = 0.002
#: Hooks at which a packet has not left its sender yet.
SENDING = frozenset({"output", "postrouting", "egress"})


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet on its way from one end to the other. Times are seconds since the lab was built.

    A packet that a rule dropped at its sender was never `sent`; one that a rule dropped at its
    receiver was sent, and `arrived` at the receiver's end of the wire before the rule saw it.
    """

    sender: str  # client, server
    sent: float | None  # left its sender's end of the wire
    arrived: float | None  # came in at the other end
    dropped: float | None  # a rule dropped it, or answered it with a reject
    fault: str  # whose rule did
    where: str  # and at which place: server input
    source: tuple[str, int]
    destination: tuple[str, int]
    segment: Segment  # its control bits, and DATA; ANY where it is no TCP segment
    pushed: bool  # PSH
    sequence: int  # relative to the sender's first (RFC 9293 calls that ISS)
    acknowledgment: int | None  # relative to the other end's first; None without ACK
    window: int  # as in the header, without its scale
    length: int  # bytes of payload
    resent: int  # how often the same sequence numbers had left this end before
    ours: bool  # belongs to the connection that the recording is about
    text: str  # what it is, where that is no plain TCP segment: ICMP port unreachable, keepalive

    @property
    def at(self) -> float:
        """When it was first seen."""
        times = (self.sent, self.arrived, self.dropped)
        return min(time for time in times if time is not None)


def packets(recording: Recording) -> list[Packet]:
    """Every packet of a recording, in the order in which they were first seen."""
    sightings = sorted(_sightings(recording.frames), key=lambda seen: seen.at)
    numbers = _Numbers()
    ours = _ours(recording)
    return [_packet(seen, numbers, ours) for seen in sightings]


def _packet(seen: _Sightings, numbers: _Numbers, ours: Callable[[Headers], bool]) -> Packet:
    headers = read(seen.frame)
    dropped = seen.dropped
    sequence, acknowledgment, resent, probe = numbers.of(headers, seen.sent is not None)
    return Packet(
        seen.sender,
        seen.sent.at if seen.sent else None,
        seen.arrived.at if seen.arrived else None,
        dropped.at if dropped else None,
        dropped.fault if dropped else "",
        f"{dropped.side} {dropped.hook}".rstrip() if dropped else "",
        headers.source,
        headers.destination,
        segment(headers.bits, headers.length > 0) if headers.tcp else Segment.ANY,
        bool(headers.bits & PSH),
        sequence,
        acknowledgment,
        headers.window,
        headers.length,
        resent,
        ours(headers),
        headers.text or probe,
    )


def _ours(recording: Recording) -> Callable[[Headers], bool]:
    """Tells packets of the recording's connection, and ICMP's answers to them, from others."""
    client, server = (_canonical(end) for end in (recording.client, recording.server))
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
    """The frames that one packet left behind: at least one of the three."""

    sender: str
    sent: Frame | None = None
    arrived: Frame | None = None
    dropped: Frame | None = None

    @property
    def frame(self) -> Frame:
        """The best sighting: the first."""
        frame = self.sent or self.arrived or self.dropped
        assert frame is not None
        return frame

    @property
    def at(self) -> float:
        return min(f.at for f in (self.sent, self.arrived, self.dropped) if f is not None)


@dataclass(slots=True)
class _Same:
    """Frames with the same bytes from the same end, by where they were seen."""

    sent: list[Frame] = field(default_factory=list)
    arrived: list[Frame] = field(default_factory=list)
    dropped: list[Frame] = field(default_factory=list)  # at the receiver
    held: list[Frame] = field(default_factory=list)  # dropped at the sender: nobody else saw them


def _sightings(frames: Sequence[Frame]) -> Iterator[_Sightings]:
    alike: dict[tuple[str, bytes, int], _Same] = defaultdict(_Same)
    for frame in sorted(frames, key=lambda frame: frame.at):
        coming = frame.seen == "in" or (frame.seen == "dropped" and frame.hook not in SENDING)
        sender = _OTHER.get(frame.side, frame.side) if coming else frame.side
        same = alike[sender, lasting(frame.data), frame.length]
        if frame.seen == "dropped":
            (same.dropped if coming else same.held).append(frame)
        else:
            (same.arrived if coming else same.sent).append(frame)
    for (sender, _, _), same in alike.items():
        yield from _paired(sender, same)


_OTHER = {"client": "server", "server": "client"}


def _paired(sender: str, same: _Same) -> Iterator[_Sightings]:
    """One packet for each frame sent, and for each that was only seen later on its way."""
    on_the_way = [_Sightings(sender, sent=frame) for frame in same.sent]
    unsent = []
    for frame, packet in _first_in_first_out(same.arrived, on_the_way):
        if packet is None:
            unsent.append(_Sightings(sender, arrived=frame))
        else:
            packet.arrived = frame
    there = sorted(on_the_way + unsent, key=_last_seen)
    for frame, packet in _nearest(same.dropped, there):
        if packet is None:
            unsent.append(_Sightings(sender, dropped=frame))
        else:
            packet.dropped = frame
    yield from on_the_way
    yield from unsent
    for frame in same.held:
        yield _Sightings(sender, dropped=frame)


def _last_seen(packet: _Sightings) -> float:
    return (packet.arrived or packet.frame).at


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


# --- relative numbers

RING = 1 << 32
REMEMBERED = 8  # earlier incarnations of a connection, whose packets may still come


@dataclass(slots=True)
class _Direction:
    """What left one end of one connection, whatever its incarnation."""

    firsts: list[int] = field(default_factory=list)  # sequence numbers, latest last
    guessed: set[int] = field(default_factory=set)  # those of them that were not a SYN's
    left: dict[tuple[int, int], int] = field(default_factory=dict)  # number and SYN bits: times
    next: int | None = None  # the highest sequence number that was spoken of
    end: int | None = None  # the one after the highest that left
    window: int | None = None  # that it offered last

    def begin(self, number: int) -> None:
        """A SYN: its number is the first. A guess right behind it was of this incarnation."""
        if number in self.firsts and number not in self.guessed:
            return
        self.firsts = [
            first
            for first in self.firsts
            if first not in self.guessed or (first - number) % RING >= RING // 2
        ]
        self.firsts = [*self.firsts[-REMEMBERED:], number]
        self.guessed &= {*self.firsts} - {number}
        self.next = self.end = None

    def relative(self, number: int) -> int:
        """Counted from the first number of the incarnation that it can belong to."""
        if not self.firsts:
            self.firsts.append(number)
            self.guessed.add(number)
        away = min((number - first) % RING for first in self.firsts)
        return away if away < RING // 2 else away - RING

    def times(self, sequence: int, syn_bits: int) -> int:
        """How often these numbers had left before; now once more."""
        before = self.left.get((sequence, syn_bits), 0)
        self.left[sequence, syn_bits] = before + 1
        return before

    def goes_on(self, number: int, occupied: int) -> None:
        """It is at this number, and sends so much. (Others may still be held on their way.)"""
        after = (number + occupied) % RING
        if self.next is None or _behind(self.next, after):
            self.next = after
        if occupied and (self.end is None or _behind(self.end, after)):
            self.end = after

    def is_past(self, number: int) -> bool:
        """Whether it is further on, in this incarnation."""
        return self.next is not None and _behind(number, self.next)

    def has_sent(self, number: int) -> bool:
        """Whether this number, of this incarnation, has left before."""
        return self.end is not None and _behind(number, self.end)


def _behind(number: int, other: int) -> bool:
    return 0 < (other - number) % RING < RING // 2


class _Numbers:
    """Follows the sequence numbers of all connections, packet by packet."""

    def __init__(self) -> None:
        self._directions: dict[tuple[End, End], _Direction] = defaultdict(_Direction)

    def of(self, headers: Headers, sent: bool) -> tuple[int, int | None, int, str]:
        """Relative sequence and acknowledgment numbers, how often resent, and which probe."""
        if not headers.tcp:
            return 0, None, 0, ""
        there = self._directions[headers.source, headers.destination]
        back = self._directions[headers.destination, headers.source]
        bits = headers.bits
        if bits & SYN:
            there.begin(headers.sequence)
        sequence = there.relative(headers.sequence)
        acknowledgment = back.relative(headers.acknowledgment) if bits & ACK else None
        if bits & RST:
            return sequence, acknowledgment, 0, ""
        occupied = headers.length + bool(bits & SYN) + bool(bits & FIN)
        resent, probe = 0, ""
        if occupied:
            resent = there.times(headers.sequence, bits & (SYN | ACK) if bits & SYN else 0)
            if not bits & SYN and there.has_sent(headers.sequence):
                resent = max(resent, 1)  # a piece of something longer
        elif there.is_past(headers.sequence):
            probe = "window probe" if back.window == 0 else "keepalive"
        if sent:
            there.goes_on(headers.sequence, occupied)
        there.window = headers.window
        return sequence, acknowledgment, resent, probe
