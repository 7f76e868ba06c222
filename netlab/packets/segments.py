# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole TCP segments as bytes (RFC 9293, section 3.1)."""

from __future__ import annotations

import functools
import socket
import struct

from netlab.packets import options
from netlab.packets.headers import TCP, End
from netlab.packets.options import TcpOptions

_HEADER = struct.Struct("!HHIIBBHHH")
_PSEUDO = struct.Struct("!II")
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
    pseudo = packed(source[0]) + packed(destination[0]) + _PSEUDO.pack(len(blank), TCP)
    summed = checksum(pseudo + blank) ^ (not intact)
    return blank[:16] + struct.pack("!H", summed) + blank[18:]


@functools.lru_cache(4096)
def packed(address: str) -> bytes:
    """An internet address as the bytes that a header has."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def checksum(covered: bytes) -> int:
    """The ones' complement of the ones' complement sum of all 16-bit words (RFC 1071)."""
    padded = covered + bytes(len(covered) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
