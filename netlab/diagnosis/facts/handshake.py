# SPDX-License-Identifier: GPL-2.0-or-later
"""Handshakes and listeners: queues, requests, and the ports that clients use."""

from __future__ import annotations

from netlab.diagnosis.facts.application import held
from netlab.diagnosis.facts.registry import Value, fact, of_figures
from netlab.diagnosis.facts.timing import RECENT, since
from netlab.diagnosis.observed import Listener, ObservedEnd
from netlab.model.tcp import State

REQUEST_TIMEOUT = 1.0  # seconds: TCP_TIMEOUT_INIT, doubled with each time-out of a request
#: What programs ask for, and what the kernel cuts it to (net.core.somaxconn): 128, later 4096.
BACKLOGS = frozenset(
    {5, 10, 16, 32, 50, 64, 100, 128, 200, 256, 300, 500, 511, 512, 1000, 1024, 2048, 4096}
)
SEVERAL = 3  # wait to be accepted: in a service that works, few looks meet two
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


@of_figures
def timed_out(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The timer of a request has fired, whether or not its SYN-ACK was sent again."""
    socket = own.socket
    if socket is None or own.state is not State.SYN_RECV:
        return None
    if socket.retransmits:
        return True
    return None if socket.remaining is None else socket.remaining > REQUEST_TIMEOUT + 0.1


@of_figures
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
    """Its accept queue, or that of a listener at its port, is full (sk_acceptq_is_full).

    With SO_REUSEPORT each listener of a port has a queue of its own.
    """
    socket, listener = own.socket, own.listener
    if own.state is State.LISTEN and socket and listener and listener.backlog is not None:
        return socket.rx_queue > socket.tx_queue
    return _overflows(own, listener)


@fact
def looks_full(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """As many wait as a usual backlog lets in, which is one more; the listing shows none."""
    listener = own.listener
    if own.socket is None or own.state is not State.LISTEN or listener is None:
        return False
    return listener.backlog is None and own.socket.rx_queue - 1 in BACKLOGS


@fact
def unclaimed(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """As many connections at its port as wait at this listener are held by no process."""
    socket, listener = own.socket, own.listener
    if own.state is not State.LISTEN or socket is None or listener is None or not listener.owner:
        return None
    ages = [since(each, "lastack") for each in own.host.unclaimed.get(socket.local[1], ())]
    known = [age for age in ages if age is not None]
    if len(ages) < socket.rx_queue:
        return False
    return min(known) >= RECENT if known else socket.rx_queue >= SEVERAL


@fact
def behind_full_queue(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The listener at its port looks full, or does not accept those that are there."""
    listener = own.listener
    if listener is None or listener.backlog is not None or not listener.waiting:
        return False
    return listener.waiting - 1 in BACKLOGS or bool(listener.owner)


@fact
def only_listener(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """No other port of its host is shown to have a listener."""
    return own.state is State.LISTEN and len(own.host.listeners) == 1


@fact
def still_waits(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Connections wait at this listener now, and as many or more than in the first look.

    Of few, each look may have met others, and whoever has waited all the time is shown, held by
    nobody. Only what its client has reset is not, and that says nothing until it is accepted.
    """
    socket, before = own.socket, own.before
    if own.state is not State.LISTEN or socket is None or before is None:
        return None
    if not socket.rx_queue >= before.rx_queue > 0:
        return False
    if socket.rx_queue >= SEVERAL or socket.inode is None:
        return True
    ages = [since(each, "lastack") for each in own.host.unclaimed.get(socket.local[1], ())]
    return any(age is None or age >= RECENT for age in ages)


@fact
def others_connected(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its host has ESTABLISHED connections to the endpoint that it wants to reach."""
    return own.socket is not None and own.host.census[State.ESTABLISHED][own.socket.remote] > 0


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
        return listener.full
    return None if own.host.risen is None else own.host.risen.get("ListenOverflows", 0) > 0


@fact
def requested(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its port has requests from the host of the other end, whose answers therefore do leave."""
    if peer is None or peer.socket is None:
        return None
    return (peer.socket.remote[1], peer.socket.local[0]) in own.host.requests


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
