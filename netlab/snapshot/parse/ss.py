# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets from ``ss`` of iproute2, versions 3 to 7, with any of ``-a -e -i -m -n -o -p -H -O``.

A socket begins with its state. Whatever follows, on this line or the next ones, belongs to it,
wherever a terminal or a mail program broke the line (``misc/ss.c``, inet_show_sock).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netlab.model.tcp import State
from netlab.snapshot.parse import layout, ss_row
from netlab.snapshot.parse.broken import NAMES, glued, in_one_word, joined, without_remark
from netlab.snapshot.parse.bulk import Bulk, Fields
from netlab.snapshot.parse.cut import ENOUGH, MARK, NOTE
from netlab.snapshot.parse.endpoint import NAMELESS, Unreadable, endpoint
from netlab.snapshot.parse.listing import Unread
from netlab.snapshot.parse.ss_row import Line
from netlab.snapshot.parse.words import FILTERS, OF_SS, OTHERS
from netlab.snapshot.records import Socket

_NAMES = "|".join(OF_SS)
HEADING = re.compile(
    r"\s*(?:Netid\s+)?(?P<state>State\s+)?Recv-Q\s+Send-Q\s+Local\s+Address\s*:\s*Port\b"
)
_ENDS = r"(?P<local>[^\s:]*+:\S++)\s++(?P<remote>[^\s:]*+:\S++)(?P<more>.*)"
SOCKET = re.compile(
    rf"(?:tcp\s+)?(?P<state>{_NAMES})\s*+(?P<rx>\d{{1,15}})\s++(?P<tx>\d{{1,15}})\s++{_ENDS}"
)
#: A state and one number are a count of sockets.
BEGINS = re.compile(rf"(?:tcp\s+)?(?:{_NAMES})(?!\s+\d{{1,12}}\s*+(?:#|<-|$))(?=\s|\d|$)")
WITHOUT_STATE = re.compile(rf"(?:tcp\s+)?(?P<rx>\d{{1,15}})\s++(?P<tx>\d{{1,15}})\s++{_ENDS}")
PORT = re.compile(r"[0-9]{1,5}")
#: A column of a row that is broken several times, or a part of one; the first part of an address.
COLUMN = re.compile(r"\d{1,15}|\S*:\S*|[\d.]{2,15}|\[[\da-f:.]*")
HALF_AN_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{0,3}){1,3}|\[[\da-f:.]*")
LONGEST_ROW = 400
WIDE = 78  # characters from which on a terminal may have broken a row
#: The beginning of a line of details, as ss indents it.
OWN = re.compile(r"\t [a-z]")
LABEL = re.compile(r"\s*[\w.-]+:|\s*-{3,}(?:\s.*)?")
#: A row without a state, whose rest is on the next line.
HALF = re.compile(
    r"(?:tcp\s+)?\d{1,15}\s+\d{1,15}(?:\s+(?!\d{1,15}\s)\S+|\s+[^\s:]*:\S+\s+(?:[\w.*-]*:?|\[[\da-f:.]*))?\s*$"
)
#: A row that ends before its peer's port.
CUT = re.compile(r"(?:tcp\s+)?\S+(?:\s+\S+){0,2}(?:\s+\S*:\S*\s+[^\s:]+)?\s*$")
BROKEN = re.compile(rf"(?P<tcp>tcp\s+)?(?:{_NAMES})\s+\d{{1,15}}\s*$")
QUEUES = re.compile(r"(?:tcp\s+)?\d{1,15}\s+\d{1,15}\s+(?!\d{1,15}\s)[^\s:]+\s+[^\s:]+(?:\s|$)")
OTHER = re.compile(rf"(?P<kind>{OTHERS})\s+\S++\s+\d+\s+\d+\s")
#: The characters of a socket: a listener of 1,000 processes has 30,000.
LONGEST = 1 << 16
#: Words that may be on a separate line after a socket: those of ``-i``, and any with a colon.
DETAIL = re.compile(
    r"[a-zA-Z_][\w-]*:\S*|[<-]-[->]|\S+bps|ts|sack|ecn|ecnseen|ecn_mode|fastopen|app_limited|send|"
    r"pacing_rate|delivery_rate|max_pacing_rate|cubic|reno|bbr\d?|vegas|dctcp|htcp|westwood|"
    r"illinois|hybla|prague|yeah|nv|cdg|usec_ts"
)
STATELESS = (
    "ss leaves out the column State where it is asked for one state: run it without 'state NAME', "
    "as ss -tanoei, or paste the command line too ('$ ss -tan state NAME')"
)
INCOMPLETE = (
    "the address or the port of one end is missing: state, Recv-Q, Send-Q, local and peer "
    "address:port were expected, as ss -tanoei prints them (a word may stand for an address, as in "
    "client:443)"
)
#: Of a socket in FIN_WAIT2, which has a timer if it is an orphan, and a process if it is none.
HIDDEN = (
    "its timer and its process are both missing, though -o and -p ask for them: the lines were "
    "cut off (a screen, cut -c), or it is another user's or container's. Write the output into a "
    "file as root, as with ss -tanoeip > FILE, and paste that"
)


@dataclass(slots=True)
class _OpenSocket:
    """The lines of a socket, as far as they have come."""

    number: int  # of the first
    last: int
    text: str  # of the first lines, until its addresses are there
    match: re.Match[str] | None
    length: int
    tail: list[str] | None = None

    def add(self, line: str, number: int) -> bool:
        """Take a line if it goes on with this socket."""
        if self.match is None:
            return self._addressed(line, number)
        if OWN.match(line):
            self._append(line)
        elif not self.tail and (whole := self._port(line)):
            self.text, self.match = whole.string, whole
        else:
            words = line.split()
            self._forget_remark(words[0])
            if any(word in OF_SS for word in words[:3]) or LABEL.fullmatch(line):
                return False  # a row, after something else; or a rule, or a host's name
            opened = self._opened
            fits = sum(
                DETAIL.fullmatch(word) is not None or (opened and word.endswith(")"))
                for word in words
            )
            broken = in_one_word(self.tail[-1] if self.tail else self.match["more"], words[0])
            if (fits + broken) * 2 <= len(words):
                return False
            if glued(words[0]):  # something stands before it, and hides what it is
                line = f"{MARK} {line}"
            self._append(line)
        self.last, self.length = number, self.length + len(line)
        return True

    def _append(self, line: str) -> None:
        if self.tail is None:
            self.tail = []
        self.tail.append(line)

    def _addressed(self, line: str, number: int) -> bool:
        begun = without_remark(self.text)
        for blank in (" ", ""):
            text = f"{begun}{blank}{line.lstrip()}"
            if match := SOCKET.match(text):
                self.text, self.match, self.last = text, match, number
                return True
        if not all(map(COLUMN.fullmatch, line.split())) or len(begun) > LONGEST_ROW:
            return False
        blank = "" if HALF_AN_ADDRESS.fullmatch(begun.split()[-1]) else " "
        self.text, self.last = f"{begun}{blank}{line.strip()}", number
        return True

    def _port(self, line: str) -> re.Match[str] | None:
        """The socket with the rest of its peer's port, where that stands on the next line."""
        first, *rest = line.split()
        text = without_remark(self.text)
        begun, whole = SOCKET.match(text), SOCKET.match(f"{text}{line.lstrip()}")
        if begun is None or begun["more"] or whole is None:
            return None
        if begun["remote"].count("[") > begun["remote"].count("]"):  # [::ffff:192.0, [fd00::1
            return whole
        if not (rest or len(text) > WIDE or self.last > self.number):
            return None  # nothing says that a number alone is not one that was counted
        if rest and not _may_be_a_figure(rest[0]):
            return None  # a number of a sentence
        if first.isdecimal():
            port = whole["remote"].rpartition(":")[2]
            return whole if PORT.fullmatch(port) and int(port) < 1 << 16 else None
        return whole if _nameless(begun["remote"]) and not _nameless(whole["remote"]) else None

    def _forget_remark(self, word: str) -> None:
        """Drop what somebody wrote in the middle of a word that goes on in the next line."""
        text = without_remark(self.text)
        whole = SOCKET.match(text) if not self.tail and text != self.text else None
        if whole is not None and in_one_word(whole["more"], word):
            self.text, self.match = text, whole

    @property
    def _opened(self) -> bool:
        """Whether a parenthesis is open, as in a row that was broken within its processes."""
        assert self.match is not None
        text = "".join([self.match["more"], *(self.tail or ())])
        return text.count("(") > text.count(")")

    @property
    def more(self) -> str:
        """What follows the addresses."""
        assert self.match is not None
        text: str = self.match["more"]
        for line in self.tail or ():
            text = f"{text} {line}" if OWN.match(line) else joined(text, line)
        return text


class SsReader:
    """One listing of ss."""

    def __init__(self, command: str = "") -> None:
        self.source = command or "ss"
        self.headed = False
        self.partial = False  # whether the heading says that sockets are left out
        self.unread: list[Unread] = []
        self.others: set[str] = set()  # protocols of the rows that were passed over
        self._letters = {
            letter
            for word in command.split()[1:]
            if word.startswith("-") and not word.startswith("--")
            for letter in word[1:]
        } | {word[2] for word in command.split() if word in {"--options", "--extended"}}
        filters = re.findall(r"\bstate\s+([\w-]+)", command)
        self._only = FILTERS.get(filters[0].upper()) if len(filters) == 1 else None
        self._stateless = False
        self._lines: list[Line] = []
        self._bulk: Bulk | None = None
        self._open: _OpenSocket | None = None  # the last socket, which may go on
        self.notes: list[str] = []

    def heading(self, line: str) -> bool:
        """Whether this is the first line of a listing."""
        match = HEADING.match(line)
        if match is not None:
            self._stateless = self.partial = match["state"] is None
            self.headed = True
        return match is not None

    def row(self, line: str, number: int) -> bool:
        """Take a line if a socket begins with it; True if so."""
        line = line.lstrip()
        match = SOCKET.match(line)
        if match is None and BEGINS.match(line) and (row := layout.as_ss_prints(line)):
            line, match = row, SOCKET.match(row)
        if match is not None or BEGINS.match(line) or self._is_broken(line):
            self._close()
            self._open = _OpenSocket(number, number, line, match, len(line))
            return True
        if other := OTHER.match(line):
            self._close()
            self.others.add(other["kind"])
            return True
        if (self._stateless or self._only is not None) and (match := WITHOUT_STATE.match(line)):
            self._close()
            self._without_state(line, match, number)
            return True
        if self._only is not None and HALF.match(line):
            self._close()
            self._with_state(self._only, line, number)
            return True
        if self._only is not None and QUEUES.match(line):
            self._close()
            self.unread.append(Unread(number, line, INCOMPLETE))
            return True
        return False

    def _is_broken(self, line: str) -> bool:
        """Whether this is the beginning of a row, though it might be a number of sockets."""
        match = BROKEN.match(line)
        return match is not None and (self.headed or match["tcp"] is not None)

    def _without_state(self, line: str, match: re.Match[str], number: int) -> None:
        state = self._only
        if state is None and match["remote"] in {"*:*", "0.0.0.0:*", "[::]:*", ":::*"}:
            state = State.LISTEN
        if state is None:
            self.unread.append(Unread(number, line, STATELESS))
            return
        self._with_state(state, line, number)

    def _with_state(self, state: State, line: str, number: int) -> None:
        name = next(name for name, one in OF_SS.items() if one is state)
        text = f"{name} {line.removeprefix('tcp').lstrip()}"
        self._open = _OpenSocket(number, number, text, SOCKET.match(text), len(text))

    def more(self, line: str, number: int) -> bool:
        """Take a line if it continues the last socket."""
        socket = self._open
        if socket is None or socket.length + len(line) > LONGEST:
            return False
        return socket.add(line, number)

    @property
    def pending(self) -> bool:
        """Whether the addresses of the last socket are still to come."""
        return self._open is not None and self._open.match is None

    def _close(self) -> None:
        """Parse the socket, now that all of its lines are there."""
        if self._open is None:
            return
        socket, self._open = self._open, None
        match = socket.match
        if match is None:
            last = socket.last if CUT.match(socket.text[:LONGEST_ROW]) else 0
            self.unread.append(Unread(socket.number, socket.text, INCOMPLETE, last))
            return
        state, rx, tx, local, remote, _ = match.groups()
        more = socket.more if socket.tail else match["more"]
        if MARK in more and OF_SS[state] not in ENOUGH:
            self.unread.append(Unread(socket.number, f"{socket.text.rstrip(MARK)}{MARK}", NOTE))
            return
        if OF_SS[state] is State.FIN_WAIT2 and self._hides(socket):
            self.unread.append(Unread(socket.number, socket.text, HIDDEN))
            return
        try:
            self._lines.append(
                Line(OF_SS[state], endpoint(local), endpoint(remote), int(rx), int(tx), more)
            )
        except Unreadable as error:
            self.unread.append(Unread(socket.number, socket.text, str(error)))

    def _hides(self, socket: _OpenSocket) -> bool:
        """Whether nothing is behind the addresses, and timer and process are asked for."""
        assert socket.match is not None
        bare = len(without_remark(socket.text)) <= socket.match.start("more")
        return {"o", "p"} <= self._letters and bare and not socket.tail

    def _take(self, rows: Iterable[tuple[int, str]]) -> None:
        """Take rows that were set aside, each of which has the number of its line before it."""
        for number, row in rows:
            self.row(row, number)
        self._close()
        self.unread.sort()

    def give(self, bulk: Bulk) -> None:
        """The rows that were taken out of the text before it was read are of this listing."""
        self._bulk = bulk

    def finish(self) -> Sequence[Socket]:
        """Every socket of the listing."""
        self._take([] if self._bulk is None else self._bulk.doubtful)
        shown = Fields(
            "o" in self._letters or any("timer:(" in raw.more for raw in self._lines),
            "e" in self._letters or any(" ino:" in raw.more for raw in self._lines),
            any(" sk:" in raw.more for raw in self._lines),
            any(ss_row.USERS in raw.more for raw in self._lines),
        )
        if self._bulk is not None:
            shown = Fields(*map(max, shown, self._bulk.shown))
        self._lines.reverse()
        lines = (self._lines.pop() for _ in range(len(self._lines)))  # none is kept twice
        sockets = [shown.socket(raw) for raw in lines if raw.state is not State.CLOSED]
        return sockets if self._bulk is None else self._bulk.crowd(sockets, shown)


def _may_be_a_figure(word: str) -> bool:
    """Whether this may follow the addresses, or be the beginning of what does."""
    return DETAIL.fullmatch(word) is not None or any(name.startswith(word) for name in NAMES)


def _nameless(end: str) -> bool:
    """Whether a port is a word that is no service's name: half of it may be missing."""
    try:
        return endpoint(end)[1] >= NAMELESS
    except Unreadable:
        return True
