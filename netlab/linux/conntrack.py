# SPDX-License-Identifier: GPL-2.0-or-later
"""The connections that one namespace tracks (``net/netfilter/nf_conntrack_netlink.c``)."""

from __future__ import annotations

import contextlib
import functools
import socket
from dataclasses import dataclass

from netlab.linux import netlink
from netlab.linux.namespace import Namespace
from netlab.linux.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, attribute, attributes
from netlab.linux.transport import Request, Transport
from netlab.model.errors import Absent
from netlab.model.vocabulary import CONNTRACK

NFNL_SUBSYS_CTNETLINK = 1
IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE = 1, 2
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_PROTOINFO = 1, 2, 3, 4
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_V4_SRC, CTA_IP_V6_SRC = 1, 3  # the destination's follows
NLA_F_NESTED = 1 << 15
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE = 1, 1
CTA_TIMESTAMP, CTA_TIMESTAMP_START = 20, 1
IPS_SEEN_REPLY = 2
NFGENMSG_SIZE = 4
#: What a table shows of a connection that it does not hold.
NOTHING = "nothing"
LOOSE = "net.netfilter.nf_conntrack_tcp_loose"
NOTES_TIMES = "net.netfilter.nf_conntrack_timestamp"

Endpoint = tuple[str, int]
Ends = tuple[Endpoint, Endpoint]  # source and destination

_LISTING = Request(
    netlink.message(
        NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, bytes(4)
    ),
    "the connections that are tracked",
)
_FLUSH = Request(
    netlink.message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, NLM_F_ACK, bytes(4)),
    "to forget all connections that are tracked",
)


@dataclass(frozen=True, slots=True)
class TrackedConnection:
    """One TCP connection in the table: its ends as the first packet had them, and as answers do.

    Without translation the second pair is the first one turned round.
    """

    original: Ends
    reply: Ends
    state: str  # one of `CONNTRACK`
    replied: bool  # False: [UNREPLIED]
    #: When it was made, in nanoseconds of CLOCK_REALTIME; None where the kernel does not note it.
    since: int | None = None

    @property
    def beyond(self) -> Ends:
        """Source and destination of the first packet behind this host."""
        source, destination = self.reply
        return destination, source

    def __str__(self) -> str:
        """As ``conntrack -L`` prints it, without its timeout."""
        (source, sport), (destination, dport) = self.original
        (rsource, rsport), (rdestination, rdport) = self.reply
        unreplied = "" if self.replied else "[UNREPLIED] "
        return (
            f"tcp      6 {self.state} src={source} dst={destination} sport={sport} dport={dport} "
            f"{unreplied}src={rsource} dst={rdestination} sport={rsport} dport={rdport}"
        )


def entries(transport: Transport) -> list[TrackedConnection]:
    """The TCP connections of the namespace that a netfilter socket was opened in.

    The kernel walks one table for the whole machine: 10 ms, however few there are. Raises
    `LabError` where it cannot list them.
    """
    found = (_entry(payload) for payload in transport.dump(_LISTING))
    return [entry for entry in found if entry is not None]


def find(transport: Transport, ends: Ends) -> TrackedConnection | None:
    """The entry of packets with this source and destination; None if there is none. Raises
    `LabError` where the kernel cannot tell.
    """
    answer = transport.find(_question(ends))
    return _entry(answer) if answer is not None else None


def _entry(payload: memoryview) -> TrackedConnection | None:
    parts = dict(attributes(payload[NFGENMSG_SIZE:]))
    original, reply = _ends(parts[CTA_TUPLE_ORIG]), _ends(parts[CTA_TUPLE_REPLY])
    if original is None or reply is None or CTA_PROTOINFO not in parts:
        return None
    tcp = dict(attributes(dict(attributes(parts[CTA_PROTOINFO]))[CTA_PROTOINFO_TCP]))
    status = int.from_bytes(parts[CTA_STATUS], "big")
    state = CONNTRACK[tcp[CTA_PROTOINFO_TCP_STATE][0]]
    stamps = dict(attributes(parts[CTA_TIMESTAMP])) if CTA_TIMESTAMP in parts else {}
    since = int.from_bytes(stamps[CTA_TIMESTAMP_START], "big") if stamps else None
    return TrackedConnection(original, reply, state, bool(status & IPS_SEEN_REPLY), since)


@functools.lru_cache(maxsize=4096)
def _question(ends: Ends) -> Request:
    family = socket.AF_INET6 if ":" in ends[0][0] else socket.AF_INET
    first = CTA_IP_V6_SRC if family == socket.AF_INET6 else CTA_IP_V4_SRC
    addresses = b"".join(
        attribute(kind, socket.inet_pton(family, address))
        for kind, (address, _) in enumerate(ends, start=first)
    )
    ports = b"".join(
        attribute(kind, port.to_bytes(2, "big"))
        for kind, (_, port) in enumerate(ends, start=CTA_PROTO_SRC_PORT)
    )
    protocol = attribute(CTA_PROTO_NUM, bytes([socket.IPPROTO_TCP])) + ports
    nested = _nested(CTA_TUPLE_IP, addresses) + _nested(CTA_TUPLE_PROTO, protocol)
    body = bytes([family, 0, 0, 0]) + _nested(CTA_TUPLE_ORIG, nested)
    kind = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET
    return Request(netlink.message(kind, NLM_F_REQUEST, body), "an entry of its connections")


def _nested(kind: int, value: bytes) -> bytes:
    return attribute(NLA_F_NESTED | kind, value)


def forget(transport: Transport) -> None:
    """Forget every connection (``conntrack -F``). Raises `LabError` where the kernel cannot."""
    transport.send([_FLUSH])


@functools.cache
def is_there() -> bool:
    """True if this kernel tracks connections (nf_conntrack)."""
    with contextlib.closing(Namespace.create()) as namespace:
        try:
            namespace.sysctl(LOOSE)
        except Absent:
            return False
    return True


def _ends(nested: memoryview) -> Ends | None:
    """Source and destination of a tuple; None where that is not of TCP."""
    parts = dict(attributes(nested))
    protocol = dict(attributes(parts[CTA_TUPLE_PROTO]))
    if protocol[CTA_PROTO_NUM][0] != socket.IPPROTO_TCP:
        return None
    addresses = [bytes(value) for _, value in sorted(attributes(parts[CTA_TUPLE_IP]))]
    ports = [
        int.from_bytes(protocol[kind], "big") for kind in (CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT)
    ]
    source, destination = (
        (socket.inet_ntop(socket.AF_INET if len(each) == 4 else socket.AF_INET6, each), port)
        for each, port in zip(addresses, ports, strict=True)
    )
    return source, destination
