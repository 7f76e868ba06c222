# SPDX-License-Identifier: GPL-2.0-or-later
"""The link between the two hosts: a veth pair, addresses, and packets that can be held.

Both ends know each other's hardware address from the start, as permanent neighbours: no ARP and
no neighbour discovery gets into the evidence. Holding packets then takes only one message: a
neighbour that is set to INCOMPLETE queues what is sent to it (``net/core/neighbour.c``,
__neigh_event_send), and setting it back to PERMANENT sends the queue.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from netlab import scheduler
from netlab.linux import rtnetlink
from netlab.linux.netlink import NLM_F_ACK
from netlab.linux.transport import Request, Transport
from netlab.model.errors import LabError
from netlab.model.vocabulary import Family, Side

LINK_PATIENCE = 10.0  # seconds
LOOPBACK = 1  # its number in every namespace
#: The number of the wire's ends: the first of those that are netlab's. The kernel gives low ones to
#: what it puts into every namespace: tunnels such as sit0 (net.core.fb_tunnels_only_for_init_net).
VETH = 1000
NAME = "eth0"  # of the veth pair, at both ends
#: The network that addresses are forged from, and its bits.
FORGED = {Family.IPV4: ("198.18.0.0", 16), Family.IPV6: ("fd66::", 64)}
#: The additional address of a side that stands for those, and its hardware address.
NOBODY, NOBODYS_HARDWARE = 100, "02:00:00:00:00:ff"


def link(client: Transport, server: Transport, server_namespace: int, network: int) -> None:
    """Lay the cable: a veth pair, addresses of both families, neighbours, and both ends up.

    Raises `LabError` naming the part that the kernel refused.
    """
    client.send([_cable(server_namespace), *_settle(Side.CLIENT, network)])
    server.send(_settle(Side.SERVER, network))
    wait_until_it_carries(client, VETH)  # the end that was set up first


def wait_until_it_carries(transport: Transport, index: int) -> None:
    """Return when a link can send. Raises `LabError` after `LINK_PATIENCE` seconds."""
    asking = _link_state(index)
    deadline = scheduler.now() + LINK_PATIENCE
    if not scheduler.wait(lambda: rtnetlink.carries(transport, asking) or None, deadline):
        raise LabError(f"interface {index} did not come up within {LINK_PATIENCE:g} s")


@cache
def _link_state(index: int) -> Request:
    return rtnetlink.link_state(index)


@cache
def _cable(server_namespace: int) -> Request:
    client, server = (rtnetlink.VethEnd(VETH, NAME, side.hardware) for side in Side)
    return rtnetlink.cable(client, server, server_namespace, "a veth pair")


@cache
def _settle(side: Side, network: int) -> tuple[Request, ...]:
    """Everything one end needs after the cable is there; the last request is acknowledged."""
    requests = [rtnetlink.up(LOOPBACK), rtnetlink.without_link_local(VETH), rtnetlink.up(VETH)]
    for family in Family:
        requests.append(_address(side, family, network))
        if family is Family.IPV6:
            requests.append(_local_route(side, network))
        flags = NLM_F_ACK if family is Family.IPV6 else 0
        requests.append(_neighbour(side, family, network, flags=flags))
    return tuple(requests)


@cache
def _address(side: Side, family: Family, network: int, extra: int = 0) -> Request:
    text = side.address(family, network, extra)
    return rtnetlink.address(family, text, VETH, family.prefix)


@cache
def _local_route(side: Side, network: int, extra: int = 0, flags: int = 0) -> Request:
    return rtnetlink.local_route(side.address(Family.IPV6, network, extra), VETH, flags)


@cache
def _neighbour(
    side: Side, family: Family, network: int, extra: int = 0, known: bool = True, flags: int = 0
) -> Request:
    peer = side.peer
    hardware = peer.hardware if known else ""
    return rtnetlink.neighbour(family, peer.address(family, network, extra), VETH, hardware, flags)


def add_address(
    transport: Transport, peer: Transport, side: Side, network: int, extra: int
) -> None:
    """Give one side an additional address of each family, known to its peer."""
    transport.send(
        [_address(side, family, network, extra) for family in Family]
        + [_local_route(side, network, extra, NLM_F_ACK)]
    )
    peer.send([_neighbour(side.peer, family, network, extra, flags=NLM_F_ACK) for family in Family])


def own_address(side: Side, network: int, extra: int) -> Iterator[Request]:
    """The requests that give one side an additional address of each family, which its peer does
    not know.
    """
    for family in Family:
        yield _address(side, family, network, extra)
    yield _local_route(side, network, extra, NLM_F_ACK)


def no_address(side: Side, network: int, extra: int) -> list[Request]:
    """The requests that take it away."""
    requests = []
    for family in Family:
        text = side.address(family, network, extra)
        requests.append(rtnetlink.no_address(family, text, VETH, family.prefix))
        if family is Family.IPV6:
            requests.append(rtnetlink.no_local_route(text, VETH))
    return requests


def plug(transport: Transport, side: Side, network: int) -> None:
    """Hold what this side sends from now on, on its side of the wire, in order."""
    _set_peer(transport, side, network, known=False)


def unplug(transport: Transport, side: Side, network: int) -> None:
    """Send what was held, in order, and stop holding. The peer answers the first at once, and what
    this side says to that is not held: it overtakes the rest.
    """
    _set_peer(transport, side, network, known=True)


def _set_peer(transport: Transport, side: Side, network: int, known: bool) -> None:
    transport.send(
        [_neighbour(side, family, network, known=known, flags=NLM_F_ACK) for family in Family]
    )


def route_forged(transport: Transport, side: Side, network: int, family: Family) -> None:
    """Have what this side sends to forged addresses go over the wire, to a hardware address that
    nobody has: the other end sees it go by, and its kernel says nothing of it.
    """
    nobody = side.peer.address(family, network, NOBODY)
    forged, prefix = FORGED[family]
    transport.send(
        [
            rtnetlink.neighbour(family, nobody, VETH, NOBODYS_HARDWARE),
            rtnetlink.route(family, forged, prefix, VETH, nobody),
        ]
    )
