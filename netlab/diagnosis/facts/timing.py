# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts about how long an end has been silent, and what has arrived at it."""

from __future__ import annotations

from netlab.diagnosis.facts.registry import Value, of_figures
from netlab.diagnosis.observed import ObservedEnd
from netlab.model.tcp import State, Timer
from netlab.snapshot.records import Socket

#: ss prints the time since boot where nothing was ever sent or heard.
NEVER = 1e6
#: ``ss`` leaves out milliseconds from 10 s, and seconds from 10 min (misc/ss.c, print_ms_timer).
COARSE = ((600.0, 60.0), (10.0, 1.0))
RECENT = 1.0  # seconds: an application that sent or received data since then is active
IGNORED = 3.0  # seconds: longer than any pause of a program that works
#: Seconds of the shortest time-out (TCP_RTO_MIN) and the longest (TCP_RTO_MAX), and how often the
#: former is doubled before it is the latter.
SHORTEST, LONGEST, DOUBLINGS = 0.2, 120.0, 9
FIN_TIMEOUT = 60.0  # tcp_fin_timeout, where the snapshot does not have it
#: Segments without data that an orderly connection receives: two of the handshake, and a FIN.
ORDERLY = 3


def since(socket: Socket, name: str) -> float | None:
    """Seconds since an event of `name`, such as lastrcv; None if it never happened.

    ss leaves the figure out if the event was just now.
    """
    age = socket.info.get(name)
    if age is None:
        return 0.0 if "rto" in socket.info else None
    return None if age >= NEVER else age


def at_most(remaining: float) -> float:
    """The longest time that a timer of `remaining` seconds, as printed, may still have."""
    for least, unit in COARSE:
        if remaining >= least and remaining == int(remaining):
            return remaining + unit
    return remaining


#: States in which nothing was ever heard: the figures are then those of the machine's start.
BEFORE_ANY = (State.LISTEN, State.SYN_SENT, State.SYN_RECV)


def stuck_for(end: ObservedEnd) -> float | None:
    """Seconds for which an end that is stuck has been so, as far as its own figures tell: since it
    last heard from the other end, or since it has had data to be acknowledged, if that is less.
    """
    socket = end.socket
    if socket is None or end.state in BEFORE_ANY:
        return None
    silence = _least(end, "lastrcv", "lastack")
    if silence is not None and socket.tx_queue and "busy" in socket.info:
        return min(silence, socket.info["busy"])
    return silence


@of_figures
def quiet(own: ObservedEnd, peer: ObservedEnd | None) -> float | None:
    """Seconds since anything was sent, heard, or acknowledged."""
    return _least(own, "lastsnd", "lastrcv", "lastack")


@of_figures
def unheard(own: ObservedEnd, peer: ObservedEnd | None) -> float | None:
    """Seconds since anything was heard from the other end."""
    return _least(own, "lastrcv", "lastack")


def _least(own: ObservedEnd, *names: str) -> float | None:
    if own.socket is None:
        return None
    ages = [age for name in names if (age := since(own.socket, name)) is not None]
    return min(ages) if ages else None


@of_figures
def stays(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It was in the same state in the first sample."""
    if own.elapsed is None:
        return None
    return own.before is not None and own.before.state is own.state


@of_figures
def hears(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Segments arrived at it between the samples."""
    if own.before is None or own.socket is None:
        return None
    now, then = own.socket.info.get("segs_in"), own.before.info.get("segs_in")
    return None if now is None or then is None else now > then


@of_figures
def surplus(own: ObservedEnd, peer: ObservedEnd | None) -> float | None:
    """Segments received beyond those of an orderly connection: how often it heard repetitions."""
    if own.socket is None or "segs_in" not in own.socket.info:
        return None
    info = own.socket.info
    answers = info.get("data_segs_in", 0) + info.get("data_segs_out", 0)
    return info["segs_in"] - answers - ORDERLY


@of_figures
def idle_before(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Seconds of silence before the first transmission of the data that is repeated now."""
    if own.socket is None:
        return None
    silence, timeout = unheard(own, peer), own.socket.info.get("rto")
    if silence is not None and own.socket.tx_queue and "busy" in own.socket.info:
        return max(0.0, silence - own.socket.info["busy"])
    if not own.socket.retransmits:
        return None
    if silence is None or timeout is None:
        return None
    repeating = 2 * timeout - (own.socket.remaining or 0)  # each time-out is twice the one before
    if timeout >= LONGEST:  # until it is the longest (TCP_RTO_MAX), after nine
        repeating += max(0, own.socket.retransmits - DOUBLINGS) * LONGEST
    return max(0.0, silence - repeating)


@of_figures
def waited(own: ObservedEnd, peer: ObservedEnd | None) -> float | None:
    """Seconds for which it has heard nothing; for an orphan in FIN_WAIT2, from its timer."""
    if own.socket is None:
        return None
    if own.socket.timer is Timer.TIME_WAIT and own.socket.remaining is not None:
        whole = float(own.host.sysctls.get("tcp_fin_timeout", FIN_TIMEOUT))
        return max(0.0, whole - at_most(own.socket.remaining))
    return unheard(own, peer)


@of_figures
def unanswered(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its keepalive probes are not answered: one that is on its way says nothing, and of those that
    many idle connections send, sometimes two in a row are lost.
    """
    if own.socket is None or own.socket.timer is not Timer.KEEPALIVE:
        return False
    return (own.socket.probes or 0) >= 3


@of_figures
def expires(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The kernel ends it by itself within tcp_fin_timeout: an orphan in FIN_WAIT2 (tcp_close)."""
    return own.socket is not None and own.socket.timer is Timer.TIME_WAIT
