# SPDX-License-Identifier: GPL-2.0-or-later
"""One end of a connection, as RFC 9293 describes it with Linux's specifics: a function of events.

An application's call, the arrival of a segment and the passing of time each turn an endpoint into
another one, plus packets. Nothing here knows of loss or of the other end.

Numbers are reduced to what matters. An incarnation stands for an initial sequence number; a packet
states which incarnation sent it, which one of the receiver it acknowledges, and whether that covers
the receiver's data and its FIN. Section numbers are those of RFC 9293, functions those of Linux.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from netlab.model.tcp import ACK, DATA, FIN, RST, SYN, Segment, State

S = State
#: The peer's FIN has been received.
PEER_DONE = frozenset({S.CLOSE_WAIT, S.LAST_ACK, S.CLOSING, S.TIME_WAIT})
#: This end's FIN is not acknowledged yet.
FIN_OUT = frozenset({S.FIN_WAIT1, S.CLOSING, S.LAST_ACK})
#: tcp_need_reset(): an abort sends the peer a RST.
TELLS_ABORT = frozenset({S.SYN_RECV, S.ESTABLISHED, S.CLOSE_WAIT, S.FIN_WAIT1, S.FIN_WAIT2})
MAY_SEND = frozenset({S.ESTABLISHED, S.CLOSE_WAIT})


class InFlight(NamedTuple):
    """A segment on its way."""

    kind: Segment  # SYN, SYN|ACK, ACK, DATA, FIN, RST
    sender: int  # the incarnation whose number it carries
    acks: int = 0  # the receiver's incarnation that it acknowledges; 0: none
    acks_data: bool = False
    acks_fin: bool = False
    after_data: bool = False  # of a FIN: data was sent before it


class Act(NamedTuple):
    """The endpoint after an event, and what it sends."""

    after: Endpoint
    sent: tuple[InFlight, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything that decides what one end does next."""

    state: State = S.CLOSED
    listening: bool = False
    owned: bool = False  # an application holds the socket
    request: bool = False  # SYN_RECV before there is a socket
    me: int = 0
    peer: int = 0
    born: int = 0  # incarnations so far
    sent_data: bool = False
    data_out: bool = False  # data is not acknowledged yet
    got_data: bool = False

    @property
    def shown(self) -> State:
        """The state that a table of sockets shows."""
        return S.LISTEN if self.state is S.CLOSED and self.listening else self.state

    # --- packets it can make

    def _packet(self, kind: Segment) -> InFlight:
        return InFlight(
            kind,
            self.me,
            0 if kind is SYN else self.peer,
            self.got_data,
            self.state in PEER_DONE,
            kind is FIN and self.sent_data,
        )

    def resent(self) -> tuple[InFlight, ...]:
        """The segments that the retransmission timer sends in this state (section 3.8.1)."""
        match self.state:
            case S.SYN_SENT:
                return (self._packet(SYN),)
            case S.SYN_RECV:
                return (self._packet(SYN | ACK),)
        first = (self._packet(DATA),) if self.data_out else ()
        return (*first, self._packet(FIN)) if self.state in FIN_OUT else first

    def _gone(self) -> Endpoint:
        return Endpoint(listening=self.listening, born=self.born)

    # --- calls of applications (section 3.9.1)

    def act(self, action: str) -> Act | None:
        """An application's call, or None where there is nothing to call it on."""
        return _CALLS[action](self)

    def _listen(self) -> Act | None:
        return None if self.listening else Act(replace(self, listening=True))

    def _unlisten(self) -> Act | None:
        return Act(replace(self, listening=False)) if self.listening else None

    def _connect(self) -> Act | None:
        if self.state is not S.CLOSED or self.listening:
            return None
        number = self.born + 1
        after = Endpoint(S.SYN_SENT, owned=True, me=number, born=number)
        return Act(after, after.resent())

    def _send(self) -> Act | None:
        if self.state not in MAY_SEND or not self.owned or self.sent_data:
            return None
        after = replace(self, sent_data=True, data_out=True)
        return Act(after, after.resent())

    def _shutdown(self) -> Act | None:
        if not self.owned or self.state not in MAY_SEND:
            return None  # in SYN_RECV Linux defers it (6.10), before that it is FIN_WAIT1
        return self._finish()

    def _finish(self) -> Act:
        ending = S.LAST_ACK if self.state is S.CLOSE_WAIT else S.FIN_WAIT1
        after = replace(self, state=ending)
        return Act(after, (after._packet(FIN),))

    def _close(self) -> Act | None:
        if not self.owned:
            return None
        if self.state is S.SYN_SENT:
            return Act(self._gone())
        orphan = replace(self, owned=False)
        if self.state in MAY_SEND or self.state is S.SYN_RECV:
            return orphan._finish()
        return Act(orphan)

    def _abort(self) -> Act | None:
        if not self.owned:
            return None
        told = (InFlight(RST, self.me, self.peer),) if self.state in TELLS_ABORT else ()
        return Act(self._gone(), told)

    def _vanish(self) -> Act | None:
        return Act(self._gone()) if self.owned else None

    # --- time (section 3.8)

    def expire(self) -> Act | None:
        """The end of a state that ends by itself, or None: time-outs, orphans, TIME_WAIT."""
        ends = self.state in (S.SYN_SENT, S.SYN_RECV, S.TIME_WAIT) or (
            not self.owned and self.state in (*FIN_OUT, S.FIN_WAIT2)
        )
        return Act(self._gone()) if ends else None

    def forgotten(self) -> Act | None:
        """The end of a request without a listener, at its timer (reqsk_timer_handler), or None."""
        lost = self.state is S.SYN_RECV and self.request and not self.listening
        return Act(self._gone()) if lost else None

    # --- segments (section 3.10.7)

    def receive(self, packet: InFlight) -> Act:
        """The effect of an arriving segment."""
        if packet.kind is RST:
            return self._reset(packet)
        match self.state:
            case S.CLOSED:
                return self._unconnected(packet)
            case S.SYN_SENT:
                return self._opening(packet)
            case S.SYN_RECV if self.request:
                return self._requested(packet)
            case S.TIME_WAIT:
                return self._waiting(packet)
        return self._synchronized(packet)

    def _reset(self, packet: InFlight) -> Act:
        if self.state is S.SYN_SENT:
            believed = packet.acks == self.me
        else:
            believed = self.state is not S.CLOSED and packet.sender == self.peer
        return Act(self._gone()) if believed else Act(self)

    def _refusal(self, packet: InFlight) -> tuple[InFlight, ...]:
        if packet.kind is SYN:
            return (InFlight(RST, 0, packet.sender),)
        return (InFlight(RST, packet.acks),)

    def _unconnected(self, packet: InFlight) -> Act:
        if not self.listening or packet.kind is not SYN:
            return Act(self, self._refusal(packet))
        number = self.born + 1
        after = Endpoint(S.SYN_RECV, True, request=True, me=number, peer=packet.sender, born=number)
        return Act(after, after.resent())

    def _opening(self, packet: InFlight) -> Act:
        if packet.kind is SYN:  # simultaneous open
            after = replace(self, state=S.SYN_RECV, peer=packet.sender)
            return Act(after, after.resent())
        if packet.acks != self.me:
            return Act(self, self._refusal(packet))
        if packet.kind == SYN | ACK:
            after = replace(self, state=S.ESTABLISHED, peer=packet.sender)
            return Act(after, (after._packet(ACK),))
        return Act(self)

    def _requested(self, packet: InFlight) -> Act:
        if not self.listening:  # the segment finds no listener, and the request is dropped
            return self._gone()._unconnected(packet)
        if packet.kind is SYN:
            again = self.resent() if packet.sender == self.peer else (self._packet(ACK),)
            return Act(self, again)
        if packet.sender != self.peer:
            return Act(self, (self._packet(ACK),))
        if packet.acks != self.me:
            return Act(self, self._refusal(packet))
        done = replace(self, state=S.ESTABLISHED, request=False, owned=True)
        return done._synchronized(packet)

    def _waiting(self, packet: InFlight) -> Act:
        if packet.kind is SYN and self.listening and packet.sender != self.peer:
            return self._gone()._unconnected(packet)  # TCP_TW_SYN
        return Act(self) if packet.kind is ACK else Act(self, (self._packet(ACK),))

    def _synchronized(self, packet: InFlight) -> Act:
        if SYN in packet.kind:
            if self.state is S.SYN_RECV and packet.acks == self.me:
                after = replace(self, state=S.ESTABLISHED, peer=packet.sender)
                return Act(after, (after._packet(ACK),))
            return Act(self, (self._packet(ACK),))  # a challenge (RFC 5961, section 4)
        if packet.sender != self.peer:
            return Act(self, (self._packet(ACK),))
        if packet.acks != self.me:
            return Act(self, self._refusal(packet)) if self.state is S.SYN_RECV else Act(self)
        return self._acknowledged(packet)._payload(packet)

    def _acknowledged(self, packet: InFlight) -> Endpoint:
        after = self
        if self.state is S.SYN_RECV:
            after = replace(after, state=S.ESTABLISHED)
        if packet.acks_data:
            after = replace(after, data_out=False)
        if packet.acks_fin:
            covered = {S.FIN_WAIT1: S.FIN_WAIT2, S.CLOSING: S.TIME_WAIT, S.LAST_ACK: S.CLOSED}
            state = covered.get(after.state, after.state)
            after = after._gone() if state is S.CLOSED else replace(after, state=state)
        return after

    def _payload(self, packet: InFlight) -> Act:
        if packet.kind is DATA and self.state in (S.ESTABLISHED, S.FIN_WAIT1, S.FIN_WAIT2):
            if not self.owned:  # no application will read it: TCPABORTONDATA
                return Act(self._gone(), (InFlight(RST, self.me, self.peer),))
            after = replace(self, got_data=True)
            return Act(after, (after._packet(ACK),))
        if packet.kind is not FIN:
            return Act(self, (self._packet(ACK),) if packet.kind is DATA else ())
        if packet.after_data and not self.got_data:
            return Act(self, (self._packet(ACK),))  # out of order
        taken = {
            S.ESTABLISHED: S.CLOSE_WAIT,
            S.FIN_WAIT1: S.CLOSING,
            S.FIN_WAIT2: S.TIME_WAIT,
        }
        if self.state is S.CLOSED:
            return Act(self)
        after = replace(self, state=taken.get(self.state, self.state))
        return Act(after, (after._packet(ACK),))


_CALLS: Mapping[str, Callable[[Endpoint], Act | None]] = {
    "listen": Endpoint._listen,
    "unlisten": Endpoint._unlisten,
    "connect": Endpoint._connect,
    "send": Endpoint._send,
    "shutdown": Endpoint._shutdown,
    "close": Endpoint._close,
    "abort": Endpoint._abort,
    "vanish": Endpoint._vanish,
}
#: The calls of an application, gentlest first: a search that finds two ways takes the first.
CALLS = tuple(_CALLS)
