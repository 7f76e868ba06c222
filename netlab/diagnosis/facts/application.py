# SPDX-License-Identifier: GPL-2.0-or-later
"""What applications do: whether they hold, read, accept and use their connections."""

from __future__ import annotations

from netlab.diagnosis.facts.registry import Value, fact
from netlab.diagnosis.facts.sending import repeats
from netlab.diagnosis.facts.timing import RECENT, quiet, since, stays, surplus, unheard
from netlab.diagnosis.observed import ObservedEnd
from netlab.model.tcp import State

YOUNG = 0.2  # seconds: a state younger than that may be transient
CROWD = 10  # sockets of one service that wait to be closed: a healthy service closes faster


@fact
def held(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """A process has a descriptor for it: it is neither closed nor waiting to be accepted."""
    socket = own.socket
    if socket is None:
        return False
    if socket.owner or socket.inode:
        return True
    return None if socket.inode is None else False


@fact
def unread(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Data has been in its queue for a second or more, or nothing was read between the samples."""
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


@fact
def unaccepted(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It has been in the accept queue for a second or more."""
    owned = held(own, peer)
    if owned is not False:
        return None if owned is None else False
    if own.elapsed is not None and own.elapsed >= 1.0:
        return stays(own, peer)
    age = quiet(own, peer)
    return None if age is None else age >= 1.0


@fact
def crowd(own: ObservedEnd, peer: ObservedEnd | None) -> int:
    """The number of sockets of its service in CLOSE_WAIT that a process holds.

    A healthy service closes within milliseconds: a sample rarely has two of them.
    """
    if own.socket is None or own.state is not State.CLOSE_WAIT or held(own, peer) is False:
        return 0
    crowds = own.host.crowds
    return max(crowds[own.socket.local[1]], crowds[own.socket.remote])


@fact
def young(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """It has just heard from the other end, so its state may be transient."""
    if own.before is not None and own.before.state is own.state:
        return False
    if crowd(own, peer) >= CROWD:
        return False
    age = unheard(own, peer)
    again = surplus(own, peer)
    if again is not None and again >= 2:  # what it hears is repetitions
        return False
    return None if age is None else age < YOUNG


@fact
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
    if crowd(own, peer) >= CROWD:  # connections that came recently and are still to be closed
        sent = since(socket, "lastsnd") if socket.info.get("data_segs_out") else None
        return sent is not None and sent < YOUNG
    ages = [since(socket, "lastrcv") if socket.info.get("data_segs_in") else None]
    ages.append(since(socket, "lastsnd") if socket.info.get("data_segs_out") else None)
    known = [age for age in ages if age is not None]
    return min(known) < RECENT if known else None
