# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of a long listing of ``ss``, taken out of its text some thousands at a time.

A host may have a million sockets, and nearly all lines of its listing are rows as ss prints them.
To read each as carefully as a pasted line takes too long, so they are recognized in the bytes of
the text, and split into columns. What is left (the heading, commands, rows that differ in any way,
and the last row before each of these, which may go on in it) is for the careful readers, who would
read the others in the same way.
"""

from __future__ import annotations

import itertools
import operator
import re
import socket as python_socket
import zlib
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import compress, repeat
from typing import Any, NamedTuple, TypeAlias

from netlab.model import outside
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.crowd import Crowd, Rows
from netlab.snapshot.parse import ss_row
from netlab.snapshot.parse.endpoint import Unreadable, address, endpoint
from netlab.snapshot.parse.ss_row import USERS, Line, RowFigures, duration
from netlab.snapshot.parse.words import OF_SS
from netlab.snapshot.records import Endpoint, Socket
from netlab.snapshot.rows import filled
from netlab.snapshot.turns import in_turns

#: Bytes of a text from which on it is worth it, and of what may be left of it.
LEAST, MOST_LEFT = 256 * outside.KIB, 2 * outside.MIB
MANY = 5000  # rows of a batch
#: The rows with one of which the next look of a loop begins.
FIRST = 3
#: A port that is never unreadable: higher numbers are left to the careful reader.
_PORT = r"(?:[1-5]?\d{1,4}|6[0-4]\d{3})"
_END = rf"(?:\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}|\[[\da-f:.]{{2,45}}\]):{_PORT}"
_OTHERS = "|".join(n for n, state in OF_SS.items() if state not in {State.CLOSED, State.LISTEN})
#: What may follow, and means nothing to mail programs, web pages or terminals.
_MORE = r"[ !-%'-;=-Z\]-_a-z|}~]*+"
_ROW = (
    rf"(?:(?:{_OTHERS}) ++\d{{1,15}}+ ++\d{{1,15}}+ ++{_END} ++{_END}"
    rf"|LISTEN ++\d{{1,15}}+ ++\d{{1,15}}+ ++[!-~]+:{_PORT} ++[!-~]+:\*)"
    rf"(?: {_MORE}(?:<-[->]{_MORE})?)?+\n(?:\t {_MORE}\n)?+"
)
BEGINS = re.compile(_ROW.encode(), re.ASCII)
ROWS = re.compile(rf"(?:{_ROW}){{1,{MANY}}}+".encode(), re.ASCII)
ROW = re.compile(r"(\S+) +(\d+) +(\d+) +(\S+) +(\S+)([^\n]*)\n(?:\t( [^\n]*)\n)?")
#: A timer that sends or probes, and an inode that is none: each begins with letters that are
#: looked for at once, which both together do not.
BUSY, ORPHAN = (
    re.compile(r"timer:\((?!timewait,|keepalive,[^,)]*,0\))"),
    re.compile(r" ino:0(?!\d)"),
)
#: A row with neither timer nor figures, of which the command of its listing says what that means.
DOUBTFUL = re.compile(rb"^FIN-WAIT-2 (?:(?!timer:)[^\n])*+\n(?!\t)", re.MULTILINE)
SHOWING = (b"timer:(", b"users:((")  # what such a row may hide, in others beside it
TIME_LEFT = re.compile(r"timer:\(timewait,([^,)]*),")
HEARD = re.compile(r" lastrcv:(\d{1,10}) lastack:(\d{1,10})")  # nearly always both are there
DIGITS = re.compile(r"\d{1,10}")
UNSPECIFIED = "0.0.0.0"
#: Of a column of milliseconds: a value that is not known.
UNKNOWN = (1 << 32) - 1
#: The local and the remote end of a connection, as they are printed.
Ends: TypeAlias = tuple[bytes, bytes]
STATES = {"ESTAB": State.ESTABLISHED, "TIME-WAIT": State.TIME_WAIT}
#: The state and the queues of a connection at rest.
CALM = frozenset((name, "0", "0") for name in STATES)


class Fields(NamedTuple):
    """What the rows of a listing show, some of them or all."""

    timed: bool = False  # timers
    numbered: bool = False  # inodes
    marked: bool = False  # -e writes sk: for every socket, and ino: if it has one
    owned: bool = False  # processes

    def socket(
        self, line: Line, figures: Callable[[str], Mapping[str, float]] = ss_row.info
    ) -> Socket:
        """The record of a row; `figures` makes those of ``ss -i`` from what stands in it, in its
        units: milliseconds, bytes, numbers.
        """
        numbered = self.numbered and (not self.marked or " sk:" in line.more)  # or it was cut
        return ss_row.socket(line, self.timed, numbered, figures)

    def bare(self, size: int, *columns: Iterable[Any]) -> list[Socket]:
        """The records of rows with nothing behind their ends."""
        one = self.socket(Line(State.ESTABLISHED, ("", 0), ("", 0), 0, 0, ""))
        same = [getattr(one, each.name) for each in fields(one)[5:]]
        return filled(size, *columns[:5], *map(repeat, same))


NOTHING = Fields()


@dataclass(slots=True)
class TextBatch:
    """Rows at rest, as small as text is: columns of words are one text, with blanks in between."""

    states: str
    local_addresses: str
    local_ports: array[int]
    remote_addresses: str
    remote_ports: array[int]
    heard: array[int] | None = None  # milliseconds since; None: rows without details
    remaining: array[int] | None = None  # likewise
    details: bytes = b""  # of each row a line, compressed
    windows: bool = False  # whether any has snd_wnd
    shown: Fields = NOTHING  # by their listing

    @property
    def size(self) -> int:
        """How many."""
        return len(self.local_ports)

    def addresses(self) -> set[str]:
        """Those of their own ends."""
        return {*self.local_addresses.split(" ")}

    def rows(self) -> Rows:
        """Their columns."""
        return Rows(
            [*map(STATES.__getitem__, self.states.split(" "))],
            self.local_addresses.split(" "),
            self.local_ports,
            self.remote_addresses.split(" "),
            self.remote_ports,
            _seconds(self.heard),
            _seconds(self.remaining),
        )

    def sockets(self) -> Iterable[Socket]:
        """Their records."""
        states, *ends, _, _ = self.rows()
        local, remote = zip(*ends[:2], strict=True), zip(*ends[2:], strict=True)
        if self.details:
            more = zlib.decompress(self.details).decode("ascii").split("\n")
            lines = map(Line, states, local, remote, repeat(0), repeat(0), more)
            return (self.shown.socket(line, RowFigures) for line in lines)
        return self.shown.bare(self.size, states, local, remote, repeat(0), repeat(0))

    def has(self, figure: str) -> bool:
        """Whether any of them has this figure of ``ss -i``."""
        return self.windows and figure == "snd_wnd"


@dataclass(slots=True)
class Restless:
    """Rows that are not at rest, likewise, until it is known what their listing shows."""

    states: str
    local_addresses: str
    local_ports: array[int]
    remote_addresses: str
    remote_ports: array[int]
    rx_queues: array[int]
    tx_queues: array[int]
    more: str  # behind the ends, of each row a line; empty if nothing is

    def sockets(self, shown: Fields, known: dict[Endpoint, Endpoint]) -> Iterable[Socket]:
        """Their records; `known`: each endpoint once, since most connections share theirs."""
        local = [*zip(self.local_addresses.split(" "), self.local_ports, strict=True)]
        remote = [*zip(self.remote_addresses.split(" "), self.remote_ports, strict=True)]
        columns = (
            map(OF_SS.__getitem__, self.states.split(" ")),
            map(known.setdefault, local, local),
            map(known.setdefault, remote, remote),
            self.rx_queues,
            self.tx_queues,
        )
        if not self.more:
            return shown.bare(len(self.local_ports), *columns)
        return self._detailed(map(Line, *columns, self.more.split("\n")), shown)

    def _detailed(self, lines: Iterable[Line], shown: Fields) -> Iterator[Socket]:
        """Their figures stay in one text: a fork that counts who refers to that copies little."""
        text, begin, end = self.more, 0, 0

        def figures(more: str) -> RowFigures:
            whole = len(more) == end - begin  # or it is without what names the processes
            return RowFigures(text, begin, end) if whole else RowFigures(more)

        for line in lines:
            end = begin + len(line.more)
            yield shown.socket(line, figures)
            begin = end + 1


class Divided(NamedTuple):
    """Rows of a listing."""

    restless: list[Restless]
    batches: list[TextBatch]
    shown: Fields  # by these rows
    doubtful: list[tuple[int, str]]  # rows left to the careful reader, and their lines among these


def _seconds(column: array[int] | None) -> list[float | None] | None:
    if column is None:
        return None
    return [None if value == UNKNOWN else value / 1000 for value in column]


@dataclass(slots=True)
class Bulk:
    """The rows that were taken out of a text, and what is left of it."""

    restless: list[Restless] = field(default_factory=list)
    batches: list[TextBatch] = field(default_factory=list)
    shown: Fields = NOTHING
    left: list[bytes] = field(default_factory=list)  # lines
    numbers: list[int] = field(default_factory=list)  # of those, from 1
    #: Whether one of the first connections comes again: these are several looks, one after another.
    begins_again: bool = False
    #: Rows that the careful reader of the listing reads, and their numbers.
    doubtful: list[tuple[int, str]] = field(default_factory=list)
    _first: list[Ends] | None = None
    _bytes_left: int = 0
    _lines: int = 0  # so far

    def crowd(self, others: Sequence[Socket], shown: Fields) -> Crowd:
        """The sockets of the listing, with what the careful reader made of the rest of it.

        A row without an inode or a process is at rest only where the listing shows none.
        """
        ends = [(one.local, one.remote) for one in others if one.state is not State.LISTEN]
        self.begins_again |= len({*ends}) < len(ends)
        known: dict[Endpoint, Endpoint] = {}
        self.restless.reverse()
        parts = (self.restless.pop() for _ in range(len(self.restless)))  # none is kept twice
        restless = [socket for part in parts for socket in part.sockets(shown, known)]
        batches = []
        for batch in self.batches:
            by_itself, batch.shown = batch.shown, shown
            if (shown.numbered and not shown.marked) or shown.owned > by_itself.owned:
                restless += batch.sockets()
            else:
                batches.append(batch)
        return Crowd([*others, *restless], batches)

    @property
    def is_worth_it(self) -> bool:
        """Whether nearly all of the text so far was such rows."""
        return self._bytes_left <= MOST_LEFT

    def take(self, pieces: Iterable[bytes], long: bool) -> None:
        """Take the rows of a text, as long as it is worth it; `long`: enough for two processes."""
        for rows, divided in in_turns(_divided, self._rows(pieces), long):
            if divided is None:
                self._leave(rows)
                continue
            self.restless += divided.restless
            self.batches += divided.batches
            self.shown = Fields(*map(max, self.shown, divided.shown))
            self.doubtful += ((self._lines + number, row) for number, row in divided.doubtful)
            self._lines += rows.count(b"\n")

    def _rows(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Rows as ss prints them, some thousands at a time; everything else is left."""
        rest = b""
        for piece in pieces:
            rest = yield from self._rows_of(rest + piece, last=False)
            if not self.is_worth_it:
                return
        yield from self._rows_of(rest, last=True)

    def _rows_of(self, text: bytes, last: bool) -> Generator[bytes, None, bytes]:
        """The same of a piece of text, which goes on unless it is the last one; returns what must
        stand before the next piece.
        """
        end = len(text) if last else text.rfind(b"\n") + 1
        at = 0
        while at < end and self.is_worth_it:
            found = ROWS.match(text, at, end)
            if found is None:
                until = text.find(b"\n", at, end) + 1 or end
                self._leave(text[at:until])
            else:
                until = rows = found.end()
                goes_on = until == end and not last
                if goes_on or (until < end and BEGINS.match(text, until, end) is None):
                    rows = _start_of_last_row(text, at, until)  # it may go on in the next line
                if rows > at:
                    yield self._looked_at(text[at:rows])
                if goes_on:
                    return text[rows:]
                self._leave(text[rows:until])
            at = until
        if len(text) - end > MOST_LEFT:  # in one line
            self._bytes_left = len(text)
        return text[end:]

    def _leave(self, text: bytes) -> None:
        for line in text.removesuffix(b"\n").split(b"\n") if text else ():
            self._lines += 1
            self.left.append(line + b"\n")
            self.numbers.append(self._lines)
        self._bytes_left += len(text)

    def _looked_at(self, rows: bytes) -> bytes:
        """Rows without the very first one; whether another look begins in them is noted."""
        seen = 0
        if self._first is None:
            self._first, seen = _connections(rows, FIRST)
            # One row tells the careful reader that there is a listing, if this has no heading.
            (first,) = itertools.islice(BEGINS.finditer(rows), 1)
            self._leave(rows[: first.end()])
            rows, seen = rows[first.end() :], max(0, seen - first.end())
        self.begins_again |= any(_stands(ends, rows, seen) for ends in self._first)
        return rows


