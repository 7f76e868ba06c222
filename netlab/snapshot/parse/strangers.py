# SPDX-License-Identifier: GPL-2.0-or-later
"""Output of other programs: known for what it is, so that a person is told what to run instead."""

from __future__ import annotations

import re
from typing import NamedTuple


class Stranger(NamedTuple):
    """A kind of output that is no listing of TCP sockets of Linux, or too little of one."""

    name: str
    pattern: re.Pattern[str]
    instead: str  # what it does not show, and what to run
    sockets: bool = True  # whether it lists connections, so that it matters that it is not read


def _of(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{pattern})")


STRANGERS = (
    Stranger(
        "lsof",
        _of(r"COMMAND\s+PID\s|\S+\s+\d+\s.{1,80}\sTCP\s\S+(?:->\S+)?\s*\([A-Z_0-9]+\)"),
        "lsof shows neither queues nor timers: run ss -tanp as root",
    ),
    Stranger(
        "IPVS",
        _of(r"IPVS connection entries|pro\s+expire\s+state\s|IP Virtual Server|"
            r"(?:TCP|UDP)\s+\d\d:\d\d\s+[A-Z_0-9]+\s|Prot LocalAddress:Port|-> RemoteAddress:Port|"
            r"(?:TCP|UDP)\s+\S+:\d+ (?:rr|wrr|lc|wlc|sh|dh|mh)\b"),
        "entries of IPVS are no sockets: run ss -tanoei at the client and at a backend",
    ),
    Stranger(
        "connection tracking",
        _of(r"(?:\[\w+\]\s*)?(?:ipv[46]\s+\d+\s+)?(?:tcp|udp|icmp)\s+\d+\s+(?:\d+\s+)?(?:[A-Z_0-9]+\s+)?src=|"
            r"conntrack v\d"),
        "these are no whole entries of conntrack -L, and entries are no sockets: run ss -tanoei at "
        "both ends",
    ),
    Stranger(
        "MPTCP",
        _of(r"mptcp\s+\S+\s+\d+\s+\d+\s"),
        "an MPTCP socket is no TCP socket: run ss -tanoei, which shows its subflows",
    ),
    Stranger(
        "netstat of another system",
        _of(r"tcp(?:4|46|64)\s+\d|TCP\s+\S+:\d+\s+\S+:\d+\s+[A-Z_]+|"
            r"tcp6?\s+\d+\s+\d+\s+\S+\.(?:\d+|\*)\s+\S+\.(?:\d+|\*)\s+[A-Z_0-9]+\s*$|"
            r"Active Connections$"),
        "this is netstat of another system (macOS, a BSD, Windows), and only Linux shows what is "
        "needed: run ss -tanoei or netstat -tno on the Linux end",
    ),
    Stranger(
        "unix sockets",
        _of(r"u_(?:str|dgr|seq)\s|unix\s+\d+\s|Active UNIX domain"),
        "unix sockets are no TCP sockets: run ss -tanoei",
    ),
    Stranger(
        "routes and neighbours",
        _of(r"default via \S|\S+ dev \S+ (?:proto|scope|lladdr|src|metric|FAILED|INCOMPLETE)|"
            r"Kernel IP routing table|Destination\s+Gateway\s|\S+ via \S+ dev \S|"
            r"(?:local|broadcast|unreachable|blackhole|prohibit) \S+ (?:dev|proto)"),
        "routes and neighbours are no sockets: add ss -tanoei",
        sockets=False,
    ),
    Stranger(
        "tcpdump",
        _of(r"\d\d:\d\d:\d\d\.\d+ (?:IP6?|ARP) "),
        "packets are no sockets: add ss -tanoei",
        sockets=False,
    ),
)  # fmt: skip

BY_NAME = {stranger.name: stranger for stranger in STRANGERS}


def of_protocols(names: set[str]) -> str:
    """What to say of a listing that has sockets of other protocols only; "" where it has none."""
    if "mptcp" in names:
        return BY_NAME["MPTCP"].instead
    if any(name.startswith("u") and name != "udp" for name in names):
        return BY_NAME["unix sockets"].instead
    return f"only sockets of {', '.join(sorted(names))}: run ss -tanoei" if names else ""


def known(line: str) -> Stranger | None:
    """What a line is, if it is of a known other program."""
    short = line[:400]
    return next((stranger for stranger in STRANGERS if stranger.pattern.match(short)), None)
