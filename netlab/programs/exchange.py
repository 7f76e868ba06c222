# SPDX-License-Identifier: GPL-2.0-or-later
"""Tells one packet of an exchange from all others, by what it is and never by when it comes.

A packet has a direction, a connection and a number: its place among those that were sent there, in
which what is sent again has no place of its own. Its number is as good as the exchange is the same
each time. Whether an acknowledgment travels alone is decided by time, so the exact address of a
packet is where it begins in the sequence (``seq=1``), or what it acknowledges if that is all that
it says (``ack=146``), counted from the first number of its direction.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from netlab.programs.naming import ACK as HAS_ACK
from netlab.programs.naming import FIN, RST, SYN, WORD, layout

#: How a packet is addressed: by its number, by where it begins, by what it acknowledges alone, or
#: by a control bit that it has.
WORDS = NUMBER, SEQ, ACK, OPENING, ENDING, RESET = "", "seq", "ack", "SYN", "FIN", "RST"
BITS = {OPENING: SYN, ENDING: FIN, RESET: RST}
EXPECTED = "a packet: its number (7), or seq=1, ack=146, SYN, FIN or RST"
_PLACED = re.compile(r"(seq|ack)=(\d{1,10})")


class PacketAddress(NamedTuple):
    """Which packet of a direction of a connection is meant."""

    word: str  # one of `WORDS`
    place: int = 0  # the number, or the relative sequence number

    def __str__(self) -> str:
        if self.word == NUMBER:
            return str(self.place)
        return self.word if self.word in BITS else f"{self.word}={self.place}"


def address(given: int | str) -> PacketAddress:
    """The address in ``7``, ``"seq=1"``, ``"ack=146"``, ``"SYN"``, ``"FIN"`` or ``"RST"``.

    Raises ValueError for anything else, with what is expected.
    """
    text = str(given)
    if text.isdecimal() and 0 < int(text) < WORD:
        return PacketAddress(NUMBER, int(text))
    if text in BITS:
        return PacketAddress(text)
    match = _PLACED.fullmatch(text)
    if match is None or int(match[2]) >= WORD:
        raise ValueError(EXPECTED)
    return PacketAddress(match[1], int(match[2]))


class Sent(NamedTuple):
    """A packet that was sent. Sequence numbers count from the first of their direction."""

    way: int  # to the server (0) or to the client (1)
    connection: int  # its place among those that were opened, from 1
    number: int  # its place in this direction, from 1; the same when it is sent again
    again: int  # how often it had been sent before
    fins: int  # how often a FIN had been sent there before
    bits: int  # its control bits
    begins: int
    length: int  # bytes of data
    acknowledges: int

    @property
    def address(self) -> PacketAddress:
        """Its exact address, which does not hang on its number."""
        if self.bits & RST:
            return PacketAddress(RESET)
        if self.length or self.bits & SYN:
            return PacketAddress(SEQ, self.begins)
        return PacketAddress(ENDING) if self.bits & FIN else PacketAddress(ACK, self.acknowledges)

    def times(self, address: PacketAddress) -> int | None:
        """How often what this addresses had been sent before; None: it is another packet."""
        if address.word == NUMBER:
            return self.again if self.number == address.place else None
        if address.word == ENDING:
            return self.fins if self.bits & FIN else None
        if address.word in BITS:
            return self.again if self.bits & BITS[address.word] else None
        return self.again if self.address == address else None

    @property
    def text(self) -> str:
        """It in words, as a ladder has it: ``FIN|ACK seq=1 ack=146``, ``DATA seq=1:78 ack=1``."""
        names = {SYN: "SYN", FIN: "FIN", RST: "RST"}
        bits = [name for bit, name in names.items() if self.bits & bit]
        bits += ["DATA"] if self.length else ["ACK"] if self.bits & HAS_ACK else []
        begins = f"seq={self.begins}" + (f":{self.begins + self.length}" if self.length else "")
        places = [begins] if self.length or self.bits & (SYN | FIN | RST) else []
        places += [f"ack={self.acknowledges}"] if self.bits & HAS_ACK else []
        return " ".join(["|".join(bits), *places])


class _Connection:
    """One connection: its place among all, and what was sent in each of its directions."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.first: list[int | None] = [None, None]
        self.numbers: tuple[dict[object, int], ...] = ({}, {})  # of packets, by what they are
        self.sent: tuple[dict[object, int], ...] = ({}, {})  # how often
        self.fins = [0, 0]


class Crossings:
    """All packets that cross a wire, in their order."""

    def __init__(self) -> None:
        self._connections: dict[bytes, _Connection] = {}  # by addresses and ports, client's first
        self._opened = 0

    def take(self, frame: bytes, way: int) -> Sent | None:
        """What the next packet is, on its way to the server (0) or to the client (1); None for what
        is not TCP.
        """
        start, end, ends = layout(frame)
        if not ends or len(frame) < start + 20:
            return None
        sequence, acknowledged = struct.unpack_from(">II", frame, start + 4)
        bits = frame[start + 13] & (FIN | SYN | RST | HAS_ACK)
        known = self._connection(ends[way] + ends[1 - way], way, sequence, bits)
        first, others = known.first[way], known.first[1 - way]
        if first is None or bits & SYN:
            first = known.first[way] = sequence
        sent = Sent(
            way,
            known.place,
            0,
            0,
            known.fins[way],
            bits,
            (sequence - first) % WORD,
            max(0, end - start - (frame[start + 12] >> 4) * 4),
            (acknowledged - (others or 0)) % WORD if bits & HAS_ACK else 0,
        )
        known.fins[way] += bool(bits & FIN)
        what = sent.address
        number = known.numbers[way].setdefault(what, len(known.numbers[way]) + 1)
        again = known.sent[way].get(what, 0)
        known.sent[way][what] = again + 1
        return sent._replace(number=number, again=again)

    def _connection(self, ends: bytes, way: int, sequence: int, bits: int) -> _Connection:
        known = self._connections.get(ends)
        opens = bits & SYN and not bits & HAS_ACK
        if known is None or (opens and known.first[way] not in (None, sequence)):
            self._opened += 1
            known = self._connections[ends] = _Connection(self._opened)
        return known