def _doubtful(rows: bytes) -> tuple[list[tuple[int, str]], bytes]:
    """Rows that are `DOUBTFUL`, with the number of the line that each ends in, and the others.

    Where no row shows anything that one could hide, none is.
    """
    if b"FIN-WAIT-2" not in rows or not any(word in rows for word in SHOWING):
        return [], rows
    found, others = list[tuple[int, str]](), list[bytes]()
    lines = at = 0
    for row in DOUBTFUL.finditer(rows):
        others.append(rows[at : row.start()])
        lines, at = lines + rows.count(b"\n", at, row.end()), row.end()
        found.append((lines, row[0].decode("ascii").rstrip()))
    return found, b"".join([*others, rows[at:]])


def _connections(rows: bytes, most: int) -> tuple[list[Ends], int]:
    """The ends of the first connections of a listing, and where the next row begins."""
    found, end = [], 0
    for row in itertools.islice(BEGINS.finditer(rows), most):
        state, _, _, local, remote, *_ = row[0].split()
        found += [(local, remote)] if state != b"LISTEN" else []
        end = row.end()
    return found, end


def _stands(ends: Ends, rows: bytes, at: int) -> bool:
    """Whether a connection is among rows, from a place on."""
    local, remote = ends
    while (at := rows.find(b" " + remote, at)) >= 0:
        before, at = at, at + 1 + len(remote)
        start = rows.rfind(b"\n", 0, before) + 1
        if rows[at : at + 1] in {b" ", b"\n"} and rows[start:before].split()[3:] == [local]:
            return True
    return False


