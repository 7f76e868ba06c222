# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters, from ``nstat -az``, ``netstat -s``, ``/proc/net/netstat`` or ``/proc/net/snmp``.

They have the names of `netlab.linux.nstat`: those of TcpExt without their prefix.
"""

from __future__ import annotations

import re

from netlab.linux.nstat import named
from netlab.snapshot.parse.listing import Unread
from netlab.snapshot.records import Socket

HEADING = re.compile(r"\s*(?:#kernel\b|#\d+\.\d+ sampling|#nstat\b)")
ROW = re.compile(
    r"\s*(?P<name>(?:Tcp|Ip|Icmp|Udp|MPTcp|Sctp)\w{1,60})\s+(?P<count>-?\d{1,20})(?:\s+[\d.]+)?\s*$"
)
GROUP = re.compile(r"(?P<group>Tcp|TcpExt|Ip|IpExt|Icmp|IcmpMsg|Udp|UdpLite|MPTcpExt|Ip6|Icmp6):")
PAIR = re.compile(GROUP.pattern + r"(?P<values>(?:\s+\S+)+)\s*$")
NAMED = re.compile(r"\s+(?P<name>[A-Z]\w+): (?P<count>-?\d{1,20})\s*$")
COUNT = re.compile(r"[0-9]{1,20}")
#: The sentences of ``netstat -s`` for counters that matter to stuck connections.
SENTENCES = {
    "connection resets received": "TcpEstabResets",
    "resets sent": "TcpOutRsts",
    "segments retransmitted": "TcpRetransSegs",
    "segments retransmited": "TcpRetransSegs",
    "failed connection attempts": "TcpAttemptFails",
    "times the listen queue of a socket overflowed": "ListenOverflows",
    "SYNs to LISTEN sockets dropped": "ListenDrops",
    "SYNs to LISTEN sockets ignored": "ListenDrops",
    "active connection openings": "TcpActiveOpens",
    "active connections openings": "TcpActiveOpens",
    "passive connection openings": "TcpPassiveOpens",
    "SYN cookies sent": "SyncookiesSent",
    "SYN cookies received": "SyncookiesRecv",
    "invalid SYN cookies received": "SyncookiesFailed",
    "resets received for embryonic SYN_RECV sockets": "EmbryonicRsts",
    "TCP sockets finished time wait in fast timer": "TW",
}


class CounterReader:
    """One listing of counters."""

    def __init__(self, command: str = "") -> None:
        self.source = command or "nstat"
        self.headed = False
        self.unread: list[Unread] = []
        self.counters: dict[str, int] = {}
        self.notes: list[str] = []
        words = command.split()
        if "nstat" in words and not any("a" in w for w in words if w.startswith("-")):
            self.notes.append("nstat without -a counts from when it last ran: use 'nstat -az'")
        self._names: tuple[str, list[str]] | None = None  # of a pair of lines, the first
        #: Of netstat -s; an excerpt may have lost the line that names it.
        self._group: str | None = "TcpExt" if "netstat" in words else None

    @property
    def pending(self) -> bool:
        """Whether the rest of the last row is still to come: never."""
        return False

    def heading(self, line: str) -> bool:
        """Whether this is the first line of nstat's output."""
        return HEADING.match(line) is not None

    def row(self, line: str, number: int) -> bool:
        """Take a line if it is a counter; True if it belongs to the listing."""
        match = ROW.match(line)
        if match is not None:
            self._put(match["name"].removeprefix("TcpExt"), match["count"])
            return True
        count, _, words = line.strip().partition(" ")
        if words in SENTENCES and COUNT.fullmatch(count):
            self._put(SENTENCES[words], count)
            return True
        match = PAIR.match(line)
        if match is not None:
            self._pair(match["group"], match["values"].split())
            return True
        match = GROUP.match(line.strip())
        if match is not None and match.end() == len(line.strip()):
            self._group = match["group"]
            return True
        return False

    def _put(self, name: str, count: str) -> None:
        self.counters[name] = int(count)

    def _pair(self, group: str, values: list[str]) -> None:
        """``TcpExt: NAME NAME ...`` and then ``TcpExt: 1 2 ...``."""
        if self._names is None or self._names[0] != group:
            self._names = group, values
            return
        names, self._names = self._names[1], None
        for name, count in zip(names, values, strict=False):
            if re.fullmatch(r"-?\d{1,20}", count):
                self._put(named(group, name), count)

    def more(self, line: str, number: int) -> bool:
        """Take an indented line of ``netstat -s``."""
        if self._group is None:
            return False
        match = NAMED.match(line)
        if match is not None:
            self._put(named(self._group, match["name"]), match["count"])
            return True
        return line[0].isspace()

    def finish(self) -> list[Socket]:
        """The sockets of the listing: none."""
        return []
