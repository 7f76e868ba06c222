# SPDX-License-Identifier: GPL-2.0-or-later
"""What lies between the two hosts: a veth pair, addresses, and packets that can be held.

Both ends know each other's hardware address from the start, as permanent neighbours: no ARP and
no neighbour discovery mix into the evidence. It also makes holding packets one message: a
neighbour that is set to INCOMPLETE queues what is sent to it (``net/core/neighbour.c``,
__neigh_event_send), and setting it back to PERMANENT sends the queue.
"""

from __future__ import annotations

from functools import cache

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from netlab.model.errors import LabError
from netlab.model.vocabulary import Family, Side
from netlab.observe import sampling
from netlab.testbed.netlink import NLM_F_ACK, Request, Transport, attributes, encode

RTM_NEWLINK, RTM_GETLINK, RTM_SETLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH = (
    16,
    18,
    19,
    20,
    24,
    28,
)
RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST = 254, 4, 1
RT_TABLE_LOCAL, RTPROT_KERNEL, RTN_LOCAL = 255, 2, 2
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
IFF_UP = 1
IFINFOMSG_SIZE, IFLA_OPERSTATE, OPER_UP = 16, 16, 6
IFA_F_NODAD = 2
IN6_ADDR_GEN_MODE_NONE = 1
NUD_INCOMPLETE, NUD_PERMANENT = 0x01, 0x80
LINK_PATIENCE = 10.0  # seconds
LOOPBACK, VETH = 1, 2  # interface numbers in every namespace of a lab


def link(client: Transport, server: Transport, server_namespace: int, network: int) -> None:
    """Lay the cable: a veth pair, addresses of both families, neighbours, and both ends up.

    Raises `LabError` naming the part that the kernel refused.
    """
    client.send([*_cable(server_namespace), *_settle(Side.CLIENT, network)])
    server.send(_settle(Side.SERVER, network))
    if not sampling.wait(lambda: _carries(client) or None, sampling.now() + LINK_PATIENCE):
        raise LabError(f"the veth pair did not come up within {LINK_PATIENCE:g} s")


def _carries(transport: Transport) -> bool:
    """Whether the end that was set up first can send.

    It gets its carrier when the other end comes up, and its queue a moment later, from a kernel
    thread (``net/core/link_watch.c``). Until then Linux drops what it sends. The operational
    state (RFC 2863) is set at the same time as the queue, under the lock that this answer needs.
    """
    answer = transport.ask(_link_state())
    said = attributes(answer[IFINFOMSG_SIZE:])  # forty, and it is the third: the rest stays unread
    return next((state[0] for kind, state in said if kind == IFLA_OPERSTATE), None) == OPER_UP


@cache
def _link_state() -> Request:
    message = ifinfmsg()
    message["index"] = VETH
    return encode(message, RTM_GETLINK, 0, "the state of the veth pair")


@cache
def _cable(server_namespace: int) -> tuple[Request, ...]:
    peer = ifinfmsg()
    peer["index"] = VETH
    message = ifinfmsg()
    message["index"] = VETH
    message["attrs"] = [
        ("IFLA_IFNAME", "eth0"),
        ("IFLA_ADDRESS", Side.CLIENT.hardware),
        (
            "IFLA_LINKINFO",
            {
                "attrs": [
                    ("IFLA_INFO_KIND", "veth"),
                    (
                        "IFLA_INFO_DATA",
                        {
                            "attrs": [
                                (
                                    "VETH_INFO_PEER",
                                    {
                                        "index": VETH,
                                        "attrs": [
                                            ("IFLA_IFNAME", "eth0"),
                                            ("IFLA_ADDRESS", Side.SERVER.hardware),
                                            ("IFLA_NET_NS_FD", server_namespace),
                                        ],
                                    },
                                )
                            ]
                        },
                    ),
                ]
            },
        ),
    ]
    return (encode(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "a veth pair"),)


@cache
def _settle(side: Side, network: int) -> tuple[Request, ...]:
    """Everything one end needs after the cable is there."""
    requests = [_up(LOOPBACK), _without_link_local(), _up(VETH)]
    for family in Family:
        requests.append(_address(side, family, network))
        if family is Family.IPV6:
            requests.append(_local_route(side, network))
        requests.append(_neighbour(side, family, network, NUD_PERMANENT))
    requests[-1] = _neighbour(side, Family.IPV6, network, NUD_PERMANENT, flags=NLM_F_ACK)
    return tuple(requests)


