# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of which a screen, ``less -S`` or ``cut -c`` shows the left part only.

Half a port is another port, and half a number another number; and what was cut off is not nothing.
So the place gets a mark, and a row with a mark is not read: as it stands, it may be another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from netlab.model.tcp import State
from netlab.snapshot.parse.broken import NAMES, PLAIN, in_one_word, without_remark
from netlab.snapshot.parse.endpoint import SERVICES
from netlab.snapshot.parse.peel import ANCHOR, BEGUN
from netlab.snapshot.parse.words import OF_NETSTAT, OF_SS, STATES

#: What stands where a line was cut: right behind half of a word, or after a blank.
MARK = "\u22ef"
#: States that say all there is to say before what follows the addresses.
ENOUGH = frozenset({State.LISTEN})
NOTE = (
    "the lines were cut off at the right (a screen, less -S, cut -c), and what stood there is not "
    "seen: write the output into a file, as with ss -tanoei > FILE, and paste that"
)
NARROWEST = 40  # columns
LONGEST = 4096  # characters of a line that is looked at
SCREENS = frozenset({80, 100, 120, 132, 160, 200})
#: The last column of less -S, where the line goes on. ``<host>`` is a mask, and ``-->`` an arrow.
GOES_ON = re.compile(r"(?<!\S)(?:[^<>\s]*[^<>\s=-])?>$")
HEADING = re.compile(r"\b(?:State|Proto)\s+Recv-Q|\bRecv-Q\s+Send-Q")
WHOLE = re.compile(r"(?:Peer\s+Address\s*:\s*Port|Process|State|Timer|name|Inode|\(state\))\W*$")
COLUMNS = re.compile(r"\S {2,}\S")  # of a heading that nobody has printed anew
#: A row of netstat, and one of ss as far as its addresses.
NETSTAT = re.compile(r"(?:^|\s)tcp6?\s+\d+\s+\d+\s+\S+:")
SHORT = re.compile(
    rf"(?:^|\s)(?:{'|'.join(OF_SS)})\s+\d+\s+\d+(?:\s+[^\s:]*(?::\S*)?(?:\s+[^\s:]*:?)?)?$"
)
ENDS = re.compile(r":(?P<local>\d{1,5})\s+\S*:(?P<remote>\d{1,5})$")
EPHEMERAL, LOWEST = 10_000, 512  # ports: a client has one of the first, and none below the last
#: The beginning of what may follow the addresses of a socket.
BEHIND = re.compile(
    r":[^\s:]++\s++(?:t(?:i(?:m(?:e(?:r:?)?)?)?)?|u(?:s(?:e(?:r(?:s:?)?)?)?|id?)?|i(?:no?)?|sk?|c(?:g\w*)?)$"
)
#: A row with anything behind its addresses, and its state.
LONG = re.compile(r"(?<!\S)[^\s:]*+:\S++\s++[^\s:]*+:\S++\s++(?:[A-Z_0-9]++\s++)?[^\s<#\u22ef]")
WORDS = NAMES | PLAIN
HALF_A_RATE = re.compile(r"\d[\d.]*[KMGT]?(?:bp?)?$")
BROKEN_OFF = re.compile(r"(?:^|[.,]|\d/)$")  # of a value
#: Figures that ss may print last.
LAST = frozenset({
    "minrtt", "snd_wnd", "rcv_wnd", "rcv_space", "rcv_ssthresh", "rehash", "rcv_ooopack",
    "reord_seen", "notsent", "delivered", "lastack", "sk", "cgroup", "ino", "skmem", "unacked",
    "retrans", "lost", "sacked", "fackets", "reordering", "dsack_dups", "rcv_rtt", "cwnd",
    "ssthresh", "uid", "mark", "fwmark", "tcp-ulp-tls", "class_id", "timer", "users",
})  # fmt: skip
#: What a line may begin with that is the rest of the one before it.
REST = re.compile(
    r"(?:(?!\d{1,2}[.)]\s)[\d:.,)\"%]|\*:|-$|\(\(|\(\w+,|[a-z_]+:\S|[A-Z_]+[12]?(?:\s|$))"
)
FRESH = re.compile(r"\s{2,}|\t|\W*$")
#: A column, or a word of a heading, and the end of one.
PIECE = re.compile(
    r"\d{1,15}|\*|[^\s:]*:\S+|\d[\d.]*|(?:Recv|Send)?-?Q|Local|Peer|Foreign|\S*ress(?::Port)?|State"
    r"|Timer|PID/Program|name|\S{0,4}ess|\S{0,4}:?(?:Po)?rt?|s"
)
STATELESS = re.compile(r"\s*\d+\s+\d+\s+\S+:\S")


