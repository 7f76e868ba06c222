# SPDX-License-Identifier: GPL-2.0-or-later
"""The timestamp that a host should echo, by RFC 7323: what an answer is compared with."""

from __future__ import annotations

from netlab.conformance.speech import SaidSegment
from netlab.packets.headers import ACK, FIN, RST, SYN, Headers
from netlab.packets.sequence import is_behind

#: Bytes that an ACK may be behind (RFC 5961, section 5.2: MAX.SND.WND), without a scaled window.
WINDOW = 65535


class Recent:
    """The host's TS.Recent, as it follows from what was said to it, and from its answers."""

    def __init__(self, next_number: int) -> None:
        self.stamp = 0  # before there is any
        self._acknowledged = next_number  # by the host (Last.ACK.sent)
        self._first: int | None = None  # the number of the host's SYN
        self._finished = False  # the host has been sent a FIN

    def hear(self, answer: Headers) -> None:
        """Take what the host has answered."""
        if answer.bits & SYN:
            self._first = answer.sequence
        if answer.bits & ACK and not answer.bits & RST:
            self._acknowledged = answer.acknowledgment

    def say(
        self, said: SaidSegment, sequence: int, acknowledged: int, stamp: int, room: int
    ) -> None:
        """Take a segment that is sent to the host with this timestamp.

        `sequence` and `acknowledged` are its absolute numbers, `room`: bytes that the host takes.
        """
        if said.intact and self._is_kept(said, sequence, acknowledged, stamp, room):
            self.stamp = stamp
        self._finished |= bool(said.bits & FIN and not said.seq and said.intact)

    def _is_kept(
        self, said: SaidSegment, sequence: int, acknowledged: int, stamp: int, room: int
    ) -> bool:
        """R1 to R3 of RFC 7323, section 5.3, where nothing else has the segment dropped."""
        if said.bits & SYN:
            return not self.stamp
        if not said.bits & ACK or not -WINDOW < said.ack <= 0:
            return False
        if self._first is not None and is_behind(acknowledged, self._first):
            return False
        length = said.data + bool(said.bits & FIN)
        if length:
            fits = bool(room) and not self._finished and -length < said.seq <= 0
        else:
            fits = not said.seq
        return (
            fits
            and not is_behind(stamp, self.stamp)
            and not is_behind(self._acknowledged, sequence)
        )
