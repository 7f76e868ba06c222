# SPDX-License-Identifier: GPL-2.0-or-later
"""The options of TCP segments (RFC 9293, section 3.2; RFC 7323, 2018, 7413), written and read."""

from __future__ import annotations

import struct
from typing import NamedTuple

END, NO_OPERATION = 0, 1
MSS, SCALE, SACK_PERMITTED, SACK, TIMESTAMPS, FAST_OPEN = 2, 3, 4, 5, 8, 34
Blocks = tuple[tuple[int, int], ...]
_STAMPS = struct.Struct("!II")
_PADDED_STAMPS = bytes([NO_OPERATION, NO_OPERATION, TIMESTAMPS, 10])


class TcpOptions(NamedTuple):
    """The options of one segment, in absolute numbers; None or nothing: it has no such option."""

    mss: int | None = None
    scale: int | None = None  # the shift of the window, RFC 7323
    may_sack: bool = False
    sack: Blocks = ()  # what was received beyond the next number: first, and the one after the last
    timestamps: tuple[int, int] | None = None  # TSval and TSecr
    cookie: bytes | None = None  # of TCP Fast Open; nothing in it: one is asked for
    unknown: tuple[int, ...] = ()  # the kinds of others


def packed(options: TcpOptions) -> bytes:
    """The bytes of options, a multiple of four. Unknown ones have no data."""
    said = b""
    if options.mss is not None:
        said += struct.pack("!BBH", MSS, 4, options.mss)
    if options.may_sack:
        said += bytes([SACK_PERMITTED, 2])
    if options.timestamps is not None:
        said += struct.pack("!BBII", TIMESTAMPS, 10, *options.timestamps)
    if options.scale is not None:
        said += bytes([SCALE, 3, options.scale])
    if options.sack:
        numbers = [number for block in options.sack for number in block]
        said += struct.pack(f"!BB{len(numbers)}I", SACK, 2 + 4 * len(numbers), *numbers)
    if options.cookie is not None:
        said += bytes([FAST_OPEN, 2 + len(options.cookie)]) + options.cookie
    for kind in options.unknown:
        said += bytes([kind, 2])
    return bytes([NO_OPERATION] * (-len(said) % 4)) + said


def read(raw: bytes) -> TcpOptions:
    """The options of a header; what is malformed ends the reading."""
    if len(raw) == 12 and raw.startswith(_PADDED_STAMPS):  # as nearly all segments have them
        return TcpOptions(timestamps=_STAMPS.unpack_from(raw, 4))
    found: dict[str, object] = {}
    unknown: list[int] = []
    at = 0
    while at < len(raw) and raw[at] != END:
        if raw[at] == NO_OPERATION:
            at += 1
            continue
        length = raw[at + 1] if at + 1 < len(raw) else 0
        if length < 2 or at + length > len(raw):
            break
        name, value = _one(raw[at], raw[at + 2 : at + length])
        if name:
            found[name] = value
        else:
            unknown.append(raw[at])
        at += length
    return TcpOptions(**found, unknown=tuple(unknown))  # type: ignore[arg-type] # `_one` has the types


def _one(kind: int, data: bytes) -> tuple[str, object]:
    """One option's name in `TcpOptions`, and its value; no name: it is not one of those."""
    match kind, len(data):
        case (8, 8):
            return "timestamps", _STAMPS.unpack(data)
        case (2, 2):
            return "mss", int.from_bytes(data)
        case (3, 1):
            return "scale", data[0]
        case (4, 0):
            return "may_sack", True
        case (5, size) if size and size % 8 == 0:
            return "sack", tuple(struct.iter_unpack("!II", data))
        case (34, _):
            return "cookie", data
    return "", None
