# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads the headers of a packet from its first bytes: IPv4, IPv6, TCP, UDP and ICMP."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from netlab.model.evidence import Frame
from netlab.model.tcp import Segment

End = tuple[str, int]

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
_NAMES = {2: "IGMP", 47: "GRE", 50: "ESP", 51: "AH", 89: "OSPF", 132: "SCTP"}
_CHECKSUMS = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}  # where it is in each header
_EXTENSIONS = {0, 43, 60}  # of IPv6: for every hop, routing, for the destination
_FRAGMENT = 44

_UNREACHABLE = {
    0: "net", 1: "host", 2: "protocol", 3: "port", 6: "net unknown,", 7: "host unknown,",
}  # fmt: skip
_ICMP: dict[tuple[int, int | None], str] = {
    **{(3, code): f"{name} unreachable" for code, name in _UNREACHABLE.items()},
    (3, 4): "fragmentation needed",
    (3, 9): "net prohibited",
    (3, 10): "host prohibited",
    (3, 13): "admin prohibited",
    (0, None): "echo reply",
    (5, None): "redirect",
    (8, None): "echo request",
    (11, None): "time exceeded",
}
_ICMPV6: dict[tuple[int, int | None], str] = {
    (1, 0): "no route",
    (1, 1): "admin prohibited",
    (1, 2): "beyond scope",
    (1, 3): "address unreachable",
    (1, 4): "port unreachable",
    (1, 5): "policy fail",
    (1, 6): "reject route",
    (2, None): "packet too big",
    (3, None): "time exceeded",
    (4, None): "parameter problem",
    (128, None): "echo request",
    (129, None): "echo reply",
    (133, None): "router solicitation",
    (134, None): "router advertisement",
    (135, None): "neighbour solicitation",
    (136, None): "neighbour advertisement",
    (143, None): "multicast listener report",
}
_ERRORS = {ICMP: {3, 5, 11, 12}, ICMPV6: {1, 2, 3, 4}}  # that quote the packet they are about


class Headers(NamedTuple):
    """The contents of the headers, in absolute numbers; `length` is in bytes of payload."""

    source: End
    destination: End
    length: int = 0
    tcp: bool = False
    bits: int = 0
    sequence: int = 0
    acknowledgment: int = 0
    window: int = 0
    text: str = ""
    inner: tuple[End, End] | None = None  # of the packet that an ICMP error quotes


def segment(bits: int, payload: bool) -> Segment:
    """The `Segment` for these control bits; DATA if it has payload and none of SYN, FIN, RST."""
    return _SEGMENTS[bits & CONTROL, payload]


def _segment(bits: int, payload: bool) -> Segment:
    data = payload and not bits & (FIN | SYN | RST)
    return Segment(bits) | (Segment.DATA if data else Segment.ANY)


CONTROL = FIN | SYN | RST | ACK
_SEGMENTS = {  # enum.Flag takes a microsecond
    (bits, payload): _segment(bits, payload)
    for bits in range(0x20)
    if not bits & ~CONTROL
    for payload in (False, True)
}


def lasting(data: bytes) -> bytes:
    """The headers without what changes on the way: checksums, which offloading leaves out at one
    end, and the hop limit (TTL), which a router decrements.
    """
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        start, protocol = (data[0] & 0x0F) * 4, data[9]
        front = data[:8] + data[9:10] + data[12:start]
    elif version == 6 and len(data) >= 40:
        start, protocol = 40, data[6]
        front = data[:7] + data[8:40]
    else:
        return data
    end = start + (data[start + 12] >> 4) * 4 if protocol == TCP and len(data) > start + 12 else 64
    checksum = start + _CHECKSUMS.get(protocol, 0)
    if protocol not in _CHECKSUMS:
        return front + data[start:end]
    return front + data[start:checksum] + data[checksum + 2 : end]


