# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts about what an end tries to send: whether it repeats, probes, or its host refuses."""

from __future__ import annotations

from netlab.diagnosis.facts.passing import one_of_few_with_data, passing, works
from netlab.diagnosis.facts.registry import Value, fact, of_figures
from netlab.diagnosis.facts.timing import DOUBLINGS, IGNORED, RECENT, SHORTEST, since
from netlab.diagnosis.observed import ObservedEnd, tries
from netlab.model.tcp import State, Timer
from netlab.snapshot.records import Socket

OVERDUE = 0.4  # seconds left of the first second (TCP_TIMEOUT_INIT)
LONG = 2.0  # seconds without an answer: longer than any path, whatever the time-out
#: States that end as soon as something is acknowledged.
REPEATING = (State.SYN_SENT, State.SYN_RECV, State.FIN_WAIT1, State.LAST_ACK, State.CLOSING)
UNREACHABLE = ("IcmpInDestUnreachs", "Icmp6InDestUnreachs")
PATIENCE = 5.0  # seconds without any answer while something is on its way: no network is as slow


@of_figures
def advanced(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Some of what it sent was acknowledged between the samples: slow it may be, stuck it is not.

    Without figures a queue that has become shorter says so, and one that is as long as before
    denies it.
    """
    now, then = own.socket, own.before
    if now is None or then is None or now.state is not then.state:
        return None
    if "bytes_acked" in now.info or "bytes_acked" in then.info:
        return now.info.get("bytes_acked", 0) > then.info.get("bytes_acked", 0)
    if now.tx_queue == then.tx_queue:
        return False
    return True if now.tx_queue < then.tx_queue else None


@of_figures
def repeats(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It repeats or probes. A tail loss probe does not count; a refusal by its own host does.

    What was sent once and waits is not repeated: any network loses one packet.
    """
    socket = own.socket
    if socket is None:
        return False
    if socket.timer is Timer.KEEPALIVE or advanced(own, peer):
        return False
    if socket.retransmits is None and socket.probes is None:
        return True if socket.info.get("backoff") else None
    return bool(socket.retransmits or socket.probes)


@of_figures
def overdue(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its SYN or SYN-ACK has waited for most of a second, longer than any round trip."""
    socket = own.socket
    if socket is None or socket.timer is not Timer.RETRANSMIT or socket.remaining is None:
        return False
    opening = own.state in (State.SYN_SENT, State.SYN_RECV)
    return opening and not socket.retransmits and socket.remaining <= OVERDUE


@fact
def insists(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It has repeated the same data more than once: one time-out is normal on a busy network.

    Where its service works, two in a row are. Or it has waited for so long that the number of its
    tries does not matter.
    """
    socket = own.socket
    if socket is None or not socket.tx_queue:
        return False
    if socket.timer is Timer.KEEPALIVE or (further := advanced(own, peer)):
        return False
    untold = socket.retransmits is None and socket.probes is None
    if untold and not socket.info:
        # Where one message follows the other, all may be of the same length.
        stands = further is False and not one_of_few_with_data(own)
        return True if stands else None
    if _nothing_sent(socket):
        return False
    waits = pending(own, peer)
    if waits is not None and waits >= PATIENCE:
        return True
    normal = 2 if works(own, peer) else 1
    if untold:
        return socket.info.get("backoff", 0) > normal
    again = own.before is not None and own.before.retransmits
    return tries(socket) > (0 if again else normal)


def _nothing_sent(socket: Socket) -> bool:
    """Whether all of its queue is still to be sent, so that none of it can have been lost."""
    return 0 < socket.tx_queue <= socket.info.get("notsent", 0)


@of_figures
def pending(own: ObservedEnd, peer: ObservedEnd | None) -> float | None:
    """Seconds for which something has been on its way and nothing was acknowledged.

    The queue has not been empty since ``busy`` began (tcp_chrono_start), or since the first sample.
    """
    socket, before = own.socket, own.before
    if socket is None or not socket.tx_queue or _nothing_sent(socket):
        return None
    silence = since(socket, "lastack")
    if silence is None:
        return None
    if "busy" in socket.info:
        return min(silence, socket.info["busy"])
    if before is None or not before.tx_queue or before.state is not own.state:
        return None
    return min(silence, own.elapsed or 0.0)


@fact
def fresh(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It waits for an answer and has not repeated anything yet, or once where others are answered:
    its state may be transient.
    """
    if own.state in REPEATING and passing(own, peer):
        return True
    again = repeats(own, peer)
    return None if again is None else not (again or unacknowledged(own, peer))


def unacknowledged(own: ObservedEnd, peer: ObservedEnd | None) -> bool:
    """Whether its FIN has waited for over `LONG` seconds: the first time-out may be even longer.

    (The time-out is 9 s after a SYN that was repeated.) Where its service works, it may as well
    have been lost, and that takes the time-out, and twice as much if it is lost again. The timer or
    the first sample shows how long it waited: silence alone would also fit an idle connection that
    has just been closed.
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
    enough = max(LONG, 3 * whole) if works(own, peer) else LONG
    return min(waited, silence) > enough


@of_figures
def untimed(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Whether it repeats, or probes, is not shown: the listing has no timers."""
    socket = own.socket
    return socket is not None and socket.timer is None and socket.retransmits is None


@of_figures
def translated(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """A NAT changed an address between the two ends."""
    return own.translated


@of_figures
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


@of_figures
def zero_window(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It probes because the other end has a zero window (tcp_send_probe0)."""
    socket = own.socket
    if socket is None:
        return False
    if socket.timer is None and not (_nothing_sent(socket) and socket.info.get("backoff")):
        return None
    if socket.timer is not Timer.PROBE and socket.timer is not None:
        return False
    limited, busy = socket.info.get("rwnd_limited", 0.0), socket.info.get("busy")
    if busy and limited < min(busy, since(socket, "lastsnd") or busy) / 2:
        return False  # it does not wait for room (tcp_chrono_start, TCP_CHRONO_RWND_LIMITED)
    tells = own.host.has_windows or limited
    window = socket.info.get("snd_wnd", 0 if tells and socket.info else None)
    if window is not None:
        return window == 0
    if peer is not None and peer.socket is not None:
        return peer.socket.rx_queue > 1
    return None


@of_figures
def stalled(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The window has been closed for longer than a reader that works pauses, or comes late where
    its machine is busy.
    """
    socket, before = own.socket, own.before
    if socket is None or socket.timer not in (Timer.PROBE, None):
        return None
    if advanced(own, peer):
        return False
    if before is not None and before.timer is Timer.PROBE and (own.elapsed or 0) >= IGNORED:
        sent = before.info.get("data_segs_out") != socket.info.get("data_segs_out")
        if advanced(own, peer) is False and not sent:
            return True
    silence, waits = since(socket, "lastsnd"), socket.remaining
    if (socket.probes or 0) >= 2 or _probing(socket) >= IGNORED:
        return True  # where a reader is merely late, its kernel answers each probe
    if silence is not None:
        return silence >= IGNORED
    if socket.probes is None or waits is None:
        return None
    return waits >= IGNORED  # each wait is as long as all before it


def _probing(socket: Socket) -> float:
    """Seconds for which it has probed at least: each wait is twice the one before, from the
    time-out on (tcp_probe0_when).
    """
    number = min(_probes(socket), DOUBLINGS)
    return socket.info.get("rto", SHORTEST) * (2**number - 1)


def _probes(socket: Socket) -> float:
    """How often it has probed: any answer sets the probes back to 0, but not the back-off."""
    return max(socket.probes or 0, socket.info.get("backoff", 0))


@of_figures
def refused(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its own host refuses to send: timer 4 with an open window, or repetitions that never left.

    (ss counts the latter in ``retrans:0/3``.)
    """
    socket = own.socket
    if socket is None:
        return False
    if advanced(own, peer):
        return False
    if socket.timer is Timer.PROBE and not socket.retransmits:
        silence = since(socket, "lastack")
        if _probes(socket) < 2 and socket.tx_queue > 1:
            if silence is not None and silence < RECENT:
                return False  # between two bursts of a transfer, for some milliseconds
            if silence is None and advanced(own, peer) is not False:
                return None  # and nothing shows how long it has been so
        closed = zero_window(own, peer)
        if closed is None:  # a FIN alone hardly needs a window
            return True if socket.tx_queue == 1 else None
        return not closed  # any segment from the other end sets the probes back to 0
    if socket.timer is Timer.RETRANSMIT and socket.retransmits:
        repeated = socket.info.get("retrans_total")
        if repeated is None:
            return None
        if held_back(own, peer):
            return False
        return repeated >= 1 and not socket.info.get("retrans")
    return None if socket.timer is None else False


@of_figures
def held_back(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Its timer fired more often than it tried: what it sent first is still in a queue of this
    host, and no copy of it is made (skb_still_in_host_queue). What a rule refuses was a try.
    """
    socket = own.socket
    if socket is None or socket.timer is not Timer.RETRANSMIT:
        return False
    tried = socket.info.get("retrans_total")
    if tried is None or socket.retransmits is None:
        return None
    return socket.retransmits >= 2 and tried < socket.retransmits


@of_figures
def large(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The data that it repeats fills a segment."""
    if own.socket is None:
        return None
    size = own.socket.info.get("mss")
    return None if size is None else own.socket.tx_queue >= size


@of_figures
def first_large(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Nothing of what it has sent was acknowledged, and all of it is in full segments.

    The other end's request came before, and the handshake was completed: small ones get through.
    """
    if own.socket is None or not large(own, peer):
        return None
    info = own.socket.info
    return info.get("bytes_acked", 0) <= 1 and info.get("bytes_received", 0) >= 1


@fact
def unanswered_send(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It repeats something, or has waited for an acknowledgment for a long time."""
    again = repeats(own, peer)
    return again or insists(own, peer) or again


@of_figures
def told_unreachable(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """ICMP of either family said between the samples that a destination cannot be reached."""
    risen = own.host.risen
    return None if risen is None else any(risen.get(name, 0) > 0 for name in UNREACHABLE)


@of_figures
def was_told_unreachable(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The same, at any time since the host booted."""
    known = [own.host.counters[name] > 0 for name in UNREACHABLE if name in own.host.counters]
    return any(known) if known else None


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
