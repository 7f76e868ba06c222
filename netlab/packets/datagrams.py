# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole IP packets as bytes, of what is in them: RFC 791, RFC 8200; and ICMP's messages."""

from __future__ import annotations

import struct

from netlab.packets.headers import ICMP, ICMPV6
from netlab.packets.segments import checksum, packed

HOPS = 64
ECHO = {4: 8, 6: 128}  # its type, by the version of IP


def datagram(source: str, destination: str, protocol: int, payload: bytes) -> bytes:
    """An IP packet without options, from the first byte of its header on."""
    addresses = packed(source) + packed(destination)
    if ":" in source:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, HOPS) + addresses + payload
    length, unfragmented = 20 + len(payload), 0x4000
    blank = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, unfragmented, HOPS, protocol, 0)
    summed = struct.pack("!H", checksum(blank + addresses))
    return blank[:10] + summed + addresses + payload


def echo_request(source: str, destination: str, number: int) -> bytes:
    """What ``ping`` sends: an IP packet with an echo request of that number, modulo 2^16."""
    kind = ECHO[6 if ":" in source else 4]
    return icmp(source, destination, kind, 0, struct.pack("!HH", 0, number & 0xFFFF))


def icmp(source: str, destination: str, kind: int, code: int, rest: bytes) -> bytes:
    """An IP packet with a message of ICMP (RFC 792) or ICMPv6 (RFC 4443): its type, its code, and
    what follows its checksum.
    """
    protocol = ICMPV6 if ":" in source else ICMP
    blank = struct.pack("!BBH", kind, code, 0) + rest
    covered = blank
    if protocol == ICMPV6:
        pseudo = struct.pack("!II", len(blank), protocol)
        covered = packed(source) + packed(destination) + pseudo + blank
    summed = struct.pack("!H", checksum(covered))
    return datagram(source, destination, protocol, blank[:2] + summed + blank[4:])