class Edge:
    """Where the lines of a text were cut off, if they were."""

    def __init__(self, lines: Sequence[str]) -> None:
        lines = [without_remark(line) for line in lines if len(line) <= LONGEST]
        rows = [at for at, line in enumerate(lines) if _of_a_socket(line)]
        self._indent = min((_indent(lines[at]) for at in rows), default=0)
        lines = [line[min(self._indent, _indent(line)) :] for line in lines]
        self._less = any(_goes_on_by_less(lines[at]) for at in rows)
        widths = {length: _width(lines, rows, length) for length in (len, _expanded)}
        self._length = next((length for length, width in widths.items() if width), len)
        self._width = widths[self._length]
        heading = any(_half_a_heading(lines, at) for at in rows)
        early = [at for at in rows[:-1] if _breaks_off(lines[at])]  # the last may have been any
        self._early = bool(early) and not any(_goes_on(lines, at) for at in early)
        #: Whether anything was cut off.
        self.known = self._less or self._width > 0 or heading or self._early
        #: Whether nothing is seen behind any row, and so there may be something behind each.
        self._short = self.known and not any(LONG.search(lines[at]) for at in rows)

    def marked(self, line: str) -> str:
        """The line, with a mark if its end was cut off."""
        if not self.known or len(line) > LONGEST:
            return line
        row = without_remark(line)
        return f"{self._marked(row)}{line[len(row) :]}"

    def _marked(self, line: str) -> str:
        if self._less and _goes_on_by_less(line) and _of_a_socket(line):
            line = line[:-1]
            return f"{line.rstrip()} {MARK}" if line[-1:].isspace() else f"{line}{MARK}"
        if self._width and self._length(line[self._indent :]) == self._width:
            return f"{line}{MARK}"
        if self._early and _breaks_off(line):
            return f"{line}{MARK}"
        if self._short and BEGUN.search(line) and not HEADING.search(line):
            return f"{line} {MARK}"
        return line


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _expanded(line: str) -> int:
    return len(line.expandtabs())


def _breaks_off(line: str) -> bool:
    """Whether a line ends within parentheses, as of processes, or within netstat's state, wherever
    its columns are.
    """
    if line.rfind("(") > line.rfind(")"):
        return True
    if not (line[-1:].isupper() or line.endswith("_")) or not NETSTAT.search(line):
        return False
    word = line.rsplit(maxsplit=1)[-1]
    return word not in STATES and any(state.startswith(word) for state in OF_NETSTAT)


def _goes_on_by_less(line: str) -> bool:
    return line.endswith(">") and GOES_ON.search(line) is not None


def _width(lines: Sequence[str], rows: Sequence[int], length: Callable[[str], int]) -> int:
    """The column at which the longest rows end, if some of them end in half of a word that does not
    go on in the next line; otherwise 0. Rows that are broken, not cut, end there, too, and go on.
    """
    width = max((length(lines[at]) for at in rows), default=0)
    ends = [at for at in rows if length(lines[at]) == width]
    rests = [at for at in ends if _goes_on(lines, at)]
    halves = [at for at in ends if at not in rests and _half(lines[at])]
    early = sum(_ends_early(lines[at]) for at in ends) * (2 if width in SCREENS else 1)
    found = len(halves) >= max(1, len(rests)) or (not rests and early > 1)
    return width if found and width >= NARROWEST else 0


