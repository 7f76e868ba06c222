# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts about what an end tries to send: whether it repeats, probes, or its host refuses."""

from __future__ import annotations

from netlab.diagnosis.facts.registry import Value, fact
from netlab.diagnosis.facts.timing import RECENT, since
from netlab.diagnosis.observed import ObservedEnd
from netlab.model.tcp import State, Timer

OVERDUE = 0.4  # seconds left of the first second (TCP_TIMEOUT_INIT)
LONG = 2.0  # seconds without an answer: longer than any path, whatever the time-out
#: Figures that grow as long as a transfer makes progress.
PROGRESS = ("bytes_acked", "data_segs_out")


@fact
def repeats(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It repeats or probes. A tail loss probe does not count; a refusal by its own host does."""
    socket = own.socket
    if socket is None:
        return False
    if socket.timer is Timer.KEEPALIVE:
        return False
    if socket.retransmits is None and socket.probes is None:
        return True if socket.info.get("backoff", 0) >= 1 else None
    if (socket.retransmits or 0) >= 1 or (socket.probes or 0) >= 1:
        return True
    return bool(overdue(own, peer))


@fact
def overdue(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its SYN or SYN-ACK has waited for most of a second, longer than any round trip."""
    socket = own.socket
    if socket is None or socket.timer is not Timer.RETRANSMIT or socket.remaining is None:
        return False
    opening = own.state in (State.SYN_SENT, State.SYN_RECV)
    return opening and not socket.retransmits and socket.remaining <= OVERDUE


@fact
def insists(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It has repeated the same data more than once: one time-out is normal on a busy network."""
    socket = own.socket
    if socket is None or not socket.tx_queue:
        return False
    if socket.timer is Timer.KEEPALIVE:
        return False
    if socket.retransmits is None and socket.probes is None:
        backoff = socket.info.get("backoff")
        return None if backoff is None and not socket.info else (backoff or 0) >= 2
    again = (own.before.retransmits or 0) >= 1 if own.before else False
    tries = max(socket.retransmits or 0, socket.probes or 0)
    return tries >= 2 or (tries >= 1 and again)


@fact
def fresh(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It waits for an answer and has not repeated anything yet: its state may be transient."""
    again = repeats(own, peer)
    return None if again is None else not (again or unacknowledged(own))


def unacknowledged(own: ObservedEnd) -> bool:
    """Whether its FIN has waited for over `LONG` seconds: the first time-out may be even longer.

    (The time-out is 9 s after a SYN that was repeated.) The timer or the first sample shows how
    long it waited: silence alone would also fit an idle connection that has just been closed.
    """
    socket = own.socket
    closing = own.state in (State.FIN_WAIT1, State.LAST_ACK, State.CLOSING)
    if socket is None or not closing or socket.timer is not Timer.RETRANSMIT:
        return False
    whole, silence = socket.info.get("rto"), since(socket, "lastack")
    if whole is None or silence is None or socket.remaining is None:
        return False
    waited = whole - socket.remaining
    then = own.before
    if then is not None and then.state is own.state and then.info:
        waited = max(waited, silence - (since(then, "lastack") or 0.0))
    return min(waited, silence) > LONG


@fact
def repeated(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It repeated something between the samples.

    Only then is that evidence that the other end did not answer in the meantime.
    """
    now, then = own.socket, own.before
    if now is None or then is None or now.state is not then.state:
        return None
    pairs = (
        (now.retransmits, then.retransmits),
        (now.probes, then.probes),
        (now.info.get("retrans_total"), then.info.get("retrans_total")),
    )
    risen = [n > t for n, t in pairs if n is not None and t is not None]
    return any(risen) if risen else None


@fact
def zero_window(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It probes because the other end has a zero window (tcp_send_probe0)."""
    socket = own.socket
    if socket is None:
        return False
    if socket.timer is not Timer.PROBE:
        return None if socket.timer is None else False
    window = socket.info.get("snd_wnd", 0 if own.host.has_windows and socket.info else None)
    if window is not None:
        return window == 0
    if peer is not None and peer.socket is not None:
        return peer.socket.rx_queue > 1
    return None


@fact
def stalled(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The window has been closed for about a second: a reader that pauses for less is normal.

    Any segment from the other end sets the probes back to 0, but not the back-off.
    """
    socket, before = own.socket, own.before
    if socket is None or socket.timer is not Timer.PROBE:
        return None
    if before is not None and before.info and (own.elapsed or 0) >= RECENT:
        progress = (socket.info.get(name) != before.info.get(name) for name in PROGRESS)
        if before.timer is Timer.PROBE and not any(progress):
            return True
    silence, waits = since(socket, "lastsnd"), socket.remaining
    if max(socket.probes or 0, socket.info.get("backoff", 0)) >= 2:
        return True
    if silence is not None:
        return silence >= RECENT
    if socket.probes is None or waits is None:
        return None
    return waits >= RECENT  # the wait doubles with each probe, from 0.2 s


@fact
def refused(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its own host refuses to send: timer 4 with an open window, or repetitions that never left.

    (ss counts the latter in ``retrans:0/3``.)
    """
    socket = own.socket
    if socket is None:
        return False
    if socket.timer is Timer.PROBE and not socket.retransmits:
        closed = zero_window(own, peer)
        if closed is None:  # a FIN alone hardly needs a window
            return True if socket.tx_queue == 1 else None
        return not closed  # any segment from the other end sets the probes back to 0
    if socket.timer is Timer.RETRANSMIT and (socket.retransmits or 0) >= 1:
        repeated = socket.info.get("retrans_total")
        if repeated is None:
            return None
        return repeated >= 1 and not socket.info.get("retrans")
    return None if socket.timer is None else False


@fact
def large(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The data that it repeats fills a segment."""
    if own.socket is None:
        return None
    size = own.socket.info.get("mss")
    return None if size is None else own.socket.tx_queue >= size


@fact
def all_arrived(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The other end has received every byte that this one sent: the acknowledgments are lost."""
    if own.socket is None or peer is None or peer.socket is None:
        return None
    mine, theirs = own.socket.info, peer.socket.info
    if "bytes_sent" in mine and (theirs or peer.state is not State.TIME_WAIT):
        sent = mine["bytes_sent"] - mine.get("bytes_retrans", 0)
        return theirs.get("bytes_received", 0) >= sent if theirs else None
    if own.state is State.ESTABLISHED and peer.socket.rx_queue >= own.socket.tx_queue > 0:
        return True
    return None
