# SPDX-License-Identifier: GPL-2.0-or-later
"""Entries of connection tracking: ``conntrack -L``, ``/proc/net/nf_conntrack``.

An entry has two pairs of addresses: those of the packets of who began the connection, and those
that its answers have before they are translated back. Where they do not mirror each other, there is
a NAT (nf_ct_dump_tuples, print_tuple).
"""

from __future__ import annotations

import re

from netlab.snapshot.parse.endpoint import Unreadable, endpoint
from netlab.snapshot.parse.listing import Unread
from netlab.snapshot.records import ConntrackEntry, FourTuple, Socket, Tracking

_TUPLE = r"src=(\S{1,60}) dst=(\S{1,60}) sport=(\S{1,40}) dport=(\S{1,40})"
_COUNTED = r"(?: packets=\d+ bytes=\d+)?"
#: What stands before the protocol: the family, in some forms.
_BEFORE = r"\s*(?:ipv[46]\s+\d+\s+)?"
TCP = re.compile(
    rf"{_BEFORE}tcp\s+6\s+(?:(?P<seconds>\d{{1,9}})\s+)?(?P<state>[A-Z_0-9]{{1,20}})\s+"
    rf"{_TUPLE}{_COUNTED}\s+(?P<unreplied>\[UNREPLIED\]\s+)?{_TUPLE}"
)
#: An entry of another protocol, and the sum below all of them.
OTHERS = re.compile(
    rf"{_BEFORE}(?!tcp\s)[a-z][a-z0-9-]{{1,20}}\s+\d{{1,3}}\s+(?:\d+\s+)?(?:[A-Z_0-9]+\s+)?"
    r"src=\S+ dst="
)
SUM = re.compile(r"\s*conntrack v\d\S* \(conntrack-tools\): \d+ flow entries have been shown\.")
ENTRY = re.compile(rf"{_BEFORE}tcp\s+6\s+(?:\d+\s+)?[A-Z_0-9]+\s+src=")
#: Options of conntrack that leave nothing out: -p tcp, -o extended.
WHOLE = re.compile(
    r"conntrack (?:-L|--dump)(?: conntrack)?(?: (?:-p|--proto(?:=| )?) ?tcp| (?:-o|--output) ?\S+)*"
    r"|cat (?:-\w+ )?/proc/\S*net/nf_conntrack"
)


class ConntrackReader:
    """One listing of entries."""

    def __init__(self, command: str = "") -> None:
        self.source = command or "conntrack"
        self.headed = False
        self.unread: list[Unread] = []
        self.entries: list[ConntrackEntry] = []
        self._cut = False  # an entry could not be read

    @property
    def notes(self) -> list[str]:
        """Remarks for the person who reads the answer: none."""
        return []

    @property
    def pending(self) -> bool:
        """Whether the rest of the last row is still to come: never."""
        return False

    def heading(self, line: str) -> bool:
        """Whether this is the first line of a listing: there is no heading."""
        return False

    def row(self, line: str, number: int) -> bool:
        """Take a line if it is an entry, of any protocol, or the sum of them."""
        match = TCP.match(line)
        if match is not None:
            return self._entry(match)
        if ENTRY.match(line):
            self._cut = True
            return False
        if SUM.match(line):
            self.headed = True
            return True
        return OTHERS.match(line) is not None

    def _entry(self, match: re.Match[str]) -> bool:
        words = [match[at] for at in range(1, TCP.groups + 1) if at not in NAMED]
        try:
            original, reply = (_four_tuple(words[at : at + 4]) for at in (0, 4))
        except Unreadable:
            self._cut = True
            return False
        seconds = match["seconds"]
        self.entries.append(
            ConntrackEntry(
                original,
                reply,
                match["state"],
                None if seconds is None else int(seconds),
                match["unreplied"] is None,
            )
        )
        return True

    def more(self, line: str, number: int) -> bool:
        """Whether a line continues the last one: never."""
        return False

    def finish(self) -> list[Socket]:
        """The sockets of the listing: none."""
        return []

    def tracking(self, whole: bool = False) -> Tracking:
        """The entries; `whole`: whether nothing else says that some were left out."""
        return Tracking(tuple(self.entries), whole and not self._cut)


NAMED = frozenset(TCP.groupindex.values())


def _four_tuple(words: list[str]) -> FourTuple:
    source, destination, from_port, to_port = words
    return endpoint(_joined(source, from_port)), endpoint(_joined(destination, to_port))


def _joined(address: str, port: str) -> str:
    return f"[{address}]:{port}" if address.count(":") > 1 else f"{address}:{port}"
