# SPDX-License-Identifier: GPL-2.0-or-later
"""Text to snapshots: what people have in their terminals, several of them pasted together too.

A listing begins where its heading, a command or a line of another format does. Listings of one
host are one look, until a connection appears that the look has already: then somebody looked
again. A listing with the same connections seen from the other side is the other end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from netlab.diagnosis import store
from netlab.diagnosis.parse import counted, lines, netstat, proc, ss
from netlab.diagnosis.parse.ends import Unreadable
from netlab.diagnosis.records import Look, Snapshot, Socket
from netlab.errors import ScenarioError
from netlab.tcp import State

Reader: TypeAlias = ss.Reader | netstat.Reader | proc.Reader | counted.Reader
READERS: tuple[type[Reader], ...] = (ss.Reader, netstat.Reader, proc.Reader, counted.Reader)
BY_TOOL: dict[str, type[Reader]] = {
    "ss": ss.Reader,
    "netstat": netstat.Reader,
    "nstat": counted.Reader,
}
EXPECTED = (
    "netlab reads the output of ss -tanoei (best), netstat -tno, /proc/net/tcp, nstat -az "
    "and netlab snapshot"
)
SHOWN = 60  # letters of a line that a message shows


def read(text: str, name: str) -> list[Snapshot]:
    """Every snapshot in a text. Raises `ScenarioError` with the line that cannot be read.

    A last line that was cut off is left out, and a note of the look says so.
    """
    begin = text.lstrip("\ufeff \t\r\n")
    if begin.startswith("{"):
        return [store.from_json(line, name) for line in _objects(begin)]
    numbered = [
        (number, line)
        for number, raw in enumerate(text.split("\n"), 1)
        if (line := lines.clean(raw))
    ]
    if not numbered:
        raise ScenarioError(f"nothing is in it. {EXPECTED}", Path(name))
    found = _read(numbered, name)
    if not found:
        raise ScenarioError(f"there are no sockets in it. {EXPECTED}", Path(name))
    return found


def _read(numbered: Sequence[tuple[int, str]], name: str) -> list[Snapshot]:
    paste, last = _Paste(name), numbered[-1][0]
    number = last
    try:
        for number, line in numbered:
            paste.take(line, number)
        return paste.finish()
    except Unreadable as error:
        wrong = error
    wrong.line = wrong.line or number
    if number == last:
        try:
            found = paste.cut(f"line {wrong.line} was cut short and is left out")
        except Unreadable as earlier:
            wrong = earlier
        else:
            if found:
                return found
    raise ScenarioError(str(wrong), Path(name), wrong.line)


def _objects(text: str) -> list[str]:
    """One JSON object, or one a line."""
    rows = [line for line in text.split("\n") if line.strip()]
    together = all(row.startswith('{"netlab"') for row in rows)
    return rows if together else [text]


@dataclass(slots=True)
class _Look:
    """One look while it is gathered from listings."""

    sockets: list[Socket] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    keys: set[object] = field(default_factory=set)  # connections, and listeners

    def record(self) -> Look:
        """The look as it is kept."""
        source = ", ".join(dict.fromkeys(self.sources))
        notes = tuple(dict.fromkeys(self.notes))
        return Look(tuple(self.sockets), self.counters, {}, None, source, notes)


class _Paste:
    """A text, taken line by line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reader: Reader | None = None
        self._new = False  # nothing but its command or its heading was read yet
        self._before: Reader | None = None  # the listing of sockets before this one
        self._host = ""
        self._skipping = False  # the output of a command that is not known here
        self._ends: list[tuple[str, list[_Look]]] = []

    def take(self, line: str, number: int) -> None:
        """Find out what a line is. Raises `Unreadable`."""
        if self._reader is not None and self._reader.row(line, number):
            self._new = False
            return
        if self._begins(line, number):
            self._skipping = False
            return
        if self._reader is not None and self._reader.more(line):
            return
        typed = lines.command(line)
        if typed is not None:
            self._typed(typed)
        elif not (self._ruled(line) or lines.HARMLESS.match(line) or self._skipping):
            raise Unreadable(
                f"{_shown(line)} is nothing that is known here. {EXPECTED}: "
                "take this line out, or print it again"
            )

    def _begins(self, line: str, number: int) -> bool:
        """Whether a listing begins with this line, by its heading or by its first row."""
        for kind in READERS:
            known = self._reader if self._new and isinstance(self._reader, kind) else None
            reader: Reader = known or kind()
            if reader.heading(line):
                if known is None:
                    self._start(reader)
                self._new = True
                return True
        for kind in READERS:
            other: Reader = kind()
            if not isinstance(self._reader, kind) and other.row(line, number):
                self._start(other)
                return True
        return False

    def _start(self, reader: Reader) -> None:
        self._end()
        self._reader = reader

    def _typed(self, typed: lines.Command) -> None:
        """A prompt: what ran before is over, and what runs now is known from its name."""
        self._end()
        self._host = typed.host or self._host
        tool = "nstat" if lines.prints_statistics(typed) else typed.tool
        self._skipping = tool not in BY_TOOL
        if tool in BY_TOOL:
            self._reader, self._new = BY_TOOL[tool](typed.text), True

    def _ruled(self, line: str) -> bool:
        """Whether this is a line between two listings; it may name a host."""
        match = lines.RULE.match(line)
        if match is None:
            return False
        self._end()
        label = match["label"]
        if label and lines.LABELLED.match(label):
            self._host = label.rstrip(":")
        return True

    # --- listings, looks and ends

    def _end(self) -> None:
        """The listing is over: find the look that it belongs to."""
        reader = self._reader
        if reader is None:
            return
        sockets = reader.finish()  # an error leaves the reader here, without the socket it is about
        self._reader, self._new = None, False
        if isinstance(reader, counted.Reader):
            if reader.counters:
                look = self._look_for_counters()
                look.counters.update(reader.counters)
                look.sources.append(reader.source)
                look.notes += reader.notes
            return
        look = self._look_for(sockets, _are_halves(self._before, reader))
        self._before = reader
        look.sockets += sockets
        look.keys.update(map(_key, sockets))
        look.sources.append(reader.source)
        look.notes += reader.notes

    def _looks(self) -> list[_Look]:
        """The looks at the host that the prompt names, or at the one that came last."""
        for host, looks in self._ends:
            if host == self._host:
                return looks
        if self._ends and not self._ends[-1][0]:  # it gets its name now
            return self._ends[-1][1]
        self._ends.append((self._host, [_Look()]))
        return self._ends[-1][1]

    def _look_for_counters(self) -> _Look:
        looks = self._looks()
        if looks[-1].counters and looks[-1].sockets:
            looks.append(_Look())
        return looks[-1]

    def _look_for(self, sockets: Sequence[Socket], joins: bool) -> _Look:
        looks = self._looks()
        look = looks[-1]
        if joins or not look.sockets:
            return look
        keys = {_key(each) for each in sockets}
        mirrored = {_mirrored(each) for each in sockets if each.state is not State.LISTEN}
        other_end = len((mirrored - keys) & look.keys)
        again = keys & look.keys
        connections_again = sum(isinstance(key, tuple) for key in again)
        if other_end > connections_again and not self._host:
            self._ends.append((f"{self._name} ({len(self._ends) + 1})", [_Look()]))
            return self._ends[-1][1][-1]
        if again:
            looks.append(_Look())
        return looks[-1]

    def finish(self) -> list[Snapshot]:
        """What was read. Raises `Unreadable` once where the last socket is not whole."""
        self._end()
        return [
            Snapshot(tuple(look.record() for look in looks), host or self._name)
            for host, looks in self._ends
        ]

    def cut(self, why: str) -> list[Snapshot]:
        """What was read, without the last line. Nothing where that was all."""
        self._end()
        if not any(look.sockets or look.counters for _, looks in self._ends for look in looks):
            return []
        self._ends[-1][1][-1].notes.append(why)
        return self.finish()


def _are_halves(before: Reader | None, after: Reader) -> bool:
    """Whether two listings are of one moment: tcp and tcp6."""
    both = isinstance(before, proc.Reader) and isinstance(after, proc.Reader)
    return both and getattr(before, "six", 0) != getattr(after, "six", 0)


def _key(each: Socket) -> object:
    """What names a connection; a listener is a string, so that the two can be told apart."""
    if each.state is State.LISTEN:
        return f"{each.local}"
    return each.local, each.remote


def _mirrored(each: Socket) -> object:
    return each.remote, each.local


def _shown(line: str) -> str:
    short = line.strip()
    return repr(short if len(short) <= SHOWN else f"{short[: SHOWN - 3]}...")
