# SPDX-License-Identifier: GPL-2.0-or-later
"""Links, addresses, routes and neighbours as requests (rtnetlink(7); ``linux/rtnetlink.h``)."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from netlab.linux.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    attribute,
    attributes,
    text_attribute,
)
from netlab.linux.transport import Request, Transport
from netlab.model.vocabulary import Family

RTM_NEWLINK, RTM_GETLINK, RTM_SETLINK = 16, 18, 19
RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH = 20, 24, 28
IFINFOMSG = struct.Struct("=BxHiII")  # family, type, index, flags, and which flags are meant
IFADDRMSG = struct.Struct("=BBBBI")  # family, prefix, flags, scope, index
RTMSG = struct.Struct("=BBBBBBBBI")  # family, of the network, of the source, TOS, table,
# protocol, scope, type, flags
NDMSG = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_OPERSTATE, IFLA_LINKINFO = 1, 3, 4, 16, 18
IFLA_AF_SPEC, IFLA_NET_NS_FD = 26, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE = 8, 1
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY = 1, 4, 5
NDA_DST, NDA_LLADDR = 1, 2
RT_TABLE_MAIN, RT_TABLE_LOCAL = 254, 255
RTPROT_KERNEL, RTPROT_STATIC = 2, 4
RTN_UNICAST, RTN_LOCAL = 1, 2
RT_SCOPE_LINK = 253
IFF_UP = 1
OPER_UP = 6
IFA_F_NODAD = 2  # usable at once, without duplicate address detection
NUD_INCOMPLETE, NUD_PERMANENT = 0x01, 0x80


class VethEnd(NamedTuple):
    """One end of a veth pair to create."""

    number: int  # in its namespace
    name: str
    hardware: str  # its address


def bits(family: Family) -> int:
    """The length of an address, in bits."""
    return 32 if family is Family.IPV4 else 128


def cable(near: VethEnd, far: VethEnd, namespace: int, purpose: str, flags: int = 0) -> Request:
    """Create a veth pair: one end here, the other in the namespace with that descriptor."""
    peer = _link(far.number) + _named(far) + attribute(IFLA_NET_NS_FD, _number(namespace))
    information = text_attribute(IFLA_INFO_KIND, "veth")
    information += attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer))
    body = _link(near.number) + _named(near) + attribute(IFLA_LINKINFO, information)
    return Request.of(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | flags, body, purpose)


def _named(end: VethEnd) -> bytes:
    return text_attribute(IFLA_IFNAME, end.name) + attribute(IFLA_ADDRESS, _hardware(end.hardware))


def _hardware(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _number(value: int) -> bytes:
    return struct.pack("=I", value)


def _packed(family: Family, text: str) -> bytes:
    return socket.inet_pton(family, text)


def _link(index: int, flags: int = 0) -> bytes:
    return IFINFOMSG.pack(socket.AF_UNSPEC, 0, index, flags, flags)


def up(index: int) -> Request:
    """Bring a link up."""
    return Request.of(RTM_SETLINK, 0, _link(index, IFF_UP), f"interface {index} up")


def without_link_local(index: int) -> Request:
    """Have no link-local address, and so no duplicate address detection for it.

    A separate message: the kernel brings a link up before it looks at the rest of a message.
    """
    mode = attribute(IFLA_INET6_ADDR_GEN_MODE, bytes([IN6_ADDR_GEN_MODE_NONE]))
    body = _link(index) + attribute(IFLA_AF_SPEC, attribute(socket.AF_INET6, mode))
    return Request.of(RTM_SETLINK, 0, body, f"interface {index} without link-local addresses")


def mtu(index: int, size: int) -> Request:
    """Set the largest packet of a link, in bytes."""
    body = _link(index) + attribute(IFLA_MTU, _number(size))
    return Request.of(RTM_SETLINK, NLM_F_ACK, body, f"an MTU of {size}")


def link_state(index: int) -> Request:
    """Ask for the state of a link; see `carries`."""
    return Request.of(RTM_GETLINK, 0, _link(index), f"the state of interface {index}")


def carries(transport: Transport, asking: Request) -> bool:
    """True if a link can send, by the answer to `link_state`.

    It gets its carrier when the other end comes up, and its queue a moment later, from a kernel
    thread (``net/core/link_watch.c``). Until then Linux drops what it sends. The operational
    state (RFC 2863) is set at the same time as the queue, under the lock that this answer needs.
    """
    answer = transport.ask(asking)
    parts = attributes(answer[IFINFOMSG.size :])  # the third of forty; the rest stays unread
    return next((state[0] for kind, state in parts if kind == IFLA_OPERSTATE), None) == OPER_UP


def address(family: Family, text: str, index: int, prefix: int) -> Request:
    """Give a link an address of a network of `prefix` bits."""
    packed = _packed(family, text)
    body = IFADDRMSG.pack(family, prefix, IFA_F_NODAD, 0, index)
    body += attribute(IFA_LOCAL, packed) + attribute(IFA_ADDRESS, packed)
    return Request.of(RTM_NEWADDR, NLM_F_CREATE, body, f"address {text}")


def local_route(text: str, index: int, flags: int = 0) -> Request:
    """Deliver packets for this IPv6 address to this host.

    The kernel adds this route itself, but from a work queue, even for an address without duplicate
    detection (addrconf_dad_completed); what comes before that is dropped.
    """
    head = RTMSG.pack(Family.IPV6, 128, 0, 0, RT_TABLE_LOCAL, RTPROT_KERNEL, 0, RTN_LOCAL, 0)
    body = head + _way(Family.IPV6, text, index)
    flags |= NLM_F_CREATE | NLM_F_REPLACE
    return Request.of(RTM_NEWROUTE, flags, body, f"the local route of {text}")


def route(family: Family, network: str, prefix: int, index: int, gateway: str = "") -> Request:
    """Route a network over a link, through a gateway or directly. Acknowledged."""
    scope = RT_SCOPE_LINK if not gateway and family is Family.IPV4 else 0
    body = RTMSG.pack(
        family, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST, 0
    ) + _way(family, network, index, gateway)
    flags = NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK
    return Request.of(RTM_NEWROUTE, flags, body, f"a route to {network}/{prefix}")


def _way(family: Family, network: str, index: int, gateway: str = "") -> bytes:
    through = attribute(RTA_GATEWAY, _packed(family, gateway)) if gateway else b""
    there = attribute(RTA_DST, _packed(family, network))
    return there + through + attribute(RTA_OIF, _number(index))


def neighbour(family: Family, text: str, index: int, hardware: str, flags: int = 0) -> Request:
    """Set the hardware address of an address permanently; without one, packets for it wait."""
    state = NUD_PERMANENT if hardware else NUD_INCOMPLETE
    body = NDMSG.pack(family, index, state, 0, 0) + attribute(NDA_DST, _packed(family, text))
    if hardware:
        body += attribute(NDA_LLADDR, _hardware(hardware))
    flags |= NLM_F_CREATE | NLM_F_REPLACE
    return Request.of(RTM_NEWNEIGH, flags, body, f"neighbour {text}")
