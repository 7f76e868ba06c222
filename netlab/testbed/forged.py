# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments forged on a connection that exists, with numbers that count from its own; and what the
other end answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from netlab.model.errors import LabError
from netlab.packets import headers, segments, spoken
from netlab.packets.headers import ACK, End, Headers
from netlab.packets.ledger import Ledger, Spoken
from netlab.packets.options import TcpOptions
from netlab.packets.sequence import RING
from netlab.packets.spoken import Wanted

#: A first sequence number for an end that has sent nothing.
FIRST = 1000


class Answer(NamedTuple):
    """A segment that came back. Its numbers count from what was next before the forged one: `seq`
    from what the answering end was to send, `ack` from what the forging end was to; None without
    ACK.
    """

    bits: int
    seq: int
    ack: int | None
    length: int  # bytes of data

    def __str__(self) -> str:
        said = f"{spoken.named(self.bits)} seq={spoken.at(self.seq)}"
        if self.ack is not None:
            said += f" ack={spoken.at(self.ack)}"
        return said + (f" with {self.length} bytes" if self.length else "")

    def is_as(self, wanted: Wanted) -> bool:
        """True if it has these control bits, and the numbers that are asked for."""
        return (
            self.bits == wanted.bits & headers.CONTROL
            and wanted.seq in (None, self.seq)
            and (wanted.ack is None or wanted.ack == self.ack)
        )


class Forger:
    """One end of a connection, as who forges its segments knows it, before one is made.

    Raises `LabError` if neither end has said anything yet.
    """

    def __init__(self, ledger: Ledger, source: End, destination: End) -> None:
        self._ledger = ledger
        self.source, self.destination = source, destination
        own, other = ledger.said(source, destination), ledger.said(destination, source)
        if own is None and other is None:
            raise LabError("nothing was sent on this connection yet that a segment could follow")
        self._own, self._other = own, other
        #: What this end sends next, and what the other one does; absolute.
        self.next = own.next if own else FIRST
        self.others_next = other.next if other else 0
        self._heard = other.count if other else 0

    def made(
        self,
        bits: int,
        seq: int,
        ack: int,
        data: bytes,
        window: int | None,
        timestamp: int | None,
        intact: bool,
    ) -> bytes:
        """The segment's bytes, from the TCP header on; see `netlab.testbed.host.Host.forge`."""
        own, other = self._own or Spoken(0, 0, window=segments.WINDOW), self._other
        expected = self.others_next if own.acknowledged is None else own.acknowledged
        stamps = None
        if timestamp is not None and own.timestamp is not None:
            echoed = (other.timestamp if other else None) or 0
            stamps = (own.timestamp + timestamp) % RING, echoed
        numbers = (self.next + seq) % RING, (expected + ack) % RING if bits & ACK else 0
        wide = own.window if window is None else window
        sent = segments.segment(
            self.source, self.destination, bits, *numbers, data,
            window=wide, carrying=TcpOptions(timestamps=stamps), intact=intact,
        )  # fmt: skip
        self._ledger.forged(
            Headers(self.source, self.destination, len(data), True, bits, *numbers, wide)
        )
        return sent

    def answer(self) -> Answer | None:
        """What the other end has said since; its first segment."""
        other = self._ledger.said(self.destination, self.source)
        new = other.since(self._heard) if other else []
        return self._relative(new[0]) if new else None

    def _relative(self, segment: Headers) -> Answer:
        bits = segment.bits & headers.CONTROL
        acknowledged = _offset(segment.acknowledgment, self.next) if bits & ACK else None
        return Answer(
            bits, _offset(segment.sequence, self.others_next), acknowledged, segment.length
        )


def _offset(number: int, base: int) -> int:
    away = (number - base) % RING
    return away if away < RING // 2 else away - RING


class Forged:
    """A forged segment that is on its way."""

    def __init__(
        self, sender: Forger, wait: Callable[[Callable[[], Answer | None], float], Answer | None]
    ) -> None:
        self._sender, self._wait = sender, wait

    def answer(self, timeout: float = 1.0) -> Answer | None:
        """The first segment that the other end sends after it; None if none comes in `timeout`
        seconds.
        """
        return self._wait(self._sender.answer, timeout)
