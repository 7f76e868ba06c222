# SPDX-License-Identifier: GPL-2.0-or-later
"""What each end of every TCP connection has said, in absolute numbers: from its packets as they
left it, whether or not they arrived. Who forges a segment begins with them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from netlab.model.evidence import Frame
from netlab.packets import headers, options
from netlab.packets.headers import ACK, FIN, RST, SYN, TCP, End, Headers
from netlab.packets.sequence import RING, is_behind
from netlab.packets.way import sender_of

KEPT = 64  # of the latest segments, in each direction
DIRECTIONS = 4096


@dataclass(slots=True)
class Spoken:
    """What one end has said to the other, in absolute numbers, modulo 2^32."""

    first: int  # RFC 9293's ISS; where no SYN was seen, the first number that was
    next: int  # SND.NXT: the number after the highest sent
    acknowledged: int | None = None  # RCV.NXT, as it was told last
    window: int = 0  # as in the last header, without its scale
    timestamp: int | None = None  # the last TSval (RFC 7323); None: it sends none
    count: int = 0  # of segments, ever
    latest: deque[Headers] = field(default_factory=lambda: deque(maxlen=KEPT))

    def since(self, count: int) -> list[Headers]:
        """The segments after so many."""
        new = self.count - count
        return list(self.latest)[-new:] if new > 0 else []


class Ledger:
    """Follows what the two ends of all connections say."""

    def __init__(self) -> None:
        self._said: dict[tuple[End, End], Spoken] = {}
        self._forged: Counter[Headers] = Counter()

    def take(self, frames: Iterable[Frame]) -> None:
        """Take more frames. Only what leaves an end counts, under the names that it has there."""
        own = [each for each in frames if not each.hop and sender_of(each) is each.side]
        for frame in sorted(own, key=lambda each: each.at):
            told = headers.read(frame)
            if not told.tcp:
                continue
            if self._forged[_known_by(told)]:
                self._forged[_known_by(told)] -= 1
            else:
                self._take(told, timestamp(frame.data))

    def forged(self, segment: Headers) -> None:
        """A segment will leave that end which it did not send: it says nothing."""
        self._forged[_known_by(segment)] += 1

    def said(self, source: End, destination: End) -> Spoken | None:
        """What one end has said to the other; None: nothing yet."""
        return self._said.get((source, destination))

    def _take(self, told: Headers, stamp: int | None) -> None:
        ends = told.source, told.destination
        known = self._said.pop(ends, None)
        if known is None or told.bits & SYN:
            count, latest = (known.count, known.latest) if known else (0, deque(maxlen=KEPT))
            known = Spoken(told.sequence, told.sequence, count=count, latest=latest)
        self._said[ends] = known  # the last used, last
        while len(self._said) > DIRECTIONS:
            del self._said[next(iter(self._said))]
        after = (told.sequence + told.length + bool(told.bits & (SYN | FIN))) % RING
        if not told.bits & RST and is_behind(known.next, after):
            known.next = after
        if told.bits & ACK and not told.bits & RST:
            known.acknowledged = told.acknowledgment
        known.window = told.window
        known.timestamp = stamp if stamp is not None else known.timestamp
        known.count += 1
        known.latest.append(told)


def _known_by(segment: Headers) -> Headers:
    return segment._replace(text="", inner=None)


def timestamp(data: bytes) -> int | None:
    """The TSval of a packet, from its first bytes; None if it has none."""
    start = (data[0] & 0x0F) * 4 if data[0] >> 4 == 4 else 40
    if data[9 if data[0] >> 4 == 4 else 6] != TCP or len(data) < start + 20:
        return None
    found = options.read(data[start + 20 : start + (data[start + 12] >> 4) * 4]).timestamps
    return found[0] if found else None