def _start_of_last_row(text: bytes, at: int, end: int) -> int:
    """Where the last row before `end` begins, with the line of its figures; not before `at`."""
    start = text.rfind(b"\n", at, max(at, text.rfind(b"\n", at, end))) + 1 or at
    if text[start : start + 1] == b"\t":
        start = text.rfind(b"\n", at, max(at, start - 1)) + 1 or at
    return start


class _Columns(NamedTuple):
    """Rows as they are printed, by column; the last two are empty where nothing follows."""

    states: Sequence[str]
    rx: Sequence[str]
    tx: Sequence[str]
    local: Sequence[str]
    remote: Sequence[str]
    more: Sequence[str] = ()
    details: Sequence[str] = ()

    @classmethod
    def of(cls, text: str) -> _Columns:
        """Those of some rows."""
        if "\n\t" not in text:
            words = text.split()
            if len(words) == 5 * text.count("\n"):
                return cls(*(words[number::5] for number in range(5)))
        return cls(*zip(*ROW.findall(text), strict=True))

    def only(self, some: Sequence[bool]) -> _Columns:
        """Some of the rows."""
        return _Columns(*([*compress(column, some)] for column in self))

    @property
    def at_rest(self) -> list[bool]:
        """Which rows are."""
        calm = [*map(CALM.__contains__, zip(self.states, self.rx, self.tx, strict=True))]
        if True in map(operator.eq, self.local, self.remote):  # a connection with itself
            calm = [*map(operator.and_, calm, map(operator.ne, self.local, self.remote))]
        if not self.more:
            return calm
        owned = any(USERS in more for more in self.more)
        return [
            rests and (state == "TIME-WAIT" or _idles(more, owned))
            for rests, state, more in zip(calm, self.states, self.more, strict=True)
        ]