def _without_link_local() -> Request:
    """No link-local address: its duplicate detection would be seen in captures.

    A message of its own: the kernel puts a link up before it looks at the rest of a message.
    """
    mode = ("IFLA_INET6_ADDR_GEN_MODE", IN6_ADDR_GEN_MODE_NONE)
    message = ifinfmsg()
    message["index"] = VETH
    message["attrs"] = [("IFLA_AF_SPEC", {"attrs": [("AF_INET6", {"attrs": [mode]})]})]
    return encode(message, RTM_SETLINK, 0, "the veth pair without link-local addresses")


def _up(index: int) -> Request:
    message = ifinfmsg()
    message["index"] = index
    message["flags"] = message["change"] = IFF_UP
    return encode(message, RTM_SETLINK, 0, f"interface {index} up")


@cache
def _address(side: Side, family: Family, network: int, extra: int = 0) -> Request:
    address = side.address(family, network, extra)
    message = ifaddrmsg()
    message["family"] = family
    message["index"] = VETH
    message["prefixlen"] = family.prefix
    message["flags"] = IFA_F_NODAD  # usable at once, with nobody asked whether it is taken
    message["attrs"] = [("IFA_LOCAL", address), ("IFA_ADDRESS", address)]
    return encode(message, RTM_NEWADDR, NLM_F_CREATE, f"address {address}")


@cache
def _local_route(side: Side, network: int, extra: int = 0, flags: int = 0) -> Request:
    """What is for an IPv6 address is for this host.

    The kernel adds this route itself, but from a work queue, also for an address without duplicate
    detection (addrconf_dad_completed); what comes before that is dropped.
    """
    message = rtmsg()
    message["family"], message["dst_len"] = Family.IPV6, 128
    message["table"], message["proto"] = RT_TABLE_LOCAL, RTPROT_KERNEL
    message["type"] = RTN_LOCAL
    address = side.address(Family.IPV6, network, extra)
    message["attrs"] = [("RTA_DST", address), ("RTA_OIF", VETH)]
    flags |= NLM_F_CREATE | NLM_F_REPLACE
    return encode(message, RTM_NEWROUTE, flags, f"the local route of {address}")


@cache
def _neighbour(
    side: Side, family: Family, network: int, state: int, extra: int = 0, flags: int = 0
) -> Request:
    peer = side.peer
    address = peer.address(family, network, extra)
    message = ndmsg()
    message["family"] = family
    message["ifindex"] = VETH
    message["state"] = state
    message["attrs"] = [("NDA_DST", address)]
    if state == NUD_PERMANENT:
        message["attrs"].append(("NDA_LLADDR", peer.hardware))
    flags |= NLM_F_CREATE | NLM_F_REPLACE
    return encode(message, RTM_NEWNEIGH, flags, f"neighbour {address}")


def add_address(
    transport: Transport, peer: Transport, side: Side, network: int, extra: int
) -> None:
    """Give one side a further address of each family, known to its peer."""
    transport.send(
        [_address(side, family, network, extra) for family in Family]
        + [_local_route(side, network, extra, NLM_F_ACK)]
    )
    peer.send(
        [
            _neighbour(side.peer, family, network, NUD_PERMANENT, extra, NLM_F_ACK)
            for family in Family
        ]
    )


def plug(transport: Transport, side: Side, network: int) -> None:
    """From now on, what this side sends waits on its side of the wire, in order."""
    _set_peer(transport, side, network, NUD_INCOMPLETE)


def unplug(transport: Transport, side: Side, network: int) -> None:
    """Send what waits, in order, and stop holding."""
    _set_peer(transport, side, network, NUD_PERMANENT)


def _set_peer(transport: Transport, side: Side, network: int, state: int) -> None:
    transport.send([_neighbour(side, family, network, state, flags=NLM_F_ACK) for family in Family])


def route_forged(transport: Transport, gateway: str, family: Family) -> None:
    """Send what is for forged addresses to the peer: nobody answers there."""
    message = rtmsg()
    message["family"] = family
    message["dst_len"] = 16 if family is Family.IPV4 else 64
    message["table"], message["proto"], message["type"] = RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST
    message["attrs"] = [
        ("RTA_DST", "198.18.0.0" if family is Family.IPV4 else "fd66::"),
        ("RTA_GATEWAY", gateway),
        ("RTA_OIF", VETH),
    ]
    flags = NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK
    transport.send([encode(message, RTM_NEWROUTE, flags, "a route to forged addresses")])
