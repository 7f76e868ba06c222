# SPDX-License-Identifier: GPL-2.0-or-later
"""What every reader of listings has in common."""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from netlab.snapshot.records import Socket

SHOWN = 60  # characters of a line that a message shows
BLANKS = re.compile(r"\s++")


class Unread(NamedTuple):
    """A line that looks like a socket and cannot be read."""

    line: int  # its number
    text: str
    why: str
    last: int = 0  # the number of the last of its lines, where only the end of it may be missing


class Reader(Protocol):
    """Reads the lines of one listing. No line makes it fail."""

    source: str  # the command, or the tool
    headed: bool  # whether it has its heading
    unread: list[Unread]

    @property
    def notes(self) -> list[str]:
        """Remarks for the person who reads the answer."""

    @property
    def pending(self) -> bool:
        """Whether the rest of the last row is still to come."""

    def heading(self, line: str) -> bool:
        """Whether this is the first line of a listing."""

    def row(self, line: str, number: int) -> bool:
        """Take a line if it is a row of its own; True if it belongs to the listing."""

    def more(self, line: str, number: int) -> bool:
        """Take a line if it continues the last row; True if it does."""

    def finish(self) -> list[Socket]:
        """Every socket of the listing."""


def shown(line: str) -> str:
    """A line as messages quote it."""
    short = BLANKS.sub(" ", line[: 2 * SHOWN].strip())
    return repr(short if len(short) <= SHOWN else f"{short[: SHOWN - 3]}...")
