# SPDX-License-Identifier: GPL-2.0-or-later
"""What one row of ``ss`` says, once all of its lines are there (``misc/ss.c``, inet_show_sock)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from netlab.linux.inet_diag import INFO
from netlab.model.tcp import SS_TIMERS, State, Timer
from netlab.snapshot.columns import MILLISECONDS
from netlab.snapshot.records import Endpoint, Socket

TIMERS = {name: timer for timer, name in SS_TIMERS.items()}
TIMER = re.compile(r"timer:\((\w+),([^,)]*),(\d{1,9})\)")
DURATION = re.compile(r"(?:(\d{1,9})min)?(?:(\d{1,9}(?:\.\d{1,9})?)(ms|sec))?")
BLANK = re.compile(r"(?=\s)")
INODE = re.compile(r"(?<!\S)ino:(\d{1,15})(?!\S)")
USERS, USERS_END = "users:((", re.compile(r"\)\)(?!\S)")
FIGURE = re.compile(r"(?<!\S)([a-z_]+):(\d{1,20}(?:\.\d{1,9})?)")
DROPS = re.compile(r"(?<!\S)skmem:\([^()]{0,200},d(\d{1,15})\)")
RETRANS = re.compile(r"(?<!\S)retrans:(\d{1,15})/(\d{1,15})")
NUMBER = re.compile(r"\d{1,20}(\.\d{1,9})?")
NO_INFO: dict[str, float] = {}
#: How figures stand in a row, and those of them that are not a name and a number.
KEYS = {name: f" {name}:" for name in INFO}
COMPOUND = {
    "retrans": (" retrans:", RETRANS, 1),
    "retrans_total": (" retrans:", RETRANS, 2),
    "drops": (" skmem:(", DROPS, 1),
}


class Line(NamedTuple):
    """One socket, as far as it is known before the end of its listing.

    Only the whole listing shows which options ss was given.
    """

    state: State
    local: Endpoint
    remote: Endpoint
    rx_queue: int
    tx_queue: int
    more: str


def socket(
    raw: Line,
    timed: bool,
    numbered: bool,
    figures: Callable[[str], Mapping[str, float]],
) -> Socket:
    """Its record. Where the listing has timers, or inodes, a row without has none. `figures` makes
    those of ``ss -i`` from the text behind the two ends: times in seconds.
    """
    timer, remaining, retransmits, probes = _timer(raw.more, timed)
    inode = INODE.search(raw.more) if numbered else None
    users, more = _users(raw.more)
    return Socket(
        raw.state,
        raw.local,
        raw.remote,
        raw.rx_queue,
        raw.tx_queue,
        timer,
        remaining,
        retransmits,
        probes,
        (int(inode[1]) if inode else 0) if numbered else None,
        users,
        figures(more) if ":" in more and raw.state is not State.LISTEN else NO_INFO,
    )


def _users(more: str) -> tuple[str, str]:
    """The processes, and the rest: names of processes may look like anything else. Half of them is
    kept, too: that something has the socket is known.
    """
    begin = more.find(USERS)
    if begin < 0:
        return "", more
    end = USERS_END.search(more, begin) or BLANK.search(more, begin)
    at = len(more) if end is None else end.end()
    return more[begin:at].rstrip(), more[:begin] + more[at:]


def _timer(more: str, timed: bool) -> tuple[Timer | None, float | None, int | None, int | None]:
    """The timer, its seconds, retransmissions and probes: ss prints one number for the last two."""
    if not timed:
        return None, None, None, None
    match = TIMER.search(more)
    if match is None and "timer:" in more:
        return None, None, None, None  # half of it
    if match is None:
        return Timer.NONE, 0.0, 0, 0
    timer, count = TIMERS.get(match[1]), int(match[3])
    if timer is None:
        return None, None, None, None
    remaining = duration(match[2])
    if timer is Timer.RETRANSMIT:
        return timer, remaining, count, None
    if timer is Timer.PROBE:
        return timer, remaining, None, count
    return timer, remaining, 0, count if timer is Timer.KEEPALIVE else 0


def duration(text: str) -> float | None:
    """Seconds from ``672ms``, ``1min30sec``, ``3.456sec``; older versions write 3.456ms for it."""
    match = DURATION.fullmatch(text)
    if match is None:
        return None
    minutes, number, unit = match.groups()
    seconds = float(number or 0)
    if unit == "ms" and "." not in (number or ""):
        seconds /= 1000
    return int(minutes or 0) * 60 + seconds


class RowFigures(Mapping[str, float]):
    """The figures of ``ss -i`` as they stand in a row: each is read when somebody asks for it.

    Of a million rows they would take gigabytes otherwise, and nobody asks for most of them. The row
    may be a part of a longer text, from `begin` to `end`.
    """

    __slots__ = ("_begin", "_end", "_text")

    def __init__(self, text: str, begin: int = 0, end: int = sys.maxsize) -> None:
        self._text, self._begin, self._end = text, begin, end

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dictionary."""
        text, begin, end = self._text, self._begin, self._end
        if name in COMPOUND:
            word, pattern, group = COMPOUND[name]
            at = text.find(word, begin, end)
            if at >= 0 and (found := pattern.search(text, at, end)) is not None:
                return int(found[group])
        if (key := KEYS.get(name)) is None or (at := text.find(key, begin, end)) < 0:
            return default
        at += len(key)
        stop = text.find(" ", at, end)
        word = text[at : end if stop < 0 else stop]
        if word.isdecimal():
            value: float = int(word)
        elif (number := NUMBER.match(word)) is not None:
            value = float(number[0]) if number[1] else int(number[0])
        else:
            return default
        return value / 1000 if name in MILLISECONDS else value

    def _all(self) -> dict[str, float]:
        return info(self._text[self._begin : self._end])

    def __getitem__(self, name: str) -> float:
        value: float | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return self.get(str(name)) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def __bool__(self) -> bool:
        return self._text.find(" rto:", self._begin, self._end) >= 0 or bool(self._all())


def info(more: str) -> dict[str, float]:
    """The figures of ``ss -i`` in a row; times in seconds."""
    found: dict[str, float] = {}
    for name, text in FIGURE.findall(more):
        if name in INFO and name not in found:
            found[name] = float(text) if "." in text else int(text)
    for name in found.keys() & MILLISECONDS:
        found[name] /= 1000
    match = RETRANS.search(more)
    if match is not None:
        found["retrans"], found["retrans_total"] = int(match[1]), int(match[2])
    if (drops := DROPS.search(more)) is not None:
        found["drops"] = int(drops[1])
    return found