def _of_a_socket(line: str) -> bool:
    found = BEGUN.search(line) or HEADING.search(line) or ANCHOR.search(line)
    return (found or STATELESS.match(line)) is not None or _figures(line) > 1


def _figures(line: str) -> int:
    return sum(word.partition(":")[0] in NAMES for word in line.split() if ":" in word)


def _is_figure(word: str) -> bool:
    return word.partition(":")[0] in NAMES and ":" in word


def _goes_on(lines: Sequence[str], at: int) -> bool:
    """Whether the next line is the rest of this one."""
    line, following = lines[at], lines[at + 1] if at + 1 < len(lines) else ""
    words = following.split()
    if not words or BEGUN.search(following) or ANCHOR.search(following):
        return False
    if line.count("(") > line.count(")"):
        return words[0].count(")") > words[0].count("(")
    if STATELESS.match(following):
        return False
    if HEADING.search(line):
        ended = any(map(WHOLE.search, (following, f"{line}{following.lstrip()}")))
        return ended or all(map(PIECE.fullmatch, words))
    if SHORT.search(line):
        service = words[0] in SERVICES
        return all(PIECE.fullmatch(word) or _is_figure(word) for word in words[service:])
    if NETSTAT.search(line) and _has_the_state(line, words):
        return True
    if _figures(line) > 1:
        whole = _whole_figure(line.split()[-1])
        return REST.match(following.lstrip()) is not None if whole else in_one_word(line, words[0])
    if FRESH.match(following) and not NETSTAT.search(line):
        return False  # the details of a socket, as ss prints them
    return REST.match(following.lstrip()) is not None


def _has_the_state(line: str, words: Sequence[str]) -> bool:
    """Whether the next line has the state of a row of netstat, or the end of it."""
    last = line.rsplit(maxsplit=1)[-1]
    return any(word in STATES for word in (*words[:2], last + words[0]))


def _half(line: str) -> bool:
    """Whether a line of a listing ends too early."""
    if HEADING.search(line):
        return len(ANCHOR.findall(line)) < 2 and WHOLE.search(line) is None
    if line.count("(") > line.count(")"):
        return True
    if _figures(line) > 1:
        return not _whole_figure(line.rsplit(maxsplit=1)[-1])
    if NETSTAT.search(line):
        return not any(word in STATES for word in line.split())
    return (SHORT.search(line) or BEHIND.search(line)) is not None


def _ends_early(line: str) -> bool:
    """Whether ss prints more behind the last figure of this line, or the last port wants digits, as
    none that is so low is a client's. A single line is no proof.
    """
    if _figures(line) > 1:
        return line.rsplit(maxsplit=1)[-1].partition(":")[0] in NAMES - LAST
    ends = ENDS.search(line)
    if ends is None:
        return False
    local, remote = int(ends["local"]), int(ends["remote"])
    return local < EPHEMERAL and remote < LOWEST and remote not in {local, *SERVICES.values()}


def _whole_figure(word: str) -> bool:
    """Whether this may be the last word of a line of figures, or somebody's remark behind it."""
    name, colon, value = word.partition(":")
    if colon:
        return name not in NAMES or BROKEN_OFF.search(value) is None
    begun = any(one.startswith(word) for one in WORDS) or HALF_A_RATE.match(word)
    return word in PLAIN or not begun


def _half_a_heading(lines: Sequence[str], at: int) -> bool:
    line = lines[at]
    if not (HEADING.search(line) and COLUMNS.search(line)) or WHOLE.search(line):
        return False
    return len(ANCHOR.findall(line)) < 2 and not _goes_on(lines, at)