def readdressed(data: bytes, source: End, destination: End) -> bytes:
    """The packet with other ends: addresses, and the ports of TCP and UDP."""
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    addresses = b"".join(socket.inet_pton(family, end[0]) for end in (source, destination))
    if family == socket.AF_INET:
        start, protocol, at = (data[0] & 0x0F) * 4, data[9], 12
    else:
        start, protocol, at = 40, data[6], 8
    data = data[:at] + addresses + data[at + len(addresses) :]
    if protocol not in (TCP, UDP) or len(data) < start + 4:
        return data
    return data[:start] + struct.pack("!HH", source[1], destination[1]) + data[start + 4 :]


def read(frame: Frame) -> Headers:
    """The headers of a frame. Never raises: one that cannot be read is called malformed."""
    try:
        return decoded(frame.data, frame.length)
    except (struct.error, IndexError, ValueError):
        return Headers(("", 0), ("", 0), frame.length, text="malformed packet")


def decoded(data: bytes, length: int) -> Headers:
    """The headers of a packet of that length, from its first bytes.

    Raises struct.error, IndexError or ValueError where the data is malformed.
    """
    version = data[0] >> 4
    if version == 4:
        start, protocol = (data[0] & 0x0F) * 4, data[9]
        source, destination = _address(data[12:16]), _address(data[16:20])
        fragment = int.from_bytes(data[6:8]) & 0x1FFF
    elif version == 6:
        source, destination = _address(data[8:24]), _address(data[24:40])
        start, protocol, fragment = _after_extensions(data)
    else:
        raise ValueError(f"version {version}")
    if fragment:
        text = f"fragment at {8 * fragment}"
        return Headers((source, 0), (destination, 0), max(0, length - start), text=text)
    if protocol == TCP:
        return _tcp(data, start, length, source, destination)
    return _other(data, start, length, source, destination, protocol)


def _address(raw: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _after_extensions(data: bytes) -> tuple[int, int, int]:
    """The start of IPv6's payload, its protocol, and its offset if it is a fragment."""
    start, protocol, fragment = 40, data[6], 0
    while protocol in _EXTENSIONS or protocol == _FRAGMENT:
        following = data[start]
        if protocol == _FRAGMENT:
            fragment = int.from_bytes(data[start + 2 : start + 4]) >> 3
            start += 8
        else:
            start += 8 + 8 * data[start + 1]
        protocol = following
    return start, protocol, fragment


_TCP = struct.Struct("!HHIIBBH")


def _tcp(data: bytes, start: int, length: int, source: str, destination: str) -> Headers:
    port, to_port, sequence, acknowledgment, offset, bits, window = _TCP.unpack_from(data, start)
    return Headers(
        (source, port),
        (destination, to_port),
        max(0, length - start - (offset >> 4) * 4),
        True,
        bits,
        sequence,
        acknowledgment,
        window,
        "" if bits & (FIN | SYN | RST | ACK) else "TCP without control bits",
    )


def _other(
    data: bytes, start: int, length: int, source: str, destination: str, protocol: int
) -> Headers:
    ends = (source, 0), (destination, 0)
    if protocol == UDP:
        port, to_port = struct.unpack_from("!HH", data, start)
        payload = max(0, length - start - 8)
        text = f"UDP {payload} B"
        return Headers((source, port), (destination, to_port), payload, text=text)
    if protocol not in (ICMP, ICMPV6):
        text = _NAMES.get(protocol, f"IP protocol {protocol}")
        return Headers(*ends, max(0, length - start), text=text)
    kind, code = data[start], data[start + 1]
    names = _ICMP if protocol == ICMP else _ICMPV6
    name = names.get((kind, code)) or names.get((kind, None)) or f"type {kind} code {code}"
    text = f"{'ICMP' if protocol == ICMP else 'ICMPv6'} {name}"
    inner = _quoted(data[start + 8 :]) if kind in _ERRORS[protocol] else None
    return Headers(*ends, max(0, length - start - 8), text=text, inner=inner)


def _quoted(data: bytes) -> tuple[End, End] | None:
    """The two ends of the packet that an ICMP error is about, if enough of it is there."""
    try:
        quoted = decoded(data + bytes(20), len(data))  # ICMP may quote eight bytes of TCP only
    except (struct.error, IndexError, ValueError):
        return None
    return quoted.source, quoted.destination
