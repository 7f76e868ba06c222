# SPDX-License-Identifier: GPL-2.0-or-later
"""Which end of a connection is the service, and how a service is called."""

from __future__ import annotations

from collections.abc import Collection

from netlab.diagnosis import wording
from netlab.diagnosis.observed import ObservedEnd, ObservedHost
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Endpoint, written


def of(own: ObservedEnd, peer: ObservedEnd | None) -> tuple[Endpoint, bool]:
    """The endpoint of the service, and whether it is at the connection's own end."""
    local, remote = wording.four_tuple(own, peer)
    if _is_here(local, remote, own, peer):
        return (ANY, local[1]), True
    return remote, False


def _is_here(local: Endpoint, remote: Endpoint, own: ObservedEnd, peer: ObservedEnd | None) -> bool:
    if remote[0] == ANY or local[1] in own.host.listeners:
        return True
    if peer is not None and remote[1] in peer.host.listeners:
        return False
    if own.state in (State.SYN_SENT, State.SYN_RECV):
        return own.state is State.SYN_RECV
    return _is_service(local[1], remote[1], own.host)


def _is_service(local: int, remote: int, host: ObservedHost) -> bool:
    """Whether the local one of two ports is the service's, where no listener says so.

    A service has one port for many clients. Of a single connection, it has the port that is not
    ephemeral, or else the lower one.
    """
    ours, theirs = host.used_here[local], host.used_there[remote]
    if min(ours, theirs) <= 1 < max(ours, theirs):
        return ours > theirs
    first, last = host.ports
    chosen = [not first <= port <= last for port in (local, remote)]
    return chosen[0] if chosen[0] != chosen[1] else local < remote


def name(endpoints: Collection[Endpoint], here: bool) -> str:
    """What several connections go to: a port of this host, an endpoint elsewhere, or many.

    Those of one fault may be seen from either side: it is called as whoever is `here` calls it.
    """
    endpoints = [endpoint for endpoint in endpoints if (endpoint[0] == ANY) is here]
    ports = {port for _, port in endpoints}
    if len(endpoints) == 1:
        (endpoint,) = endpoints
        return f"port {endpoint[1]}" if here else written(endpoint)
    if len(ports) > 1:
        return f"{len(ports)} ports" + ("" if here else " elsewhere")
    return f"port {min(ports)} of {len(endpoints)} hosts"
