# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets counted by state: ``uniq -c``, awk, ``wc -l``, ``ss -s``, /proc/net/sockstat."""

from __future__ import annotations

import re

from netlab.model.tcp import State
from netlab.snapshot.parse.listing import Unread
from netlab.snapshot.parse.words import STATES
from netlab.snapshot.records import Socket

_NAMES = "|".join(sorted(map(re.escape, STATES), key=len, reverse=True))
_END = r"\s*(?:[,;]|#.*|<-.*|\(.*|//.*)?$"
NUMBER_FIRST = re.compile(rf"\s*(?P<count>\d{{1,12}})[\s:=|,x]+(?P<state>{_NAMES}){_END}")
STATE_FIRST = re.compile(
    rf"[\s\"'|]*(?P<state>{_NAMES})[\s:=|,\"'.>-]+(?P<count>\d{{1,12}})\s*\|?{_END}"
)
#: Several on one line: CLOSE_WAIT=710 ESTABLISHED=138.
SEVERAL = re.compile(rf"[\"']?\b({_NAMES})[\"']?\s{{0,3}}[:=]\s{{0,3}}(\d{{1,12}})\b")
LONGEST = 1000  # characters of such a line
#: The words of headings, which were counted too.
COUNTED_TOO = re.compile(
    r"\s*(?:\d{1,12}\s+(?:State|Foreign|established\)|Address|servers\)|Local|Recv-Q|Active|Process|-)"
    r"|(?:State|Foreign|established\)|Address|servers\))\s+\d{1,12})\s*$"
)
ALONE = re.compile(r"\s*(\d{1,12})\s*$")
SUMMARY = re.compile(
    r"\s*(?:TCP:\s+\d+\s+\((?P<some>[^()]*)(?P<end>\))?|Total: \d+|Transport\s+Total\s+IP\b|"
    r"(?:RAW|UDP|TCP|INET|FRAG|\*)\s+\d+\s+\d+\s+\d+\s*$)"
)
SOCKSTAT = re.compile(
    r"\s*(?:TCP: inuse \d+ orphan (?P<orphans>\d+) tw (?P<waiting>\d+)|sockets: used \d+|"
    r"(?:UDP|UDPLITE|RAW|FRAG|TCP|UDP6|TCP6|RAW6|FRAG6|UDPLITE6): inuse \d+)"
)
OF_SUMMARY = {"estab": State.ESTABLISHED, "synrecv": State.SYN_RECV, "timewait": State.TIME_WAIT}


class CountReader:
    """Numbers of sockets, where a text has no rows of them."""

    def __init__(
        self, command: str = "", counted: State | None = None, alone: bool = False
    ) -> None:
        self.source = command or "counts"
        self.headed = False
        self.unread: list[Unread] = []
        self.counts: dict[State, int] = {}
        self.orphans: int | None = None
        self._counted = counted  # by wc -l, as its command says
        self._alone = alone  # whether a number of its own is to be expected
        self._nameless = False

    @property
    def notes(self) -> list[str]:
        """Remarks for the person who reads the answer."""
        if self.orphans:
            return [
                f"{self.orphans} sockets are orphans: ss -tanoei shows in which states they are"
            ]
        return []

    def begins(self, line: str, number: int) -> bool:
        """Take the first line of counts; headings may have been counted, but not alone."""
        return COUNTED_TOO.match(line) is None and self.row(line, number)

    @property
    def pending(self) -> bool:
        """Whether the rest of the last row is still to come: never."""
        return False

    def heading(self, line: str) -> bool:
        """Whether a listing begins with this line: counts have no heading."""
        return False

    def row(self, line: str, number: int) -> bool:
        """Take a line if it is a number of sockets."""
        if line.lstrip().startswith("tcp"):
            return False
        several = SEVERAL.findall(line[:LONGEST])
        if len(several) > 1 and not SEVERAL.sub("", line[:LONGEST]).strip(" \t,;|{}[]"):
            self.counts.update({STATES[name]: int(count) for name, count in several})
            return True
        match = NUMBER_FIRST.match(line) or STATE_FIRST.match(line)
        if match is not None:
            state = STATES[match["state"]]
            self.counts[state] = self.counts.get(state, 0) + int(match["count"])
            return True
        return self._summed(line) or self._one_number(line) or COUNTED_TOO.match(line) is not None

    def _summed(self, line: str) -> bool:
        if match := SUMMARY.match(line):
            parts = (match["some"] or "").split(",")
            for part in parts if match["end"] else parts[:-1]:  # half a number is another one
                name, _, count = part.strip().partition(" ")
                if count.partition("/")[0].isdecimal():
                    self._summary(name, int(count.partition("/")[0]))
            return True
        if match := SOCKSTAT.match(line):
            if match["waiting"]:
                self.orphans = int(match["orphans"])
                self.counts[State.TIME_WAIT] = int(match["waiting"])
            return True
        return False

    def _summary(self, name: str, count: int) -> None:
        if name == "orphaned":
            self.orphans = count
        elif name in OF_SUMMARY:
            self.counts[OF_SUMMARY[name]] = count

    def _one_number(self, line: str) -> bool:
        match = ALONE.match(line) if self._alone else None
        if match is None:
            return False
        if self._counted is not None:
            self.counts[self._counted] = int(match[1])
        return True

    def more(self, line: str, number: int) -> bool:
        """Whether a line continues the last one: never."""
        return False

    def finish(self) -> list[Socket]:
        """The sockets of the listing: none."""
        return []
