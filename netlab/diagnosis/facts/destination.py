# SPDX-License-Identifier: GPL-2.0-or-later
"""Facts about all connections from one address of a host to one endpoint."""

from __future__ import annotations

from netlab.diagnosis.facts.registry import Value, destination_fact
from netlab.diagnosis.observed import Destination
from netlab.model.tcp import State
from netlab.snapshot.records import written


@destination_fact
def address(to: Destination) -> Value:
    """The address that they come from."""
    return to.address


@destination_fact
def remote(to: Destination) -> Value:
    """The address and port that they go to."""
    return written(to.remote)


@destination_fact
def sockets(to: Destination) -> Value:
    """The number of sockets."""
    return len(to.sockets)


@destination_fact
def waiting(to: Destination) -> Value:
    """The number of sockets in TIME_WAIT."""
    return sum(socket.state is State.TIME_WAIT for socket in to.sockets)


@destination_fact
def room(to: Destination) -> Value:
    """The largest number of sockets at a time: one for each ephemeral port."""
    first, last = to.host.ports
    return last - first + 1


@destination_fact
def share(to: Destination) -> Value:
    """The share of the ephemeral ports that they take, from 0 to 1."""
    first, last = to.host.ports
    return sum(first <= socket.local[1] <= last for socket in to.sockets) / (last - first + 1)
