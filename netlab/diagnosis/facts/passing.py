# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a state may be one in passing: any network takes time, and loses a packet at times."""

from __future__ import annotations

from netlab.diagnosis.facts.registry import Value, fact
from netlab.diagnosis.observed import ObservedEnd, ObservedHost, tries
from netlab.model.tcp import State
from netlab.snapshot.records import Endpoint, Socket

#: States without a timer of their own: only figures tell how long an end has been in one.
UNTIMED = (State.CLOSE_WAIT, State.FIN_WAIT2)
WELL = (State.ESTABLISHED, State.TIME_WAIT)
MANY = 10  # connections
OPENING = (State.SYN_SENT, State.SYN_RECV)


@fact
def passing(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It tried again as often as one loss needs, or for an unknown time, and others live.

    One loss is normal, and so is to meet a few connections on their way to the next state.
    """
    socket = own.socket
    if socket is None or own.state is State.LISTEN:
        return False
    if own.before is not None:
        return own.before.state is not own.state and tries(socket) <= _normal(own, peer)
    if not ages(socket):
        return own.elapsed is not None or _one_of_few(own, peer)
    if own.state in UNTIMED:
        return None
    if tries(socket) > _normal(own, peer) or _insists_beside(own):
        return False
    return works(own, peer) or (own.state in OPENING and _path_works(own))


def ages(socket: Socket) -> bool:
    """Whether anything shows how long a socket has been in its state."""
    if socket.info or socket.state in UNTIMED:
        return bool(socket.info) or tries(socket) >= 1
    return socket.timer is not None or socket.retransmits is not None


def _normal(own: ObservedEnd, peer: ObservedEnd | None) -> int:
    """How often an end tries again at most before the loss of one packet is mended.

    A SYN-ACK is sent again by its own timer, and for each SYN (num_retrans of a request). Of the
    many SYNs to a service that works, some are lost twice in a row.
    """
    twice = own.state is State.SYN_RECV or (own.state is State.SYN_SENT and works(own, peer))
    return 2 if twice else 1


def _insists_beside(own: ObservedEnd) -> bool:
    """Whether another connection of its service has tried oftener in this state: so will this.

    Of SYNs, whether one has been lost thrice in a row, or more than one twice.
    """
    assert own.socket is not None
    host, keys = own.host, (own.socket.local[1], own.socket.remote)
    most = max(host.tried[key, own.state] for key in keys)
    if own.state is State.SYN_SENT:
        return most > 2 or max(host.tried_again[key, own.state] for key in keys) > 1
    return most > _normal(own, None)


def _path_works(own: ObservedEnd) -> bool:
    """Whether so many others are heard from the same host that one of them loses a packet."""
    assert own.socket is not None
    return own.host.lively[own.socket.remote[0]] >= MANY


def works(own: ObservedEnd, peer: ObservedEnd | None) -> bool:
    """Whether other connections of its service were heard, or ended in good order, just now."""
    assert own.socket is not None
    local, remote = own.socket.local, own.socket.remote
    return _others_live(own, local[1], remote) or (
        peer is not None and _others_live(peer, remote[1], local)
    )


def program_works(own: ObservedEnd) -> bool:
    """Whether the process that holds it has just heard of as many other connections, of whatever
    service, as of its own service are in its state.
    """
    assert own.socket is not None
    socket, host = own.socket, own.host
    if not socket.owner:
        return False
    itself = own.state is State.ESTABLISHED and host.is_lively(socket)
    alike = _most(host, socket.local[1], socket.remote, own.state)
    return host.served[socket.owner] - itself >= max(1, alike)


def outnumbered(own: ObservedEnd) -> bool:
    """Whether no more of its service are in its state than live or ended in good order."""
    assert own.socket is not None
    local, remote = own.socket.local, own.socket.remote
    alike = _most(own.host, local[1], remote, own.state)
    return alike <= _most(own.host, local[1], remote, *WELL)


def _others_live(end: ObservedEnd, port: int, remote: Endpoint) -> bool:
    """Whether others than this connection use a port of a host, or an endpoint that it reaches.

    Where the accept queue is full, those that came before may be well, and nobody else gets in.
    """
    host = end.host
    listener = host.listeners.get(port)
    if listener is not None and listener.full:
        return False
    itself = end.socket is not None and host.is_lively(end.socket)
    return max(host.lively[port], host.lively[remote]) > itself


def _one_of_few(own: ObservedEnd, peer: ObservedEnd | None) -> bool:
    """Whether it is one of a few, and twice as many of its service live or ended in good order.

    Or it is the only one of its service in this state, on a host with many that live.
    """
    assert own.socket is not None
    local, remote = own.socket.local, own.socket.remote
    alike = _most(own.host, local[1], remote, own.state)
    if alike >= MANY:
        return False
    well = _most(own.host, local[1], remote, *WELL)
    if peer is not None:
        well = max(well, _most(peer.host, remote[1], local, *WELL))
    return 2 * alike <= well or (alike == 1 and own.host.well >= MANY)


def _most(host: ObservedHost, port: int, remote: Endpoint, *states: State) -> int:
    """How many connections in these states a host has at a port of its own, or to an endpoint."""
    here = there = 0
    for state in states:
        census = host.census[state]
        here += census[port]
        there += census[remote]
    return max(here, there)


def one_of_few_with_data(own: ObservedEnd) -> bool:
    """Whether most connections of its service have nothing to send: it is the next message."""
    assert own.socket is not None
    port, remote = own.socket.local[1], own.socket.remote
    same = own.host.census[own.state]
    most = port if same[port] >= same[remote] else remote
    return 2 * own.host.sending[most, own.state] < same[most]
