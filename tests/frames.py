# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds frames by hand, as both ends of a wire and the rules at them would have seen them."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from netlab.model.evidence import Frame, Recording
from netlab.model.vocabulary import Hook, Side

CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 6666)
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
WAY = 5e-6  # seconds from end to end
KEPT = 128  # bytes of each packet

End = tuple[str, int]


def tcp(
    source: End,
    destination: End,
    bits: int,
    sequence: int = 0,
    acknowledgment: int = 0,
    payload: int = 0,
    window: int = 500,
    stamp: int = 1,
) -> tuple[bytes, int]:
    """A TCP segment over IPv4 or IPv6, whichever the addresses are, and its true length."""
    header = struct.pack(
        "!HHIIBBHHHBBBBII",
        source[1], destination[1], sequence % 2**32, acknowledgment % 2**32,
        8 << 4, bits, window, 0xABCD, 0, 1, 1, 8, 10, stamp, 0,
    )  # fmt: skip
    return ip(source[0], destination[0], 6, header + bytes(min(payload, KEPT)), 32 + payload)


def udp(source: End, destination: End, payload: int) -> tuple[bytes, int]:
    header = struct.pack("!HHHH", source[1], destination[1], 8 + payload, 0)
    return ip(source[0], destination[0], 17, header + bytes(payload), 8 + payload)


def icmp(source: str, destination: str, kind: int, code: int, about: bytes) -> tuple[bytes, int]:
    body = struct.pack("!BBHI", kind, code, 0, 0) + about
    return ip(source, destination, 58 if ":" in source else 1, body, len(body))


def ip(source: str, destination: str, protocol: int, body: bytes, length: int) -> tuple[bytes, int]:
    if ":" in source:
        ends = b"".join(socket.inet_pton(socket.AF_INET6, end) for end in (source, destination))
        header = struct.pack("!IHBB", 6 << 28, length & 0xFFFF, protocol, 64) + ends
    else:
        ends = b"".join(socket.inet_aton(end) for end in (source, destination))
        total = (20 + length) & 0xFFFF
        header = struct.pack("!BBHHHBBH", 0x45, 0, total, 0, 0x4000, 64, protocol, 0xEEEE) + ends
    return (header + body)[:KEPT], len(header) + length


def mine(bits: int, sequence: int, acknowledgment: int = 5001, **more: int) -> tuple[bytes, int]:
    """A segment of the client's, after `handshake`."""
    return tcp(CLIENT, SERVER, bits, sequence, acknowledgment, **more)


def theirs(bits: int, sequence: int, acknowledgment: int = 1001, **more: int) -> tuple[bytes, int]:
    """A segment of the server's, after `handshake`."""
    return tcp(SERVER, CLIENT, bits, sequence, acknowledgment, **more)


def passing(
    at: float, sender: Side, packet: tuple[bytes, int], fault: str = "", way: float = WAY
) -> list[Frame]:
    """A packet that leaves one end and comes in at the other, where a fault may drop it."""
    data, length = packet
    there = sender.peer
    frames = [
        Frame(at, sender, "out", length, data),
        Frame(at + way, there, "in", length, data),
    ]
    if fault:
        frames.append(Frame(at + way, there, "dropped", length, data, fault, Hook.INPUT))
    return frames


def refused(at: float, sender: Side, packet: tuple[bytes, int], fault: str) -> list[Frame]:
    """A packet that its sender's own firewall drops."""
    data, length = packet
    return [Frame(at, sender, "dropped", length, data, fault, Hook.OUTPUT)]


def recording(
    *frames: Iterable[Frame], client: End = CLIENT, server: End = SERVER, missed: int = 0
) -> Recording:
    """All of these frames, in the order of their times."""
    ordered = sorted((f for some in frames for f in some), key=lambda frame: frame.at)
    return Recording(1_700_000_000_000_000_000, client, server, tuple(ordered), missed=missed)


def handshake(at: float, first: int = 1000, answer: int = 5000) -> list[Frame]:
    """The three segments that open a connection between the usual ends."""
    return [
        *passing(at, Side.CLIENT, tcp(CLIENT, SERVER, SYN, first)),
        *passing(at + 20e-6, Side.SERVER, tcp(SERVER, CLIENT, SYN | ACK, answer, first + 1)),
        *passing(at + 50e-6, Side.CLIENT, tcp(CLIENT, SERVER, ACK, first + 1, answer + 1)),
    ]
