# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person is told of a text: what was passed over, what could not be read, what to run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from netlab.model.errors import ScenarioError
from netlab.snapshot.parse import strangers
from netlab.snapshot.parse.cut import MARK, NOTE
from netlab.snapshot.parse.listing import Unread, shown

EXPECTED = (
    "netlab reads the output of ss -tanoei (best), netstat -tno, /proc/net/tcp, nstat -az "
    "and netlab snapshot"
)
REMNANT = "it is no row of ss or netstat, and no part of one: run ss -tanoei, and paste it as it is"
SHOWN = 200  # characters of a line that are kept to be shown
SENTENCES = ""  # the kind of what is no output of any known program


class Remarks:
    """The lines of one text that are no rows, by their kinds."""

    def __init__(self) -> None:
        self.unread: list[Unread] = []  # lines that look like sockets
        self._remnants: list[Unread] = []  # what is left of rows, perhaps
        self.protocols: set[str] = set()  # of sockets that are no TCP sockets
        self._passed: dict[str, int] = {}  # the number of lines, by their kind
        self._first: dict[str, tuple[int, str]] = {}
        self._fragment: tuple[int, str] | None = None

    def passed_over(self, kind: str, line: str, number: int) -> None:
        """A line that is no row; `kind`: the name of a stranger, or `SENTENCES`."""
        self._passed[kind] = self._passed.get(kind, 0) + 1
        self._first.setdefault(kind, (number, line[:SHOWN]))

    def remnant(self, line: str, number: int) -> None:
        """A line that is no row, but may be what something has made of one."""
        self._remnants.append(Unread(number, line[:SHOWN], REMNANT))

    def fragment(self, line: str, number: int) -> None:
        """The first letters of a row, if the text ends with them; otherwise passed over."""
        self._settle()
        self._fragment = number, line

    def _settle(self) -> None:
        if self._fragment is not None:
            number, line = self._fragment
            self.passed_over(SENTENCES, line, number)
            self._fragment = None

    def notes(self, last: int) -> Iterator[str]:
        """One note of each kind; `last`: the number of the last line of the text."""
        if self._fragment is not None and self._fragment[0] == last:
            self.unread.append(Unread(last, self._fragment[1], "", last))
            self._fragment = None
        self._settle()
        cut = bool(self.unread) and self.unread[-1].last == last
        if cut:
            yield f"line {self.unread[-1].line} was cut short and is left out"
        if unread := (self.unread[:-1] if cut else self.unread) + self._remnants:
            many = _many(unread, "line looks like a socket", "lines look like sockets")
            first = unread[0]
            where = f"line {first.line}, {shown(first.text)}"
            yield f"{many} and cannot be read, such as {where}: {_why(first)}"
        for kind, count in self._passed.items():
            if stranger := strangers.BY_NAME.get(kind):
                yield f"{_lines(count)} of {kind}, passed over: {stranger.instead}"
            else:
                what = "is no output" if count == 1 else "are no output"
                example = shown(self._first[kind][1])
                yield f"{_lines(count)} {what} of these tools and passed over, such as {example}"

    @property
    def cut_off(self) -> int:
        """The number of rows of which only the left part is there."""
        return sum(MARK in unread.text for unread in self.unread)

    @property
    def any(self) -> bool:
        """Whether there was anything but rows."""
        return bool(self.unread or self._remnants or self._passed or self.protocols)

    @property
    def recognized(self) -> bool:
        """Whether any of it was output of a known program, or looked like a socket."""
        return bool(self.unread or self.protocols or self._passed.keys() - {SENTENCES})

    def refusal(self, name: str) -> ScenarioError:
        """Why nothing in the text can be used, and what to run instead."""
        why, line = self._why()
        return ScenarioError(why, Path(name), line)

    def _why(self) -> tuple[str, int | None]:
        if self.unread:
            return _unread(self.unread[0])
        strange = [strangers.BY_NAME[kind] for kind in self._passed if kind in strangers.BY_NAME]
        for one in sorted(strange, key=lambda one: not one.sockets):
            return f"there are no TCP sockets in it, but {one.name}: {one.instead}", None
        if other := strangers.of_protocols(self.protocols):
            return f"there are no TCP sockets in it: {other}", None
        if self._remnants:
            return _unread(self._remnants[0])
        if SENTENCES in self._first:
            number, line = self._first[SENTENCES]
            what = f"{shown(line)} is not recognized, and there are no sockets in it"
            return f"{what}. {EXPECTED}", number
        return f"there are no sockets in it. {EXPECTED}", None


def _unread(unread: Unread) -> tuple[str, int]:
    return f"{shown(unread.text)} cannot be read: {_why(unread)}", unread.line


def _why(unread: Unread) -> str:
    return NOTE if MARK in unread.text else unread.why


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _many(things: list[Unread], one: str, several: str) -> str:
    return f"1 {one}" if len(things) == 1 else f"{len(things)} {several}"
