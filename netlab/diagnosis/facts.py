# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rules ask about a connection: one word for each thing that its sockets tell.

A fact is True, False, a number or a word; None where the sources do not say. `own` is the end that
a rule is about, `peer` the other one, or None where nothing is known of it. How each was measured
is in the catalogue of facts that netlab grew from; what the kernel does is named beside it.
"""

from __future__ import annotations

from collections.abc import Callable

from netlab.diagnosis.ends import RECENT, End, Listener, Value, since
from netlab.diagnosis.sending import (
    fresh,
    insists,
    overdue,
    refused,
    repeated,
    repeats,
    stalled,
    zero_window,
)
from netlab.tcp import State, Timer

REQUEST_TIMEOUT = 1.0  # seconds: TCP_TIMEOUT_INIT, doubled with each time-out of a request
YOUNG = 0.2  # seconds: less than that is no age for a state
CROWD = 10  # sockets of one service that wait to be closed: nobody closes so many so slowly
FIN_TIMEOUT = 60.0  # tcp_fin_timeout, where the snapshot does not say
#: Segments that come to a connection in all order without data: of a handshake two, and a FIN.
ORDERLY = 3

Fact = Callable[[End, End | None], Value]


def _attribute(name: str) -> Fact:
    def fact(own: End, peer: End | None) -> Value:
        value = getattr(own.socket, name) if own.socket else None
        return str(value) if isinstance(value, Timer) else value

    return fact


def _info(name: str) -> Fact:
    def fact(own: End, peer: End | None) -> Value:
        return own.socket.info.get(name) if own.socket else None

    return fact


def held(own: End, peer: End | None) -> Value:
    """A process has a descriptor for it. Not: it is closed, or nobody has accepted it."""
    socket = own.socket
    if socket is None:
        return False
    if socket.owner or socket.inode:
        return True
    return None if socket.inode is None else False


def quiet(own: End, peer: End | None) -> float | None:
    """Seconds since anything was sent, heard, or acknowledged."""
    return _least(own, "lastsnd", "lastrcv", "lastack")


def unheard(own: End, peer: End | None) -> float | None:
    """Seconds since anything was heard of the other end."""
    return _least(own, "lastrcv", "lastack")


def _least(own: End, *names: str) -> float | None:
    if own.socket is None:
        return None
    ages = [age for name in names if (age := since(own.socket, name)) is not None]
    return min(ages) if ages else None


def young(own: End, peer: End | None) -> Value:
    """It has heard of the other end just now, so its state may be passing by."""
    if own.before is not None and own.before.state is own.state:
        return False
    if crowd(own, peer) >= CROWD:
        return False
    age = unheard(own, peer)
    again = surplus(own, peer)
    if again is not None and again >= 2:  # it hears repetitions
        return False
    return None if age is None else age < YOUNG


def crowd(own: End, peer: End | None) -> int:
    """How many sockets of its service are in CLOSE_WAIT as it is, each with a descriptor. A healthy
    service closes within milliseconds, so that one look hardly meets two.
    """
    if own.socket is None or own.state is not State.CLOSE_WAIT or held(own, peer) is False:
        return 0
    crowds = own.host.crowds
    return max(crowds[own.socket.local[1]], crowds[own.socket.remote])


def stays(own: End, peer: End | None) -> Value:
    """It was there, in the same state, at the look before."""
    if own.elapsed is None:
        return None
    return own.before is not None and own.before.state is own.state


def hears(own: End, peer: End | None) -> Value:
    """Segments arrived at it between the looks."""
    if own.before is None or own.socket is None:
        return None
    now, then = own.socket.info.get("segs_in"), own.before.info.get("segs_in")
    return None if now is None or then is None else now > then


def surplus(own: End, peer: End | None) -> float | None:
    """Segments that came to it and that an orderly connection does not need: repetitions."""
    if own.socket is None or "segs_in" not in own.socket.info:
        return None
    info = own.socket.info
    answers = info.get("data_segs_in", 0) + info.get("data_segs_out", 0)
    return info["segs_in"] - answers - ORDERLY


def unread(own: End, peer: End | None) -> Value:
    """Data has stood in its queue for a second or more, or nothing was read between the looks."""
    socket, before = own.socket, own.before
    if socket is None or socket.rx_queue == 0:
        return False
    if before is not None:
        received = socket.info.get("bytes_received"), before.info.get("bytes_received")
        if before.rx_queue == 0 or received[0] is None or received[1] is None:
            return False if before.rx_queue == 0 else None
        return received[0] - socket.rx_queue <= received[1] - before.rx_queue
    age = since(socket, "lastrcv")
    return None if age is None else age >= 1.0


def active(own: End, peer: End | None) -> Value:
    """Data went either way just now, or between the looks, and is not only repeated."""
    socket, before = own.socket, own.before
    if socket is None or repeats(own, peer):
        return False
    if before is not None and before.info and socket.info:
        return any(
            socket.info.get(name, 0) > before.info.get(name, 0)
            for name in ("data_segs_in", "data_segs_out")
        )
    if crowd(own, peer) >= CROWD:  # requests that came lately and are still to be closed
        sent = since(socket, "lastsnd") if socket.info.get("data_segs_out") else None
        return sent is not None and sent < YOUNG
    ages = [since(socket, "lastrcv") if socket.info.get("data_segs_in") else None]
    ages.append(since(socket, "lastsnd") if socket.info.get("data_segs_out") else None)
    known = [age for age in ages if age is not None]
    return min(known) < RECENT if known else None


def unaccepted(own: End, peer: End | None) -> Value:
    """It has been in the accept queue for a second or more."""
    owned = held(own, peer)
    if owned is not False:
        return None if owned is None else False
    if own.elapsed is not None and own.elapsed >= 1.0:
        return stays(own, peer)
    age = quiet(own, peer)
    return None if age is None else age >= 1.0


def all_arrived(own: End, peer: End | None) -> Value:
    """Every byte that it sent is at the other end: then it is the answers that are lost."""
    if own.socket is None or peer is None or peer.socket is None:
        return None
    mine, theirs = own.socket.info, peer.socket.info
    if "bytes_sent" in mine and (theirs or peer.state is not State.TIME_WAIT):
        sent = mine["bytes_sent"] - mine.get("bytes_retrans", 0)
        return theirs.get("bytes_received", 0) >= sent if theirs else None
    if own.state is State.ESTABLISHED and peer.socket.rx_queue >= own.socket.tx_queue > 0:
        return True
    return None


def large(own: End, peer: End | None) -> Value:
    """What it repeats fills a segment."""
    if own.socket is None:
        return None
    size = own.socket.info.get("mss")
    return None if size is None else own.socket.tx_queue >= size


def idle_before(own: End, peer: End | None) -> Value:
    """Seconds that the connection had been silent when what is being repeated was sent first."""
    if own.socket is None or not own.socket.retransmits:
        return None
    silence, timeout = unheard(own, peer), own.socket.info.get("rto")
    if silence is None or timeout is None:
        return None
    repeating = 2 * timeout - (own.socket.remaining or 0)  # each time-out is twice the last
    return max(0.0, silence - repeating)


def unanswered(own: End, peer: End | None) -> Value:
    """Its keepalive probes are not answered."""
    if own.socket is None or own.socket.timer is not Timer.KEEPALIVE:
        return False
    return (own.socket.probes or 0) >= 1


def port_chosen(own: End, peer: End | None) -> Value:
    """Its port is none of those that the kernel gives to clients: it may have been used before."""
    if own.socket is None:
        return None
    first, last = own.host.ports
    return not first <= own.socket.local[1] <= last


def timed_out(own: End, peer: End | None) -> Value:
    """The timer of a request has fired, whether or not its SYN-ACK was sent again."""
    socket = own.socket
    if socket is None or own.state is not State.SYN_RECV:
        return None
    if (socket.retransmits or 0) >= 1:
        return True
    return None if socket.remaining is None else socket.remaining > REQUEST_TIMEOUT + 0.1


def answers_more(own: End, peer: End | None) -> Value:
    """A request's SYN-ACK was sent more often than its timer may have fired: the SYN is repeated,
    and each one answered. Where only the timer sends, n times, it is set to 2^n seconds then.
    """
    socket = own.socket
    if socket is None or not socket.remaining or not socket.retransmits or held(own, peer):
        return None
    half = 2 ** (socket.retransmits / 2) * REQUEST_TIMEOUT  # as many SYNs as time-outs
    return socket.remaining <= half if socket.retransmits >= 2 else None


def waited(own: End, peer: End | None) -> Value:
    """Seconds that an orphaned FIN_WAIT2 has waited (its timer counts down), or any has heard
    nothing.
    """
    if own.socket is None:
        return None
    if own.socket.timer is Timer.TIME_WAIT and own.socket.remaining is not None:
        whole = float(own.host.sysctls.get("tcp_fin_timeout", FIN_TIMEOUT))
        return max(0.0, whole - own.socket.remaining)
    return unheard(own, peer)


def overflows(own: End, peer: End | None) -> Value:
    """The accept queue of its port is full (sk_acceptq_is_full)."""
    listener = own.listener
    return _overflows(own, listener)


def port_overflows(own: End, peer: End | None) -> Value:
    """The accept queue of the port is full that the other end wants to reach: own listens."""
    if peer is None or peer.socket is None:
        return None
    return _overflows(own, own.host.listeners.get(peer.socket.remote[1]))


def _overflows(own: End, listener: Listener | None) -> Value:
    if listener is None:
        return False
    if listener.waiting == 0:
        return False
    if listener.backlog is not None:
        return listener.waiting > listener.backlog
    return None if own.host.risen is None else own.host.risen.get("ListenOverflows", 0) > 0


def flooded(own: End, peer: End | None) -> Value:
    """As many requests stand at its port as its backlog allows (inet_csk_reqsk_queue_is_full)."""
    return _flooded(own.listener)


def port_flooded(own: End, peer: End | None) -> Value:
    """As many requests stand at the port that the other end wants to reach: own listens."""
    if peer is None or peer.socket is None:
        return None
    return _flooded(own.host.listeners.get(peer.socket.remote[1]))


def _flooded(listener: Listener | None) -> Value:
    if listener is None or listener.requests < 2:
        return False
    return listener.requests >= listener.backlog if listener.backlog else listener.requests >= 128


def with_itself(own: End, peer: End | None) -> Value:
    """Both ends are the same socket."""
    return own.socket is not None and own.socket.local == own.socket.remote


FACTS: dict[str, Fact] = {
    **{name: _attribute(name) for name in (
        "timer", "remaining", "retransmits", "probes", "tx_queue", "rx_queue",
    )},
    **{name: _info(name) for name in (
        "segs_in", "segs_out", "data_segs_in", "data_segs_out", "bytes_acked", "bytes_received",
        "lastsnd", "lastrcv", "lastack", "sacked", "mss", "pmtu", "unacked", "lost",
    )},
    "state": lambda own, peer: str(own.state),
    **{fact.__name__: fact for fact in (
        repeats, overdue, insists, fresh, repeated, zero_window, stalled, refused, held, quiet,
        unheard, young, crowd, stays, hears, surplus, unread, active, unaccepted, all_arrived,
        large, idle_before, unanswered, port_chosen, timed_out, answers_more, waited, overflows,
        port_overflows, flooded, port_flooded, with_itself,
    )},
}  # fmt: skip
