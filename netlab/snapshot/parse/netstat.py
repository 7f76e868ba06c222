# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets from ``netstat`` of net-tools or BusyBox, with any of ``-a -e -n -o -p -t -W``."""

from __future__ import annotations

import re

from netlab.model.tcp import State, Timer
from netlab.snapshot.parse.endpoint import Unreadable, endpoint
from netlab.snapshot.records import Socket

STATES = {state.name: state for state in State if state is not State.CLOSED} | {
    "CLOSE": State.CLOSED
}
TIMERS = {
    "off": Timer.NONE,
    "on": Timer.RETRANSMIT,
    "keepalive": Timer.KEEPALIVE,
    "timewait": Timer.TIME_WAIT,
    "probe": Timer.PROBE,
}
HEADING = re.compile(r"\s*(?:Active Internet connections|Proto\s+Recv-Q\s+Send-Q\s+Local Address)")
UNIX = re.compile(r"\s*(?:Active UNIX domain sockets|Proto\s+RefCnt\s+Flags)")
IGNORED = re.compile(
    r"\((?:Not all processes|No info could be read|will not be shown| ?you would have|"
    r"only servers|w/o servers)|\s*will not be shown|unix\s+\d|(?:udp|raw|sctp|udplite|dccp)[6l]?\s"
)
ROW = re.compile(
    r"tcp6?\s+(?P<rx>\d{1,15})\s+(?P<tx>\d{1,15})\s+(?P<local>\S+)\s+(?P<remote>\S+)\s+(?P<state>[^\W\d]\S*)"
    r"(?P<more>.*)"
)
BEGINS = re.compile(r"tcp6?\s+\d")
#: The same program elsewhere: macOS and BSD, Windows.
FOREIGN = re.compile(r"tcp(?:4|46|64)\s+\d|TCP\s+\S+:\d+\s+\S+:\d+\s+[A-Z_]+")
TIMER = re.compile(r"(?<!\S)(\S{1,20})\s{1,20}\((\d{1,15}\.\d{1,9})/(\d{1,9})/(-?\d{1,9})\)\s*$")
EXTENDED = re.compile(r"\s*(?P<user>[^\s/]+)\s+(?P<inode>\d{1,15})(?=\s|$)")
#: An IPv6 address and port of this many characters or more may have been cut.
NARROW = 22


class NetstatReader:
    """One listing of netstat."""

    def __init__(self, command: str = "") -> None:
        self.source = command or "netstat"
        self._unix = False
        self._sockets: list[Socket] = []
        self._cut = False

    @property
    def notes(self) -> list[str]:
        """Remarks for the person who reads the answer."""
        if not self._cut:
            return []
        return ["netstat may have cut long IPv6 addresses: -W (wide) prints them whole"]

    def heading(self, line: str) -> bool:
        """Whether this is the first line of a listing, or the second."""
        return HEADING.match(line) is not None

    def row(self, line: str, number: int) -> bool:
        """Take a line if it is a socket; True if it belongs to the listing.

        Raises `Unreadable` for a socket that is not complete, or output of another system.
        """
        line = line.lstrip()
        if IGNORED.match(line) or UNIX.match(line):
            return True
        if FOREIGN.match(line):
            raise Unreadable("this is netstat of another system: only that of Linux can be read")
        match = ROW.match(line)
        if match is None:
            if BEGINS.match(line):
                raise Unreadable(
                    "this line of netstat is not complete: protocol, Recv-Q, Send-Q, local and "
                    "foreign address:port and a state were expected"
                )
            return False
        state = STATES.get(match["state"])
        if state is None:
            raise Unreadable(
                f"{match['state']!r} is not a state: if netstat uses a language other than "
                "English, run it as 'LC_ALL=C netstat'"
            )
        socket = self._socket(match, state)
        if state is not State.CLOSED:
            self._sockets.append(socket)
        return True

    def _socket(self, match: re.Match[str], state: State) -> Socket:
        local, remote, more = match["local"], match["remote"], match["more"]
        self._cut = self._cut or (
            "W" not in self.source
            and any(
                end.count(":") > 1 and "." not in end and len(end) >= NARROW
                for end in (local, remote)
            )
        )
        timer, remaining, retransmits, probes = None, None, None, None
        timed = TIMER.search(more)
        if timed is not None:
            timer = TIMERS.get(timed[1], Timer.RETRANSMIT)
            remaining, retransmits = float(timed[2]), int(timed[3])
            probes = max(0, int(timed[4]))
            more = more[: timed.start()]
        extended = EXTENDED.match(more)
        if extended is not None:
            more = more[extended.end() :]
        owner = more.strip()
        return Socket(
            state,
            endpoint(local),
            endpoint(remote),
            int(match["rx"]),
            int(match["tx"]),
            timer,
            remaining,
            retransmits,
            probes,
            int(extended["inode"]) if extended is not None else None,
            "" if owner == "-" else owner,
        )

    def more(self, line: str) -> bool:
        """Whether a line continues the last socket: never, in netstat."""
        return False

    def finish(self) -> list[Socket]:
        """Every socket of the listing."""
        return self._sockets
