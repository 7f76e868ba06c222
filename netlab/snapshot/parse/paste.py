# SPDX-License-Identifier: GPL-2.0-or-later
"""Pasted text to snapshots: one listing or several, of one host or of both.

A listing begins with its heading, a command or a line of another format. Listings of one host
are one sample, until a connection appears that the sample already has: that starts the next one.
A listing with the same connections seen from the other side is the other end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from netlab.model import outside
from netlab.model.errors import ScenarioError
from netlab.model.tcp import State
from netlab.snapshot import columns, store
from netlab.snapshot.parse import prompt
from netlab.snapshot.parse.endpoint import Unreadable
from netlab.snapshot.parse.netstat import NetstatReader
from netlab.snapshot.parse.nstat import CounterReader
from netlab.snapshot.parse.proc import ProcReader
from netlab.snapshot.parse.ss import SsReader
from netlab.snapshot.records import Sample, Snapshot, Socket

AnyReader: TypeAlias = SsReader | NetstatReader | ProcReader | CounterReader
READERS: tuple[type[AnyReader], ...] = (SsReader, NetstatReader, ProcReader, CounterReader)
BY_TOOL: dict[str, type[AnyReader]] = {
    "ss": SsReader,
    "netstat": NetstatReader,
    "nstat": CounterReader,
}
EXPECTED = (
    "netlab reads the output of ss -tanoei (best), netstat -tno, /proc/net/tcp, nstat -az "
    "and netlab snapshot"
)
JSON = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*+\{")
#: Of a line, in bytes: a listener of 1,000 processes has 30 KiB with ss -p.
LONGEST = 64 * outside.KIB
SHOWN = 60  # characters of a line that a message shows


def read(text: str | bytes, name: str) -> list[Snapshot]:
    """Every snapshot in a text. Raises `ScenarioError` with the line that cannot be read.

    Bytes are decoded line by line: as one text they may become four times as many. A truncated last
    line is left out, with a note in its sample.
    """
    data = text.encode(errors="replace") if isinstance(text, str) else text
    if JSON.match(data):
        return _stored(data.decode(errors="replace").lstrip("\ufeff \t\r\n"), name)
    snapshots = _read(_numbered(data, name), name)
    if not snapshots:
        raise ScenarioError(f"there are no sockets in it. {EXPECTED}", Path(name))
    return snapshots


def _stored(text: str, name: str) -> list[Snapshot]:
    """The snapshots of one JSON object, or of one per line."""
    rows = [line for line in text.split("\n") if line.strip()]
    together = all(row.startswith('{"netlab"') for row in rows)
    snapshots, left = [], columns.MOST
    for row in rows if together else [text]:
        snapshots.append(store.from_json(row, name, left))
        left -= sum(len(sample.sockets) for sample in snapshots[-1].samples)
    return snapshots


def _numbered(data: bytes, name: str) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers, and without what terminals add."""
    for number, raw in enumerate(_lines(data), 1):
        if len(raw) > LONGEST:
            raise ScenarioError(
                f"is longer than {outside.size(LONGEST)}, as no line of these tools is. {EXPECTED}",
                Path(name),
                number,
            )
        if line := prompt.clean(raw.decode(errors="replace")):
            yield number, line


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines of a text, of which none is copied before it is asked for."""
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        yield data[at:end]
        at = end + 1
    yield data[at:]


def _read(numbered: Iterator[tuple[int, str]], name: str) -> list[Snapshot]:
    paste, number = _Paste(name), 0
    try:
        for number, line in numbered:
            paste.take(line, number)
        if not number:
            raise ScenarioError(f"it is empty. {EXPECTED}", Path(name))
        return paste.finish()
    except Unreadable as error:
        wrong = error
    wrong.line = wrong.line or number
    if next(numbered, None) is None:
        try:
            snapshots = paste.cut(f"line {wrong.line} was cut short and is left out")
        except Unreadable as earlier:
            wrong = earlier
        else:
            if snapshots:
                return snapshots
    raise ScenarioError(str(wrong), Path(name), wrong.line)


@dataclass(slots=True)
class _SampleBuilder:
    """A sample while it is gathered from listings."""

    sockets: list[Socket] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    keys: set[object] = field(default_factory=set)  # connections, and listeners

    def record(self) -> Sample:
        """The sample."""
        source = ", ".join(dict.fromkeys(self.sources))
        notes = tuple(dict.fromkeys(self.notes))
        return Sample(tuple(self.sockets), self.counters, {}, None, source, notes)


class _Paste:
    """A text, read line by line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reader: AnyReader | None = None
        self._new = False  # only its command or its heading has been read
        self._before: AnyReader | None = None  # the listing of sockets before this one
        self._host = ""
        self._skipping = False  # the output of another command
        self._hosts: list[tuple[str, list[_SampleBuilder]]] = []

    def take(self, line: str, number: int) -> None:
        """Take the next line. Raises `Unreadable` if it makes no sense here."""
        reader = self._reader
        if reader is not None and line[0] == "\t" and reader.more(line):  # as ss -i prints them
            return
        if reader is not None and reader.row(line, number):
            self._new = False
            return
        if self._begins(line, number):
            self._skipping = False
            return
        if reader is not None and reader.more(line):
            return
        typed = prompt.command(line)
        if typed is not None:
            self._typed(typed)
        elif not (self._ruled(line) or prompt.HARMLESS.match(line) or self._skipping):
            raise Unreadable(
                f"{_shown(line)} is not recognized. {EXPECTED}: "
                "take this line out, or print it again"
            )

    def _begins(self, line: str, number: int) -> bool:
        """Whether a listing begins with this line, by its heading or by its first row."""
        for kind in READERS:
            fresh = self._reader if self._new and isinstance(self._reader, kind) else None
            reader: AnyReader = fresh or kind()
            if reader.heading(line):
                if fresh is None:
                    self._start(reader)
                self._new = True
                return True
        for kind in READERS:
            other: AnyReader = kind()
            if not isinstance(self._reader, kind) and other.row(line, number):
                self._start(other)
                return True
        return False

    def _start(self, reader: AnyReader) -> None:
        self._end()
        self._reader = reader

    def _typed(self, typed: prompt.TypedCommand) -> None:
        """A prompt ends the listing before it; its command begins the next one."""
        self._end()
        self._host = typed.host or self._host
        tool = "nstat" if prompt.prints_statistics(typed) else typed.tool
        self._skipping = tool not in BY_TOOL
        if tool in BY_TOOL:
            self._reader, self._new = BY_TOOL[tool](typed.text), True

    def _ruled(self, line: str) -> bool:
        """Whether this is a line between two listings, which may name a host."""
        match = prompt.RULE.match(line)
        if match is None:
            return False
        self._end()
        label = match["label"]
        if label and prompt.LABELLED.match(label):
            self._host = label.rstrip(":")
        return True

    # --- listings, samples and hosts

    def _end(self) -> None:
        """The listing is over: add it to the sample that it belongs to."""
        reader = self._reader
        if reader is None:
            return
        sockets = reader.finish()  # on an error the reader stays, without the faulty socket
        self._reader, self._new = None, False
        if isinstance(reader, CounterReader):
            if reader.counters:
                sample = self._sample_for_counters()
                sample.counters.update(reader.counters)
                sample.sources.append(reader.source)
                sample.notes += reader.notes
            return
        sample = self._sample_for(sockets, _are_halves(self._before, reader))
        self._before = reader
        sample.sockets += sockets
        sample.keys.update(map(_key, sockets))
        sample.sources.append(reader.source)
        sample.notes += reader.notes

    def _samples(self) -> list[_SampleBuilder]:
        """The samples of the host that the prompt names, or of the one that came last."""
        for host, samples in self._hosts:
            if host == self._host:
                return samples
        if self._hosts and not self._hosts[-1][0]:  # it gets its name only now
            return self._hosts[-1][1]
        self._hosts.append((self._host, [_SampleBuilder()]))
        return self._hosts[-1][1]

    def _sample_for_counters(self) -> _SampleBuilder:
        samples = self._samples()
        if samples[-1].counters and samples[-1].sockets:
            samples.append(_SampleBuilder())
        return samples[-1]

    def _sample_for(self, sockets: Sequence[Socket], joins: bool) -> _SampleBuilder:
        samples = self._samples()
        sample = samples[-1]
        if joins or not sample.sockets:
            return sample
        keys = {_key(socket) for socket in sockets}
        mirrored = {_mirrored(socket) for socket in sockets if socket.state is not State.LISTEN}
        other_end = len((mirrored - keys) & sample.keys)
        again = keys & sample.keys
        connections_again = sum(isinstance(key, tuple) for key in again)
        if other_end > connections_again and not self._host:
            self._hosts.append((f"{self._name} ({len(self._hosts) + 1})", [_SampleBuilder()]))
            return self._hosts[-1][1][-1]
        if again:
            samples.append(_SampleBuilder())
        return samples[-1]

    def finish(self) -> list[Snapshot]:
        """All snapshots. Raises `Unreadable`, once, if the last socket is not complete."""
        self._end()
        return [
            Snapshot(tuple(sample.record() for sample in samples), host or self._name)
            for host, samples in self._hosts
        ]

    def cut(self, why: str) -> list[Snapshot]:
        """All snapshots without the last line, with `why` as a note; empty if that was all."""
        self._end()
        samples = [sample for _, samples in self._hosts for sample in samples]
        if not any(sample.sockets or sample.counters for sample in samples):
            return []
        self._hosts[-1][1][-1].notes.append(why)
        return self.finish()


def _are_halves(before: AnyReader | None, after: AnyReader) -> bool:
    """True if two listings belong together: tcp and tcp6."""
    both = isinstance(before, ProcReader) and isinstance(after, ProcReader)
    return both and getattr(before, "six", 0) != getattr(after, "six", 0)


def _key(socket: Socket) -> object:
    """The identity of a socket: a four-tuple, or text for a listener, so that the two differ."""
    if socket.state is State.LISTEN:
        return f"{socket.local}"
    return socket.local, socket.remote


def _mirrored(socket: Socket) -> object:
    return socket.remote, socket.local


def _shown(line: str) -> str:
    short = line.strip()
    return repr(short if len(short) <= SHOWN else f"{short[: SHOWN - 3]}...")
