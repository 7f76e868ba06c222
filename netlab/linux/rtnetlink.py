# SPDX-License-Identifier: GPL-2.0-or-later
"""Links, addresses, routes and neighbours as requests (rtnetlink(7); ``linux/rtnetlink.h``)."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from netlab.linux.messages import encoders
from netlab.linux.netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, attributes
from netlab.linux.transport import Request, Transport, encode
from netlab.model.vocabulary import Family

_WORDS = ("ifaddrmsg", "ifinfmsg", "ndmsg", "rtmsg", "fibmsg")
_MODULES = encoders(*(f"rtnl.{word}" for word in _WORDS))
ifaddrmsg, ifinfmsg, ndmsg, rtmsg, fibmsg = map(getattr, _MODULES, _WORDS)
RTM_NEWLINK, RTM_GETLINK, RTM_SETLINK = 16, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEIGH = 20, 21, 24, 25, 28
RT_TABLE_MAIN, RT_TABLE_LOCAL = 254, 255
RTPROT_KERNEL, RTPROT_STATIC = 2, 4
RTN_UNICAST, RTN_LOCAL = 1, 2
RT_SCOPE_LINK, RT_SCOPE_HOST = 253, 254
RTM_NEWRULE, FR_ACT_TO_TBL = 32, 1
IFF_UP = 1
IFINFOMSG_SIZE, IFLA_OPERSTATE, OPER_UP = 16, 16, 6
IFA_F_NODAD = 2  # usable at once, without duplicate address detection
IN6_ADDR_GEN_MODE_NONE = 1
NUD_INCOMPLETE, NUD_PERMANENT = 0x01, 0x80


#: Labs ask for the same again and again, and to encode it takes longer than the kernel does.
_kept = functools.lru_cache(maxsize=1024)


class VethEnd(NamedTuple):
    """One end of a veth pair to create."""

    number: int  # in its namespace
    name: str
    hardware: str  # its address


def bits(family: Family) -> int:
    """The length of an address, in bits."""
    return 32 if family is Family.IPV4 else 128


@_kept
def cable(near: VethEnd, far: VethEnd, namespace: int, purpose: str, flags: int = 0) -> Request:
    """Create a veth pair: one end here, the other in the namespace with that descriptor."""
    peer: dict[str, Any] = {
        "index": far.number,
        "attrs": [
            ("IFLA_IFNAME", far.name),
            ("IFLA_ADDRESS", far.hardware),
            ("IFLA_NET_NS_FD", namespace),
        ],
    }
    information = [
        ("IFLA_INFO_KIND", "veth"),
        ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]}),
    ]
    message = _link(near.number)
    message["attrs"] = [
        ("IFLA_IFNAME", near.name),
        ("IFLA_ADDRESS", near.hardware),
        ("IFLA_LINKINFO", {"attrs": information}),
    ]
    return encode(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | flags, purpose)


def _link(index: int) -> Any:
    message = ifinfmsg()
    message["index"] = index
    return message


@_kept
def up(index: int) -> Request:
    """Bring a link up."""
    message = _link(index)
    message["flags"] = message["change"] = IFF_UP
    return encode(message, RTM_SETLINK, 0, f"interface {index} up")


@_kept
def without_link_local(index: int) -> Request:
    """Have no link-local address, and so no duplicate address detection for it.

    A separate message: the kernel brings a link up before it looks at the rest of a message.
    """
    mode = ("IFLA_INET6_ADDR_GEN_MODE", IN6_ADDR_GEN_MODE_NONE)
    message = _link(index)
    message["attrs"] = [("IFLA_AF_SPEC", {"attrs": [("AF_INET6", {"attrs": [mode]})]})]
    return encode(message, RTM_SETLINK, 0, f"interface {index} without link-local addresses")


@_kept
def mtu(index: int, size: int) -> Request:
    """Set the largest packet of a link, in bytes."""
    message = _link(index)
    message["attrs"] = [("IFLA_MTU", size)]
    return encode(message, RTM_SETLINK, NLM_F_ACK, f"an MTU of {size}")


@_kept
def link_state(index: int) -> Request:
    """Ask for the state of a link; see `carries`."""
    return encode(_link(index), RTM_GETLINK, 0, f"the state of interface {index}")


def carries(transport: Transport, asking: Request) -> bool:
    """True if a link can send, by the answer to `link_state`.

    It gets its carrier when the other end comes up, and its queue a moment later, from a kernel
    thread (``net/core/link_watch.c``). Until then Linux drops what it sends. The operational
    state (RFC 2863) is set at the same time as the queue, under the lock that this answer needs.
    """
    answer = transport.ask(asking)
    parts = attributes(answer[IFINFOMSG_SIZE:])  # the third of forty; the rest stays unread
    return next((state[0] for kind, state in parts if kind == IFLA_OPERSTATE), None) == OPER_UP


@_kept
def address(family: Family, text: str, index: int, prefix: int) -> Request:
    """Give a link an address of a network of `prefix` bits."""
    message = ifaddrmsg()
    message["family"] = family
    message["index"] = index
    message["prefixlen"] = prefix
    message["flags"] = IFA_F_NODAD
    message["attrs"] = [("IFA_LOCAL", text), ("IFA_ADDRESS", text)]
    return encode(message, RTM_NEWADDR, NLM_F_CREATE, f"address {text}")


@_kept
def no_address(family: Family, text: str, index: int, prefix: int) -> Request:
    """Take an address from a link. Acknowledged."""
    message = ifaddrmsg()
    message["family"] = family
    message["index"] = index
    message["prefixlen"] = prefix
    message["attrs"] = [("IFA_LOCAL", text), ("IFA_ADDRESS", text)]
    return encode(message, RTM_DELADDR, NLM_F_ACK, f"to give up address {text}")


@_kept
def local_route(text: str, index: int, flags: int = 0) -> Request:
    """Deliver packets for this IPv6 address to this host.

    The kernel adds this route itself, but from a work queue, even for an address without duplicate
    detection (addrconf_dad_completed); what comes before that is dropped.
    """
    message = rtmsg()
    message["family"], message["dst_len"] = Family.IPV6, 128
    message["table"], message["proto"] = RT_TABLE_LOCAL, RTPROT_KERNEL
    message["type"] = RTN_LOCAL
    message["attrs"] = [("RTA_DST", text), ("RTA_OIF", index)]
    flags |= NLM_F_CREATE | NLM_F_REPLACE
    return encode(message, RTM_NEWROUTE, flags, f"the local route of {text}")


@_kept
def no_local_route(text: str, index: int) -> Request:
    """Deliver them no more: the kernel removes only its own route with an address."""
    message = rtmsg()
    message["family"], message["dst_len"] = Family.IPV6, 128
    message["table"], message["type"] = RT_TABLE_LOCAL, RTN_LOCAL
    message["attrs"] = [("RTA_DST", text), ("RTA_OIF", index)]
    return encode(message, RTM_DELROUTE, NLM_F_ACK, f"to remove the local route of {text}")


@_kept
def route(family: Family, network: str, prefix: int, index: int, gateway: str = "") -> Request:
    """Route a network over a link, through a gateway or directly. Acknowledged."""
    message = rtmsg()
    message["family"], message["dst_len"] = family, prefix
    message["table"], message["proto"], message["type"] = RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST
    if not gateway and family is Family.IPV4:
        message["scope"] = RT_SCOPE_LINK
    way = [("RTA_GATEWAY", gateway)] if gateway else []
    message["attrs"] = [("RTA_DST", network), *way, ("RTA_OIF", index)]
    flags = NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK
    return encode(message, RTM_NEWROUTE, flags, f"a route to {network}/{prefix}")


@_kept
def rule(family: Family, mark: int, table: int) -> Request:
    """Route packets with this mark by another table. Acknowledged."""
    message = fibmsg()
    message["family"], message["table"], message["action"] = family, table, FR_ACT_TO_TBL
    message["attrs"] = [("FRA_FWMARK", mark), ("FRA_TABLE", table), ("FRA_PRIORITY", mark)]
    return encode(message, RTM_NEWRULE, NLM_F_CREATE | NLM_F_ACK, f"a rule for mark {mark}")


@_kept
def everything_local(family: Family, index: int, table: int) -> Request:
    """In this table, deliver everything to this host, over the link. Acknowledged."""
    message = rtmsg()
    message["family"], message["dst_len"] = family, 0
    message["table"], message["proto"], message["type"] = table, RTPROT_STATIC, RTN_LOCAL
    message["scope"] = RT_SCOPE_HOST if family is Family.IPV4 else 0
    message["attrs"] = [("RTA_OIF", index)]
    return encode(message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_ACK, f"everything to table {table}")


@_kept
def neighbour(family: Family, text: str, index: int, hardware: str, flags: int = 0) -> Request:
    """Set the hardware address of an address permanently; without one, packets for it wait."""
    message = ndmsg()
    message["family"] = family
    message["ifindex"] = index
    message["state"] = NUD_PERMANENT if hardware else NUD_INCOMPLETE
    message["attrs"] = [("NDA_DST", text)]
    if hardware:
        message["attrs"].append(("NDA_LLADDR", hardware))
    flags |= NLM_F_CREATE | NLM_F_REPLACE
    return encode(message, RTM_NEWNEIGH, flags, f"neighbour {text}")
