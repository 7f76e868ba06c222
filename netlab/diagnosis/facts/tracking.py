# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of a connection's way: the next hop, and what hosts on it track."""

from __future__ import annotations

from netlab.diagnosis.facts.registry import Value, of_figures
from netlab.diagnosis.observed import ObservedEnd
from netlab.model.tcp import State


@of_figures
def next_hop(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The neighbour that its packets are handed to first."""
    return None if own.socket is None else own.host.next_hop(own.socket.remote[0])


@of_figures
def hop_silent(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """That neighbour does not answer ARP, or neighbour discovery (FAILED, INCOMPLETE)."""
    known = own.host.neighbourhood
    return None if known is None else known.silent.get(str(next_hop(own, peer)))


@of_figures
def forgotten(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """A host that tracks all connections between these two addresses has no entry for this one."""
    if not own.tracked:
        return None
    return any(tracked.entry is None for tracked in own.tracked)


@of_figures
def tracked(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """A host has an entry for it: an entry is made when its first packet has passed."""
    if not own.tracked:
        return None
    return any(tracked.entry is not None for tracked in own.tracked)


@of_figures
def answered_there(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """Such a host has seen an answer, too. To a SYN that is a SYN-ACK: an entry in any other state
    than SYN_RECV is of an older connection with the same ports.
    """
    entries = [tracked.entry for tracked in own.tracked if tracked.entry is not None]
    if not entries:
        return None
    if own.state is State.SYN_SENT:
        return any(entry.state == "SYN_RECV" for entry in entries)
    return any(entry.answered for entry in entries)


@of_figures
def tracker(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The name of the first host that has an entry for it."""
    return next((tracked.host for tracked in own.tracked if tracked.entry is not None), None)


@of_figures
def forgetter(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The name of the first host that tracks others like it, and has no entry for it."""
    return next((tracked.host for tracked in own.tracked if tracked.entry is None), None)
