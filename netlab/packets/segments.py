# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole TCP segments as bytes (RFC 9293, section 3.1)."""

from __future__ import annotations

import socket
import struct

from netlab.packets.headers import ACK, PSH, End

_HEADER = struct.Struct("!HHIIBBHHH")
WINDOW = 512


def data(
    source: End, destination: End, sequence: int, acknowledgment: int, payload: bytes
) -> bytes:
    """A segment with data, without options, its checksum filled in."""
    ports = source[1], destination[1]
    bits = PSH | ACK
    blank = _HEADER.pack(*ports, sequence, acknowledgment, 5 << 4, bits, WINDOW, 0, 0) + payload
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    ends = b"".join(socket.inet_pton(family, end[0]) for end in (source, destination))
    pseudo = ends + struct.pack("!II", len(blank), socket.IPPROTO_TCP)
    return blank[:16] + struct.pack("!H", _checksum(pseudo + blank)) + blank[18:]


def _checksum(covered: bytes) -> int:
    """The ones' complement of the ones' complement sum of all 16-bit words (RFC 1071)."""
    padded = covered + bytes(len(covered) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