def _divided(printed: bytes) -> Divided | None:
    """The rows that are not at rest, those that are, and what they show. None: an address is none,
    and somebody else must read them.
    """
    doubtful, certain = _doubtful(printed)
    text = certain.decode("ascii")
    rows = _Columns.of(text)
    shown = NOTHING
    if rows.more:
        shown = Fields("timer:(" in text, " ino:" in text, " sk:" in text, USERS in text)
    try:
        calm = rows.at_rest
        others = rows if True not in calm else rows.only([*map(operator.not_, calm)])
        restless = []
        if "LISTEN" in others.states:
            listening = [state == "LISTEN" for state in others.states]
            restless.append(_restless(others.only(listening), _named))
            others = others.only([*map(operator.not_, listening)])
        if others.states:
            restless.append(_restless(others, _ends))
        batches = [_batch(rows.only(calm), shown)] if True in calm else []
    except (Unreadable, OSError):
        return None
    return Divided(restless, batches, shown, doubtful)


def _restless(
    rows: _Columns, ends: Callable[[Sequence[str]], tuple[Sequence[str], array[int]]]
) -> Restless:
    here, there = ends(rows.local), ends(rows.remote)
    return Restless(
        " ".join(rows.states),
        " ".join(here[0]),
        here[1],
        " ".join(there[0]),
        there[1],
        array("Q", map(int, rows.rx)),
        array("Q", map(int, rows.tx)),
        "\n".join(map(str.__add__, rows.more, rows.details)),
    )


