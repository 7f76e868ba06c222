# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets from ``netstat`` of net-tools or BusyBox, with any of ``-a -e -n -o -p -t -W``."""

from __future__ import annotations

import re

from netlab.model.tcp import State, Timer
from netlab.snapshot.parse.broken import without_remark
from netlab.snapshot.parse.cut import ENOUGH, MARK, NOTE
from netlab.snapshot.parse.endpoint import Unreadable, endpoint
from netlab.snapshot.parse.listing import Unread
from netlab.snapshot.parse.words import OF_NETSTAT, TRANSLATED
from netlab.snapshot.records import Socket

STATES = OF_NETSTAT | TRANSLATED
TIMERS = {
    "off": Timer.NONE,
    "on": Timer.RETRANSMIT,
    "keepalive": Timer.KEEPALIVE,
    "timewait": Timer.TIME_WAIT,
    "probe": Timer.PROBE,
}
HEADING = re.compile(r"\s*(?:Active Internet connections|Proto\s+Recv-Q\s+Send-Q\s+Local Address)")
PARTIAL = re.compile(r"\((?:only servers|w/o servers)\)")
UNIX = re.compile(r"\s*(?:Active UNIX domain sockets|Proto\s+RefCnt\s+Flags)")
IGNORED = re.compile(
    r"\((?:Not all processes|No info could be read|will not be shown| ?you would have|"
    r"only servers|w/o servers)|\s*will not be shown|unix\s+\d|(?:udp|raw|sctp|udplite|dccp)[6l]?\s"
)
ROW = re.compile(
    r"tcp6?\s++(?P<rx>\d{1,15})\s++(?P<tx>\d{1,15})\s++(?P<local>[^\s:]*+:\S++)\s++"
    r"(?P<remote>[^\s:]*+:\S++)\s++(?P<state>[^\W\d]\S*+)(?P<more>.*)"
)
BEGINS = re.compile(r"tcp6?\s+\d(?!.{0,80}\ssrc=)")  # that is conntrack's
TIMED = re.compile(r"\s(?:-[a-z]*o|--timers)")
TIMER = re.compile(
    r"(?<!\S)(off|on|keepalive|timewait|probe|unkn-\d{1,3})\s{0,20}"
    r"\((\d{1,15}\.\d{1,9})/(\d{1,9})/(-?\d{1,9})\)"
)
EXTENDED = re.compile(r"\s*(?P<user>[^\s/]+)\s+(?P<inode>\d{1,15})(?=\s|$)")
#: What somebody wrote behind the process.
REMARK = re.compile(r"\s{2,}|\s(?=<|#|\u2190|//)")
#: What may stand on a line of its own after a row: a process, a timer, a user and an inode.
TAIL = re.compile(
    r"\s*(?:-$|\d{1,9}/\S|(?:-\s+)?(?:off|on|keepalive|timewait|probe|unkn-\d+)\s*\()"
)
LONGEST_TAIL = 80  # characters
#: An IPv6 address and port of this many characters or more may have been cut.
NARROW = 22
INCOMPLETE = (
    "the address or the port of one end is missing, or the state: protocol, Recv-Q, Send-Q, local "
    "and foreign address:port and a state were expected, as netstat -tno prints them (a word may "
    "stand for an address, as in client:443)"
)


class NetstatReader:
    """One listing of netstat."""

    def __init__(self, command: str = "") -> None:
        self.source = command or "netstat"
        self.headed = False
        self.partial = False  # whether the heading says that sockets are left out
        self.unread: list[Unread] = []
        self.others: set[str] = set()  # protocols of the rows that were passed over
        self._sockets: list[Socket] = []
        self._open: tuple[int, str] | None = None  # a row that is not complete
        self._last = ""  # the row that was taken last, which may go on
        self._cut = False

    @property
    def notes(self) -> list[str]:
        """Remarks for the person who reads the answer."""
        notes = []
        if self._cut:
            notes.append("netstat may have cut long IPv6 addresses: -W (wide) prints them whole")
        if TIMED.search(self.source) and all(socket.timer is None for socket in self._sockets):
            notes.append(NOTE)  # it prints one in each row
        return notes

    def heading(self, line: str) -> bool:
        """Whether this is the first line of a listing, or the second."""
        found = HEADING.match(line) is not None
        self.headed = self.headed or found
        self.partial = self.partial or (found and PARTIAL.search(line) is not None)
        return found

    def row(self, line: str, number: int) -> bool:
        """Take a line if it is a socket; True if it belongs to the listing."""
        line = line.lstrip()
        match = ROW.match(line)
        if match is not None and match["state"] not in STATES:
            line = without_remark(line)
            match = ROW.match(line)
        if match is not None:
            self._close()
            self._take(match, line, number)
            return True
        if IGNORED.match(line) or UNIX.match(line):
            self._close()
            self._last = ""
            self.others.add(line.split(None, 1)[0].rstrip("6l"))
            return True
        if BEGINS.match(line):
            self._close()
            self._open, self._last = (number, line), ""
            return True
        return False

    def _take(self, match: re.Match[str], line: str, number: int) -> None:
        state, name = STATES.get(match["state"]), match["state"].rstrip(MARK)
        self._last = line
        if state is None and any(one.startswith(name) for one in OF_NETSTAT):
            self._open, self._last = (number, line), ""  # the rest of it is on the next line
        elif state is None:
            why = (
                f"{match['state']!r} is not a state: if netstat uses a language other than "
                "English, run it as 'LC_ALL=C netstat'"
            )
            self.unread.append(Unread(number, line, why))
        elif MARK in line and state not in ENOUGH:
            self.unread.append(Unread(number, line, NOTE))
        elif state is not State.CLOSED:
            try:
                self._sockets.append(self._socket(match, state))
            except Unreadable as error:
                self.unread.append(Unread(number, line, str(error)))

    @property
    def pending(self) -> bool:
        """Whether the rest of the last row is still to come."""
        return self._open is not None

    def _close(self) -> None:
        if self._open is not None:
            number, text = self._open
            self._open = None
            cut = not any(word in STATES for word in text.split())
            self.unread.append(Unread(number, text, INCOMPLETE, number if cut else 0))

    def more(self, line: str, number: int) -> bool:
        """Take a line if it is the rest of the last row, which was broken."""
        if self._open is not None:
            first, text = self._open
            begun = without_remark(text)
            for blank in ("", " "):
                row = f"{begun}{blank}{line.lstrip()}"
                if (match := ROW.match(row)) and match["state"] in STATES:
                    self._open = None
                    self._take(match, row, first)
                    return True
            return False
        if self._last and self._sockets and (tail := self._tail(line)):
            try:
                self._sockets[-1] = self._socket(tail, self._sockets[-1].state)
            except Unreadable:  # with it the row would be none: it is something else
                return False
            self._last = ""
            return True
        return False

    def _tail(self, line: str) -> re.Match[str] | None:
        """The last row with the rest of it, if this is the rest."""
        broken = None if TIMER.search(self._last) else ROW.match(f"{self._last}{line.lstrip()}")
        if broken and len(line) <= LONGEST_TAIL and TIMER.search(broken["more"]):
            return broken
        return ROW.match(f"{self._last} {line.lstrip()}") if TAIL.match(line) else None

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
        owner = REMARK.split(more.strip(), maxsplit=1)[0]
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
            "" if owner == "-" or MARK in owner else owner,
        )

    def finish(self) -> list[Socket]:
        """Every socket of the listing."""
        self._close()
        return self._sockets
