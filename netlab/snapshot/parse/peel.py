# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands before the rows of a listing: time stamps, line numbers, names of pods, bars.

Nothing is taken off a line that does not stand before a row or a heading somewhere in the same
text: data is never eaten. What was seen once is known by its shape, since numbers in it change from
line to line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from netlab.snapshot.parse.words import OF_SS

_NAMES = "|".join(OF_SS)
#: Where a row or a heading of one of the tools begins, whatever stands before it.
ANCHOR = re.compile(
    rf"(?<![\w:.-])(?:(?:tcp\s{{1,9}})?(?:{_NAMES})\s{{0,99}}\d{{1,15}}\s{{1,99}}\d{{1,15}}\s{{1,99}}[^\s:]*+:\S++\s++[^\s:]*+:\S"
    r"|tcp6?\s{1,9}\d{1,15}\s{1,99}\d{1,15}\s{1,99}[^\s:]*+:\S++\s++[^\s:]*+:\S++\s++[A-Z]"
    r"|\d{1,9}:\s[0-9A-F]{8,32}:[0-9A-F]{4}\s[0-9A-F]{8,32}:[0-9A-F]{4}\s[0-9A-F]{2}\s"
    r"|(?:Netid\s++)?(?:State\s++)?Recv-Q\s++Send-Q\s++Local\s"
    r"|Proto\s++Recv-Q\s++Send-Q\s++Local\s"
    r"|sl\s++local_address\s"
    r"|(?:Tcp|Ip|Udp|Icmp)\w{2,50}\s++\d{1,20}\s++\d{1,9}\.\d\s*+$)"
)
LONGEST = 200  # characters of what stands before a row
MOST = 20  # shapes in one text
#: The parts of what stands before a row: words with a digit change, and so do months and days.
PART = re.compile(
    r"(?P<varies>[A-Za-z]*\d\w*|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|"
    r"Fri|Sat|Sun)\b)|(?P<blank>\s+)"
)
BARS = "|│┃║▏"
QUOTES = "\"'`"
#: The host that stands before each row: of journald, kubectl, pdsh, docker compose, grep -H.
HOST = re.compile(
    r"\[?pod/([\w.-]+)|\d\d:\d\d:\d\d\S*\s+([\w.-]+)\s+[\w./@-]+\[\d+\]:\s*$"
    r"|^\s*\[?([\w.-]*[A-Za-z][\w.-]*)\]?\s*[:|]\s*$"
)


class Peeled(NamedTuple):
    """A line without what stood before it, and the host that this names."""

    text: str
    host: str


class Peel:
    """The shapes of what stands before rows in one text."""

    def __init__(self) -> None:
        self._shapes: dict[str, re.Pattern[str]] = {}

    def learn(self, line: str) -> str | None:
        """What stands before a row in this line, None if there is no row or nothing before it."""
        found = ANCHOR.search(line)
        if found is None or found.start() > LONGEST:
            return None
        before = line[: found.start()]
        if not before.strip():
            return None
        if len(self._shapes) < MOST:
            shape = _shape(before)
            if shape not in self._shapes:
                self._shapes[shape] = re.compile(shape)
        return before

    def off(self, line: str) -> Peeled | None:
        """The line without what stands before it; None if that is nothing."""
        before = self.learn(line)
        if before is None:
            for shape in self._shapes.values():
                if match := shape.match(line):
                    before = match[0]
                    break
            else:
                return None
        host = HOST.search(before)
        name = next((text for text in host.groups() if text), "") if host else ""
        return Peeled(_without_end(line[len(before) :], before), name)


def _shape(before: str) -> str:
    """A regular expression for what stands before a row, and for the like of it."""
    shape, at = [], 0
    for part in PART.finditer(before):
        shape += [re.escape(before[at : part.start()]), r"\w+" if part["varies"] else r"\s*"]
        at = part.end()
    return "".join([*shape, re.escape(before[at:])])


def _without_end(line: str, before: str) -> str:
    """Without the bar or the quotation mark that answers to the one before the row."""
    line = line.rstrip()
    if any(bar in before for bar in BARS):
        line = line.rstrip(BARS + " ")
    if quote := [mark for mark in QUOTES if mark in before]:
        line = re.sub(rf"(?:\\n)?{re.escape(quote[-1])}[,\]}})]*$", "", line)
    return line
