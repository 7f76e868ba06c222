# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel knows of one TCP socket: ``struct tcp_info`` (linux/tcp.h), by sock_diag(7)."""

from __future__ import annotations

import socket
import struct
import sys

from netlab.linux import netlink
from netlab.linux.transport import Request, Transport
from netlab.model.tcp import State

SOCK_DIAG_BY_FAMILY, SOCK_DESTROY = 20, 21
INET_DIAG_INFO = 2
ALL_STATES, NO_COOKIE = 0xFFFFFFFF, 0xFFFFFFFF
MESSAGE, STATE_AT = 72, 1  # bytes of struct inet_diag_msg, and where it has the state
#: struct tcp_info, by the names that ``ss -i`` has for its fields: offset and size in bytes, and
#: the divisor that gives milliseconds. Fields that a kernel does not have are left out.
INFO = {
    "backoff": (4, 1, 1), "rto": (8, 4, 1000), "ato": (12, 4, 1000), "mss": (16, 4, 1),
    "rcvmss": (20, 4, 1), "unacked": (24, 4, 1), "sacked": (28, 4, 1), "lost": (32, 4, 1),
    "retrans": (36, 4, 1), "lastsnd": (44, 4, 1), "lastrcv": (52, 4, 1), "lastack": (56, 4, 1),
    "pmtu": (60, 4, 1), "ssthresh": (76, 4, 1), "cwnd": (80, 4, 1),
    "advmss": (84, 4, 1), "retrans_total": (100, 4, 1), "bytes_acked": (120, 8, 1),
    "bytes_received": (128, 8, 1), "segs_out": (136, 4, 1), "segs_in": (140, 4, 1),
    "notsent": (144, 4, 1), "data_segs_in": (152, 4, 1), "data_segs_out": (156, 4, 1),
    "busy": (168, 8, 1000), "rwnd_limited": (176, 8, 1000), "delivered": (192, 4, 1),
    "bytes_sent": (200, 8, 1), "bytes_retrans": (208, 8, 1), "dsack_dups": (216, 4, 1),
    "snd_wnd": (228, 4, 1), "rcv_wnd": (232, 4, 1),
}  # fmt: skip
#: And what both ends have agreed upon: 1 if they use it (TCPI_OPT_*).
OPTIONS_AT, OPTIONS = 5, {"ts": 1, "sack": 2, "wscale": 4, "ecn": 8}
SCALES_AT = 6  # four bits each
REORDERING_AT = 88
NAMES = (*INFO, *OPTIONS, "snd_wscale", "rcv_wscale", "reordering")

End = tuple[str, int]


def info(transport: Transport, local: End, remote: End) -> dict[str, int] | None:
    """The figures of one socket, by `NAMES`, times in milliseconds. Those that this kernel does not
    have are left out; a socket in TIME_WAIT or SYN_RECV has none at all. None: there is no such
    socket.

    Raises `LabError` if the kernel refuses (it has no module tcp_diag).
    """
    answer = transport.find(_request(local, remote, 1 << (INET_DIAG_INFO - 1)))
    if answer is None or int.from_bytes(answer[6:8], "big") != remote[1]:  # it found a listener
        return None
    for kind, start, end in netlink.places(answer, MESSAGE, len(answer)):
        if kind == INET_DIAG_INFO:
            return _figures(bytes(answer[start:end]))
    return {}


def state(transport: Transport, local: End, remote: End) -> State:
    """The state of the socket between these ends; LISTEN, if there is none and somebody listens at
    the local one; else CLOSED. It costs the same however many sockets there are.

    Raises `LabError` if the kernel refuses (it has no module tcp_diag).
    """
    answer = transport.find(_request(local, remote))
    return State.CLOSED if answer is None else State(answer[STATE_AT])


def destroy(transport: Transport, local: End, remote: End) -> None:
    """End the connection between these ends, as ``ss -K`` does: its program finds ECONNABORTED, and
    the peer is sent a RST. Nothing is done where there is none.

    Raises `LabError` if the kernel refuses (it is built without CONFIG_INET_DIAG_DESTROY).
    """
    asked = _request(local, remote, kind=SOCK_DESTROY, purpose="to end a connection")
    transport.find(asked.asking())


def _request(
    local: End,
    remote: End,
    figures: int = 0,
    kind: int = SOCK_DIAG_BY_FAMILY,
    purpose: str = "the figures of a socket",
) -> Request:
    family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
    ends = [socket.inet_pton(family, end[0]).ljust(16, b"\0") for end in (local, remote)]
    wanted = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, figures, ALL_STATES)
    ports = struct.pack("!HH", local[1], remote[1])
    cookie = struct.pack("=III", 0, NO_COOKIE, NO_COOKIE)
    data = wanted + ports + b"".join(ends) + cookie
    return Request(netlink.message(kind, 0, data), purpose)


def _figures(raw: bytes) -> dict[str, int]:
    found = {
        name: int.from_bytes(raw[at : at + size], sys.byteorder) // divisor
        for name, (at, size, divisor) in {**INFO, "reordering": (REORDERING_AT, 4, 1)}.items()
        if at + size <= len(raw)
    }
    found |= {name: int(bool(raw[OPTIONS_AT] & bit)) for name, bit in OPTIONS.items()}
    low, high = raw[SCALES_AT] & 0xF, raw[SCALES_AT] >> 4
    sending, receiving = (low, high) if sys.byteorder == "little" else (high, low)
    return {**found, "snd_wscale": sending, "rcv_wscale": receiving}
