# SPDX-License-Identifier: GPL-2.0-or-later
"""What applications do: whether they hold, read, accept and use their connections."""

from __future__ import annotations

from netlab.diagnosis.facts.passing import outnumbered, program_works, works
from netlab.diagnosis.facts.registry import Value, fact, of_figures
from netlab.diagnosis.facts.sending import repeats
from netlab.diagnosis.facts.timing import IGNORED, RECENT, quiet, since, stays, surplus, unheard
from netlab.diagnosis.observed import ObservedEnd
from netlab.model.tcp import State

#: States that pass by in a round trip, and how many times as many as ESTABLISHED are not normal.
WAITING = (State.SYN_SENT, State.FIN_WAIT1, State.LAST_ACK, State.CLOSING)
NEARLY_ALL = 5
CROWD = 10  # sockets of one service that wait to be closed: a healthy service closes faster


@of_figures
def held(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """A process has a descriptor for it: it is neither closed nor waiting to be accepted."""
    socket = own.socket
    if socket is None:
        return None
    if socket.owner or socket.inode:
        return True
    if socket.inode is None:  # netstat -p writes "-" for what nobody holds, if it may see the rest
        listener = own.listener
        return False if listener is not None and listener.owner else None
    return False


@fact
def unread(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Data has been in its queue for longer than a program that works pauses, or comes late where
    its machine is busy, and nothing was read between the samples.
    """
    socket, before = own.socket, own.before
    if socket is None or socket.rx_queue == 0:
        return False
    age = since(socket, "lastrcv")
    if before is None:
        return None if age is None else age >= IGNORED
    if not (socket.info or before.info):
        return before.rx_queue == socket.rx_queue or None
    received = socket.info.get("bytes_received"), before.info.get("bytes_received")
    if before.rx_queue == 0 or received[0] is None or received[1] is None:
        return False if before.rx_queue == 0 else None
    stands = received[0] - socket.rx_queue <= received[1] - before.rx_queue
    return stands and max(own.elapsed or 0.0, age or 0.0) >= IGNORED


@of_figures
def unaccepted(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It has been in the accept queue for a second or more."""
    owned = held(own, peer)
    if owned is not False:
        return None if owned is None else False
    if own.elapsed is not None and own.elapsed >= 1.0:
        return stays(own, peer)
    age = quiet(own, peer)
    return None if age is None else age >= 1.0


@of_figures
def ignored(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It has been in the accept queue for longer than any pause of a program that works."""
    listener = own.listener
    if not unaccepted(own, peer) or listener is None or not listener.waiting:
        return False
    age = quiet(own, peer)
    return None if age is None else age >= IGNORED


@fact
def crowd(own: ObservedEnd, peer: ObservedEnd | None) -> int:
    """The number of sockets of its service in CLOSE_WAIT that a process holds, and not just now.

    A healthy service closes within milliseconds: a sample rarely has two of them.
    """
    if own.socket is None or own.state is not State.CLOSE_WAIT or held(own, peer) is False:
        return 0
    crowds = own.host.crowds
    return max(crowds[own.socket.local[1]], crowds[own.socket.remote])


@fact
def counted_leaving(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The number in CLOSE_WAIT by a count, where it is a crowd, and not the lesser part."""
    counts = own.host.counts
    leaving = counts.get(State.CLOSE_WAIT, 0)
    return leaving if leaving >= max(CROWD, counts.get(State.ESTABLISHED, 0)) else 0


@fact
def counted_waiting(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The number in states that wait for an answer by a count, where they are nearly all."""
    counts = own.host.counts
    waiting = sum(counts.get(state, 0) for state in WAITING)
    return waiting if waiting >= max(CROWD, NEARLY_ALL * counts.get(State.ESTABLISHED, 0)) else 0


@fact
def young(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It has just heard from the other end, so its state may be transient.

    On a busy machine a program that holds it, and works, may come to it seconds later: to have
    been so at both of two looks shows nothing, then, if they were close to each other.
    """
    same = own.before is not None and own.before.state is own.state
    if same and (own.elapsed or 0.0) >= IGNORED:
        return False
    age = unheard(own, peer)
    if age is None and (same or crowd(own, peer) >= CROWD):
        return False
    again = surplus(own, peer)
    if again is not None and again >= 2:  # what it hears is repetitions
        return False
    busy = held(own, peer) and ((works(own, peer) and outnumbered(own)) or program_works(own))
    return None if age is None else age < (IGNORED if busy else RECENT)


@of_figures
def active(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """New data has just been sent or received, or was between the samples."""
    socket, before = own.socket, own.before
    if socket is None or repeats(own, peer):
        return False
    if before is not None and before.info and socket.info:
        return any(
            socket.info.get(name, 0) > before.info.get(name, 0)
            for name in ("data_segs_in", "data_segs_out")
        )
    ages = [since(socket, "lastrcv") if socket.info.get("data_segs_in") else None]
    ages.append(since(socket, "lastsnd") if socket.info.get("data_segs_out") else None)
    known = [age for age in ages if age is not None]
    return min(known) < RECENT if known else None
