# SPDX-License-Identifier: GPL-2.0-or-later
"""``/proc/net/tcp`` and ``tcp6`` as text (``Documentation/networking/proc_net_tcp.rst``)."""

from __future__ import annotations

import re
from functools import lru_cache

from netlab.linux import procnet
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.parse.listing import Unread
from netlab.snapshot.records import Endpoint, Socket

USER_HZ = 100  # ticks per second in which times are written, on every current architecture
HEADING = re.compile(r"\s*sl\s+local_address\s+(rem(?:ote)?_address)")
BEGINS = re.compile(r"\s*\d+: [0-9A-F]{8}")
ROW = re.compile(
    r"\s*\d+: (?P<local>[0-9A-F]{8}(?:[0-9A-F]{24})?:[0-9A-F]{4})"
    r" (?P<remote>[0-9A-F]{8}(?:[0-9A-F]{24})?:[0-9A-F]{4})"
    r" (?P<state>[0-9A-F]{2}) (?P<tx>[0-9A-F]{8}):(?P<rx>[0-9A-F]{8})"
    r" (?P<timer>[0-9A-F]{2}):(?P<when>[0-9A-F]{1,16}) (?P<retransmits>[0-9A-F]{8})"
    r"\s+\d+\s+(?P<probes>\d{1,15})\s+(?P<inode>\d{1,15})(?=\s|$)"
)


class ProcReader:
    """Reads one of the two files."""

    def __init__(self, command: str = "") -> None:
        self.source = "/proc/net/tcp"
        self.headed = False
        self.six = False
        self.unread: list[Unread] = []
        self.notes: list[str] = []
        self._sockets: list[Socket] = []

    @property
    def pending(self) -> bool:
        """Whether the rest of the last row is still to come: never."""
        return False

    def heading(self, line: str) -> bool:
        """Whether this is the first line of a file."""
        match = HEADING.match(line)
        if match is not None:
            self.six, self.headed = match[1] == "remote_address", True
        return match is not None

    def row(self, line: str, number: int) -> bool:
        """Take a line if it is a socket; True if it is one."""
        match = ROW.match(line)
        if match is None:
            if not BEGINS.match(line):
                return False
            why = "this line of /proc/net/tcp is incomplete or malformed"
            self.unread.append(Unread(number, line, why, number))
            return True
        state = procnet.STATES.get(match["state"])
        if state is None:
            self.unread.append(Unread(number, line, f"{match['state']} is not a state of Linux"))
        if state is None or state is State.CLOSED:
            return True
        self._sockets.append(
            Socket(
                state,
                _endpoint(match["local"]),
                _endpoint(match["remote"]),
                int(match["rx"], 16),
                int(match["tx"], 16),
                procnet.timer_of(match["timer"]),
                int(match["when"], 16) / USER_HZ,
                int(match["retransmits"], 16),
                int(match["probes"]),
                int(match["inode"]),
            )
        )
        return True

    def more(self, line: str, number: int) -> bool:
        """Whether a line continues the last socket: never, in these files."""
        return False

    def finish(self) -> list[Socket]:
        """Every socket of the file."""
        return self._sockets


@lru_cache(1 << 14)
def _endpoint(text: str) -> Endpoint:
    words, _, port = text.partition(":")
    address = procnet.address(words)
    plain = getattr(address, "ipv4_mapped", None) or address
    return ANY if plain.is_unspecified else str(plain), int(port, 16)
