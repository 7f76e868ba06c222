# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of TCP, as RFC 9293 and Linux use them."""

from __future__ import annotations

import enum


class State(enum.IntEnum):
    """A connection's state, numbered as in Linux (``include/net/tcp_states.h``).

    `CLOSED` also stands for a connection that is not there: RFC 9293, section 3.3.2, calls it
    fictional "because it represents the state when there is no TCB".
    """

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT1 = 4
    FIN_WAIT2 = 5
    TIME_WAIT = 6
    CLOSED = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11

    def __str__(self) -> str:
        return self.name


#: The states in which a segment of one's own waits for its acknowledgment, so that Linux sends
#: it again: the SYN, the SYN-ACK, or the FIN.
RETRANSMITTING = frozenset(
    {State.SYN_SENT, State.SYN_RECV, State.FIN_WAIT1, State.CLOSING, State.LAST_ACK}
)


class Segment(enum.Flag):
    """A class of segments: the control bits that matter to a connection's state, and payload.

    Bits of one segment are joined with ``|`` (``SYN | ACK``). `FIN` and `RST` alone match with or
    without ACK, since Linux sends no FIN without it; `ACK` alone is an acknowledgment without
    data, `DATA` a segment with payload and none of SYN, FIN, RST. `ANY` is every segment.
    """

    ANY = 0
    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    ACK = 0x10
    DATA = 0x100

    @property
    def compared(self) -> Segment:
        """The control bits that are looked at."""
        if self is Segment.ANY:
            return Segment.ANY
        if self in (Segment.FIN, Segment.RST, Segment.DATA):
            return Segment.FIN | Segment.SYN | Segment.RST
        return CONTROL

    @property
    def bits(self) -> Segment:
        """The control bits that must be set among `compared`."""
        return self & ~Segment.DATA

    @property
    def payload(self) -> bool | None:
        """True: only with payload; False: only without; None: not looked at."""
        return {Segment.ACK: False, Segment.DATA: True}.get(self)

    def __str__(self) -> str:
        return "|".join(name for name in WRITTEN_ORDER if Segment[name] in self) or "ANY"


CONTROL = Segment.FIN | Segment.SYN | Segment.RST | Segment.ACK
WRITTEN_ORDER = ("SYN", "FIN", "RST", "DATA", "ACK")  # as people say them: SYN|ACK, FIN|ACK

SYN, FIN, RST, ACK, DATA, ANY = (
    Segment.SYN,
    Segment.FIN,
    Segment.RST,
    Segment.ACK,
    Segment.DATA,
    Segment.ANY,
)

#: Every combination that a real stack sends and that a fault may name.
NAMEABLE = (SYN, SYN | ACK, ACK, DATA, FIN, FIN | ACK, RST, RST | ACK, ANY)


class Timer(enum.IntEnum):
    """The timer a socket waits for: column ``tr`` (``net/ipv4/tcp_ipv4.c``, get_tcp4_sock)."""

    NONE = 0
    RETRANSMIT = 1  # or tail loss probe, which does not raise `retransmits`
    KEEPALIVE = 2  # or a listener's: SYN-ACKs are re-sent by a timer of each request
    TIME_WAIT = 3  # an orphaned FIN_WAIT2 too
    PROBE = 4  # zero window, or a segment the own firewall refused to send

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


def why_unreachable(client: State, server: State) -> str | None:
    """Why no sequence of segments leads to this pair, or None where one does.

    Each sentence is the invariant that forbids the pair (RFC 9293, section 3.3.2 and Figure 5);
    `netlab.atlas.model` explores two endpoints exhaustively and finds the same 79 of 110.
    """
    return _one_way(client, server) or _one_way(server, client)


def _one_way(one: State, other: State) -> str | None:
    s = State
    if one is s.LISTEN and other is s.LISTEN:
        return "two listeners have no connection with each other"
    if one is s.FIN_WAIT2 and other in (
        s.SYN_RECV,
        s.ESTABLISHED,
        s.FIN_WAIT1,
        s.FIN_WAIT2,
    ):
        return f"FIN_WAIT2 needs a peer that took the FIN, and {other} has not"
    if one is s.CLOSE_WAIT and other in (
        s.ESTABLISHED,
        s.CLOSE_WAIT,
        s.LAST_ACK,
        s.CLOSING,
        s.TIME_WAIT,
    ):
        return f"CLOSE_WAIT needs a peer that sent its FIN first and has none back, not {other}"
    if one is s.TIME_WAIT and other in (
        s.SYN_RECV,
        s.ESTABLISHED,
        s.FIN_WAIT1,
        s.FIN_WAIT2,
    ):
        return f"TIME_WAIT needs a peer that took the FIN and sent its own, and {other} has not"
    if one is s.ESTABLISHED and other in (s.LAST_ACK, s.CLOSING):
        return f"{other} needs a peer that sent a FIN, and ESTABLISHED has not"
    if one is s.LAST_ACK and other is s.CLOSING:
        return "every FIN of LAST_ACK acknowledges the peer's, and CLOSING took one that did not"
    if one is s.LAST_ACK and other is s.LAST_ACK:
        return "each side would have to take the other's FIN before sending its own"
    return None
