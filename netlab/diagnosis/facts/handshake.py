# SPDX-License-Identifier: GPL-2.0-or-later
"""Handshakes and listeners: queues, requests, and the ports that clients use."""

from __future__ import annotations

from netlab.diagnosis.facts.application import held
from netlab.diagnosis.facts.registry import Value, fact
from netlab.diagnosis.observed import Listener, ObservedEnd
from netlab.model.tcp import State

REQUEST_TIMEOUT = 1.0  # seconds: TCP_TIMEOUT_INIT, doubled with each time-out of a request
MOST_RETRANSMITS = 255  # icsk_retransmits has 8 bits


@fact
def port_chosen(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its port is not ephemeral: a program chose it, and may have used it before."""
    if own.socket is None:
        return None
    first, last = own.host.ports
    return not first <= own.socket.local[1] <= last


@fact
def with_itself(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Both ends are the same socket."""
    return own.socket is not None and own.socket.local == own.socket.remote


@fact
def timed_out(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The timer of a request has fired, whether or not its SYN-ACK was sent again."""
    socket = own.socket
    if socket is None or own.state is not State.SYN_RECV:
        return None
    if (socket.retransmits or 0) >= 1:
        return True
    return None if socket.remaining is None else socket.remaining > REQUEST_TIMEOUT + 0.1


@fact
def answers_more(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """A request's SYN-ACK was sent more often than its timer can have fired: the SYN is repeated.

    Each SYN is answered. If only the timer sends, n times, it is set to 2^n seconds after that.
    """
    socket = own.socket
    if socket is None or not socket.remaining or not socket.retransmits or held(own, peer):
        return None
    half = (
        2 ** (min(socket.retransmits, MOST_RETRANSMITS) / 2) * REQUEST_TIMEOUT
    )  # as many SYNs as time-outs
    return socket.remaining <= half if socket.retransmits >= 2 else None


@fact
def overflows(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The accept queue of its port is full (sk_acceptq_is_full)."""
    listener = own.listener
    return _overflows(own, listener)


@fact
def port_overflows(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The accept queue of the port here that the other end wants to reach is full."""
    if peer is None or peer.socket is None:
        return None
    return _overflows(own, own.host.listeners.get(peer.socket.remote[1]))


def _overflows(own: ObservedEnd, listener: Listener | None) -> Value:
    if listener is None:
        return False
    if listener.waiting == 0:
        return False
    if listener.backlog is not None:
        return listener.waiting > listener.backlog
    return None if own.host.risen is None else own.host.risen.get("ListenOverflows", 0) > 0


@fact
def flooded(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its port has as many requests as its backlog allows (inet_csk_reqsk_queue_is_full)."""
    return _flooded(own.listener)


@fact
def port_flooded(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The port here that the other end wants has as many requests as its backlog allows."""
    if peer is None or peer.socket is None:
        return None
    return _flooded(own.host.listeners.get(peer.socket.remote[1]))


def _flooded(listener: Listener | None) -> Value:
    if listener is None or listener.requests < 2:
        return False
    return listener.requests >= listener.backlog if listener.backlog else listener.requests >= 128
