# SPDX-License-Identifier: GPL-2.0-or-later
"""What crossed the wire: one record a packet, from the frames that each end and each rule saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netlab.evidence import Recording
from netlab.tcp import Segment


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
    segment: Segment  # its control bits; ANY where it is no TCP segment
    pushed: bool  # PSH
    sequence: int  # relative to the sender's first (RFC 9293 calls that ISS)
    acknowledgment: int | None  # relative to the other end's first; None without ACK
    window: int  # as in the header, without its scale
    length: int  # bytes of payload
    resent: int  # how often the same sequence numbers had left this end before
    ours: bool  # belongs to the connection that the recording is about
    text: str  # what it is, where it is no TCP segment: ICMP port unreachable

    @property
    def at(self) -> float:
        """When it was first seen."""
        times = (self.sent, self.arrived, self.dropped)
        return min(time for time in times if time is not None)


def packets(recording: Recording) -> Sequence[Packet]:
    """Every packet of a recording, in the order in which they were first seen."""
    raise NotImplementedError(recording)
