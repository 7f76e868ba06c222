# SPDX-License-Identifier: GPL-2.0-or-later
"""Sequence numbers relative to each connection's first, and what was sent before."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from netlab.packets.headers import ACK, FIN, RST, SYN, End, Headers

RING = 1 << 32
REMEMBERED = 8  # earlier incarnations of a connection, whose packets may still come
DIRECTIONS, SEGMENTS = 4096, 1024  # that `Numbers.forget` keeps; segments are per direction


class Relative(NamedTuple):
    """The numbers of one packet, relative."""

    sequence: int  # relative to the sender's first
    acknowledgment: int | None  # relative to the other end's first; None without ACK
    resent: int  # how often the same numbers had been sent before
    probe: str  # which kind of probe it is, if any


@dataclass(slots=True)
class _Direction:
    """What one end of one connection has sent, in all incarnations."""

    firsts: list[int] = field(default_factory=list)  # sequence numbers, latest last
    guessed: set[int] = field(default_factory=set)  # those of them that were not a SYN's
    left: dict[tuple[int, int], int] = field(default_factory=dict)  # number and SYN bits: times
    next: int | None = None  # the highest sequence number mentioned
    end: int | None = None  # the one after the highest sent
    window: int | None = None  # the last one it offered

    def begin(self, number: int) -> None:
        """Take a SYN's number as the first. A guess just after it was of this incarnation."""
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
        """How often these numbers had been sent before; count them once more."""
        before = self.left.get((sequence, syn_bits), 0)
        self.left[sequence, syn_bits] = before + 1
        return before

    def goes_on(self, number: int, occupied: int) -> None:
        """It has come to this number, and sends `occupied` more. (Others may still be held.)"""
        after = (number + occupied) % RING
        if self.next is None or is_behind(self.next, after):
            self.next = after
        if occupied and (self.end is None or is_behind(self.end, after)):
            self.end = after

    def is_past(self, number: int) -> bool:
        """True if it is past this number, in this incarnation."""
        return self.next is not None and is_behind(number, self.next)

    def has_sent(self, number: int) -> bool:
        """True if this number, of this incarnation, was sent before."""
        return self.end is not None and is_behind(number, self.end)


def is_behind(number: int, other: int) -> bool:
    """True if a number comes before another one, modulo 2^32 (RFC 9293, section 3.4)."""
    return 0 < (other - number) % RING < RING // 2


class Numbers:
    """Follows the sequence numbers of all connections, packet by packet."""

    def __init__(self) -> None:
        self._directions: dict[tuple[End, End], _Direction] = defaultdict(_Direction)

    def of(self, headers: Headers, sent: bool) -> Relative:
        """Relative sequence and acknowledgment numbers, how often resent, and which probe."""
        if not headers.tcp:
            return Relative(0, None, 0, "")
        there = self._directions.pop((headers.source, headers.destination), _Direction())
        self._directions[headers.source, headers.destination] = there  # the last used, last
        back = self._directions[headers.destination, headers.source]
        bits = headers.bits
        if bits & SYN:
            there.begin(headers.sequence)
        sequence = there.relative(headers.sequence)
        acknowledgment = back.relative(headers.acknowledgment) if bits & ACK else None
        if bits & RST:
            return Relative(sequence, acknowledgment, 0, "")
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
        return Relative(sequence, acknowledgment, resent, probe)

    def forget(self) -> None:
        """Keep no more than a watched connection needs, however long it lasts."""
        while len(self._directions) > DIRECTIONS:
            del self._directions[next(iter(self._directions))]
        for direction in self._directions.values():
            while len(direction.left) > SEGMENTS:
                del direction.left[next(iter(direction.left))]