def _batch(rows: _Columns, shown: Fields) -> TextBatch:
    here, there = _ends(rows.local), _ends(rows.remote)
    batch = TextBatch(
        " ".join(rows.states),
        " ".join(here[0]),
        here[1],
        " ".join(there[0]),
        there[1],
        shown=shown,
    )
    if rows.more:
        batch.heard = array("I", map(_heard, rows.details))
        batch.remaining = array("I", map(_remaining, rows.more))
        batch.windows = any(" snd_wnd:" in figures for figures in rows.details)
        text = "\n".join(map(str.__add__, rows.more, rows.details))
        batch.details = zlib.compress(text.encode("ascii"), 1)
    return batch


def _idles(more: str, owned: bool) -> bool:
    """Whether the first line of a connection shows that it neither sends, probes nor is an orphan;
    `owned`: it is among others that show the processes that hold them.
    """
    return not (BUSY.search(more) or ORPHAN.search(more) or (owned and USERS not in more))


def _named(ends: Sequence[str]) -> tuple[list[str], array[int]]:
    """The addresses and the ports of endpoints, numeric or not."""
    addresses, ports = zip(*map(endpoint, ends), strict=True)
    return [*addresses], array("H", ports)


def _ends(ends: Sequence[str]) -> tuple[list[str], array[int]]:
    """The addresses and the ports of numeric endpoints."""
    if not ends:
        return [], array("H")
    text = " ".join(ends)
    in_brackets = text.count("[")
    addresses: Sequence[str]
    ports: Sequence[str]
    if not in_brackets or in_brackets == len(ends):  # ss lists one family after the other
        words = text.replace("]:", "] ") if in_brackets else text.replace(":", " ")
        addresses, ports = (split := words.split(" "))[::2], split[1::2]
    else:
        addresses, _, ports = zip(*[end.rpartition(":") for end in ends], strict=True)
    if in_brackets or UNSPECIFIED in text:
        known = {address: _bare(address) for address in {*addresses}}
        addresses = [*map(known.__getitem__, addresses)]
    return [*addresses], array("H", map(int, ports))


def _bare(text: str) -> str:
    """An address as records have it."""
    if text[0] != "[":
        return ANY if text == UNSPECIFIED else text
    family = python_socket.AF_INET6
    plain = python_socket.inet_ntop(family, python_socket.inet_pton(family, text[1:-1]))
    return address(text) if "." in plain or plain == "::" else plain


def _heard(figures: str) -> int:
    """Milliseconds since something came from the other end; ss leaves out a 0."""
    if " rto:" not in figures:
        return UNKNOWN
    if found := HEARD.search(figures):
        return min(UNKNOWN - 1, int(found[1]), int(found[2]))
    return min(UNKNOWN - 1, *(_number(figures, key) for key in (" lastrcv:", " lastack:")))


def _number(figures: str, key: str) -> int:
    at = figures.find(key)
    found = DIGITS.match(figures, at + len(key)) if at >= 0 else None
    return int(found[0]) if found else 0


def _remaining(more: str) -> int:
    """Milliseconds until TIME_WAIT ends."""
    found = TIME_LEFT.search(more)
    seconds = None if found is None else duration(found[1])
    return UNKNOWN if seconds is None else min(UNKNOWN - 1, round(seconds * 1000))
