# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole TCP segments as bytes (RFC 9293, section 3.1)."""

from __future__ import annotations

import socket
import struct

from netlab.packets import options
from netlab.packets.headers import End
from netlab.packets.options import TcpOptions

_HEADER = struct.Struct("!HHIIBBHHH")
WINDOW = 512
NO_OPTIONS = TcpOptions()


def segment(
    source: End,
    destination: End,
    bits: int,
    sequence: int,
    acknowledgment: int = 0,
    payload: bytes = b"",
    *,
    window: int = WINDOW,
    carrying: TcpOptions = NO_OPTIONS,
    urgent: int = 0,
    intact: bool = True,
) -> bytes:
    """A segment with these control bits and absolute numbers, and the options `carrying`;
    `urgent`: its urgent pointer.

    Its checksum is filled in, and wrong where it is not to be `intact`.
    """
    extra = options.packed(carrying)
    words = (_HEADER.size + len(extra)) // 4
    header = _HEADER.pack(
        source[1], destination[1], sequence, acknowledgment, words << 4, bits, window, 0, urgent
    )
    blank = header + extra + payload
    family = socket.AF_INET6 if ":" in source[0] else socket.AF_INET
    ends = b"".join(socket.inet_pton(family, end[0]) for end in (source, destination))
    pseudo = ends + struct.pack("!II", len(blank), socket.IPPROTO_TCP)
    summed = checksum(pseudo + blank) ^ (not intact)
    return blank[:16] + struct.pack("!H", summed) + blank[18:]


def checksum(covered: bytes) -> int:
    """The ones' complement of the ones' complement sum of all 16-bit words (RFC 1071)."""
    padded = covered + bytes(len(covered) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
