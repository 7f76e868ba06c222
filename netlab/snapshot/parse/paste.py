# SPDX-License-Identifier: GPL-2.0-or-later
"""Pasted text to snapshots: one listing or several, of one host or of both.

A listing begins with its heading, a command or a line of another format; `looks` puts listings
together. Whatever else is in the text is passed over, and counted.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State
from netlab.snapshot import columns, store
from netlab.snapshot.parse import label, layout, lines, moments, prompt, shape, strangers, strings
from netlab.snapshot.parse.bulk import Bulk
from netlab.snapshot.parse.conntrack import WHOLE, ConntrackReader
from netlab.snapshot.parse.counts import CountReader
from netlab.snapshot.parse.cut import NOTE, Edge
from netlab.snapshot.parse.lines import Line
from netlab.snapshot.parse.listing import Unread
from netlab.snapshot.parse.looks import Listing, Looks
from netlab.snapshot.parse.neighbours import NeighbourReader
from netlab.snapshot.parse.netstat import NetstatReader
from netlab.snapshot.parse.nstat import CounterReader
from netlab.snapshot.parse.panes import BARS, divided, sides
from netlab.snapshot.parse.peel import ANCHOR, DIGIT, Peel, heads, usual
from netlab.snapshot.parse.proc import ProcReader
from netlab.snapshot.parse.remarks import EXPECTED, SENTENCES, Remarks
from netlab.snapshot.parse.ss import STATELESS, SsReader
from netlab.snapshot.records import Snapshot

Beginning: TypeAlias = SsReader | NetstatReader | ProcReader | CounterReader | ConntrackReader
AnyReader: TypeAlias = Beginning | CountReader
READERS: tuple[type[Beginning], ...] = (
    SsReader, NetstatReader, ProcReader, CounterReader, ConntrackReader,
)  # fmt: skip
Way: TypeAlias = Callable[[str], str]
BY_TOOL: dict[str, type[SsReader | NetstatReader | CounterReader | ConntrackReader]] = {
    "ss": SsReader,
    "netstat": NetstatReader,
    "nstat": CounterReader,
    "conntrack": ConntrackReader,
}
JSON = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])*+\{[ \t\r\n]*+[\"}]")
OURS = re.compile(JSON.pattern + rb'netlab"')
#: Records, one a line, as loggers and recorders write them: in JSON, no value follows a brace.
SEVERAL = re.compile(rb"\}[ \t]*+(?:[^ \t\r\n,\]}][^\r\n]*+)?[\r\n]\s*+\\?[\[{]")
ROUTES = strangers.BY_NAME["routes and neighbours"]
LOOP = re.compile(r"\b(?:while|for|until)\b")
#: Rows that are whole for each that was cut off: with fewer, they do not show the host.
MOST_ARE_WHOLE = 10
#: Of a line that is neither a row nor a heading: longer ones say nothing.
SENTENCE = 2000
BETWEEN = "-----"  # two panes of a terminal
#: The first lines, which show what stands before the rows of a text.
FIRST = 2000
TRIED = 200  # of them, which show whether it helps to take off what they begin with


def read(text: str | bytes, name: str) -> list[Snapshot]:
    """Every snapshot in a text. Raises `ScenarioError` where nothing in it can be read.

    Bytes are decoded line by line: as one text they may become four times as many. What is passed
    over or left out is in the notes of a sample.
    """
    data = text.encode(errors="replace") if isinstance(text, str) else text
    if not JSON.match(data) or (not OURS.match(data) and _is_logged(data)):
        return _pasted(data, name)
    try:
        return _stored(data.decode(errors="replace").lstrip("\ufeff \t\r\n"), name)
    except ScenarioError:
        if OURS.match(data):
            raise
        try:  # of another program, which may hold what ss printed
            return _pasted(data, name)
        except ScenarioError:
            pass
        raise


def _is_logged(data: bytes) -> bool:
    """Whether a text in JSON is what a logger or a recorder has written."""
    first = data.lstrip().partition(b"\n")[0].decode(errors="replace")
    return SEVERAL.search(data) is not None or strings.is_record(first)


class SeveralListings(Exception):
    """A text has more than one listing of sockets, and rows that belong to one of them."""


def read_rest(bulk: Bulk, name: str) -> list[Snapshot]:
    """The same of a text whose rows, but for these, have been taken out of it. Raises
    `SeveralListings` where it is not plain whose they are.
    """
    paste = _Paste(name, bulk)
    for number, line in _peeled(lines.numbered(b"".join(bulk.left)), paste):
        paste.take(line, bulk.numbers[number - 1])
    snapshots = paste.finish()
    if bulk.begins_again or not paste.has_bulk:
        raise SeveralListings
    return snapshots


def _pasted(data: bytes, name: str) -> list[Snapshot]:
    paste = _Paste(name)
    for number, line in _peeled(lines.numbered(data), paste):
        paste.take(line, number)
    try:
        return paste.finish()
    except ScenarioError:
        if paste.says_something:
            raise
        for without in _ways(data):
            bare = _bare(lines.numbered(data, long=False), without, name)
            with contextlib.suppress(ScenarioError):
                return bare.finish()
            if bare.says_something:
                raise bare.refusal() from None
        raise


def _bare(numbered: Iterable[Line], without: Way, name: str) -> _Paste:
    """A text of which nothing can be read as it is, without what stands before its lines."""
    bare = _Paste(name)
    for number, line in numbered:
        if (text := without(line)).strip():
            bare.take(text, number)
    return bare


def _ways(data: bytes) -> Iterator[Way]:
    """Ways to take off what may stand before each line of a text in which nothing can be read."""
    yield usual
    first = [*itertools.islice(lines.numbered(data, long=False), FIRST)]
    tried = [(number, line) for number, line in first[:TRIED] if len(line) <= SENTENCE]
    texts = [line[:SENTENCE] for _, line in first]
    for peel in itertools.chain(heads(texts), heads(_answers(texts[:TRIED]), DIGIT, least=1)):
        without = functools.partial(_without, peel)
        bare = _bare(tried, without, "")
        try:
            bare.finish()
        except ScenarioError:
            if not bare.says_something:
                continue
        yield without


def _answers(lines: Sequence[str]) -> list[str]:
    """The lines right after a command of one of the tools, which its output begins with."""
    typed = [*map(prompt.command, lines)]
    return [
        line
        for command, line in zip(typed, lines[1:], strict=False)
        if command is not None and command.tool
    ]


def _without(peel: Peel, line: str) -> str:
    return usual(peel.bare(line))


def _stored(text: str, name: str) -> list[Snapshot]:
    """The snapshots of one JSON object, or of one per line."""
    rows = [line for line in text.split("\n") if line.strip()]
    together = all(row.startswith('{"netlab"') for row in rows)
    snapshots, left = [], columns.MOST
    for row in rows if together else [text]:
        snapshots.append(store.from_json(row, name, left))
        left -= sum(len(sample.sockets) for sample in snapshots[-1].samples)
    return snapshots


def _peeled(numbered: Iterator[Line], paste: _Paste) -> Iterator[Line]:
    """The lines, once the first of them have shown what stands before rows, and what is cut off."""
    first = [*itertools.islice(numbered, FIRST)]
    texts = [text for _, text in first]
    numbered = itertools.chain(first, numbered)
    if indent := _indent(texts):
        texts = [text.removeprefix(indent) for text in texts]
        numbered = ((number, text.removeprefix(indent)) for number, text in numbered)
    paste.peel.learn_all(texts)
    outer, inner = Peel(), paste.peel
    bar = divided(texts, inner.bare, only_left=inner.everywhere)
    if bar is None and inner.everywhere and any(map(BARS.search, texts)):
        outer, inner = inner, Peel()
        bare = [*map(outer.bare, texts)]
        inner.learn_all(bare)
        bar = divided(bare, inner.bare)
    if bar is None:
        yield from _marked(texts, numbered, paste)
        return
    right: list[Line] = []
    left = _left(bar, ((number, outer.bare(text)) for number, text in numbered), right)
    paste.peel = Peel()
    yield from _peeled(lines.without_ends(left), paste)
    yield right[0][0], BETWEEN
    yield from (line for line in right if line[1].strip())


def _indent(texts: Sequence[str]) -> str:
    """The blanks that all lines begin with."""
    blanks = [text[: len(text) - len(text.lstrip())] for text in texts]
    least = min(blanks, key=len, default="")
    return least if all(blank.startswith(least) for blank in blanks) else ""


def _left(bar: re.Pattern[str], numbered: Iterator[Line], right: list[Line]) -> Iterator[Line]:
    """The lines of the left one of two panes; those of the other are put aside."""
    for number, text in numbered:
        here, there = sides(bar, text)
        right.append((number, there))
        if here := lines.clean(here):
            yield number, here


def is_cut_off(data: bytes) -> bool:
    """Whether the lines with which a text begins were cut off at the right."""
    first = itertools.islice(lines.numbered(data[: FIRST * 200]), FIRST)
    return Edge([text for _, text in first][:-1]).known


def _marked(first: list[str], numbered: Iterator[Line], paste: _Paste) -> Iterator[Line]:
    """The lines, marked where they were cut off. Those with something before them are not yet: what
    counts is what they are without it.
    """
    peel = paste.peel
    paste.edge = edge = Edge([text for line in first if (text := peel.bare(line))])
    if not edge.known:
        return numbered
    return (
        (number, edge.marked(text) if peel.off(text) is None else text) for number, text in numbered
    )


class _Paste:
    """A text, read line by line."""

    def __init__(self, name: str, bulk: Bulk | None = None) -> None:
        self._name = name
        self._bulk = bulk  # the other rows of the only listing of sockets
        self._listings = 0  # of sockets
        self.peel = Peel()
        self.edge = Edge([])
        self._looks = Looks(name)
        self._reader: AnyReader | None = None
        self._command: prompt.TypedCommand | None = None  # the one that printed what follows
        self._every: float | None = None  # the pauses of the loop that it is in
        self._new = False  # only its command or its heading has been read
        self._elided = False  # somebody left rows out of this listing
        self._interrupted = False  # a line was passed over since the last row
        self._lost = False  # and it may have been a row, or stand for some
        self._foreign = False  # the output of another command
        self._said = ""  # the host that a sentence names, if a listing begins after it
        self._prefix = ""  # the host that stands before the last row
        self._remarks = Remarks()
        self._void = ""  # the line before, if it was passed over, and so would be the same again
        self._neighbours: dict[str, NeighbourReader] = {}  # by the host that the text names
        self._last = 0

    def take(self, line: str, number: int, peeled: bool = False) -> None:
        """Take the next line; `peeled`: what stood before it has been taken off."""
        self._last = number
        reader, void, self._void = self._reader, self._void, ""
        if void and line == void:
            self._pass_over(line, number)
            return
        if self.peel.everywhere and not peeled and self._peels(line, number):
            return
        if reader is not None:
            if (
                line.startswith("\t ")
                and isinstance(reader, SsReader)
                and not self._lost  # so this stands behind its row, whatever is between
                and reader.more(line, number)
            ):
                return
            if reader.row(line, number):
                self._new = self._interrupted = self._lost = False
                return
            stands_before = not peeled and self.peel.off(line) is not None
            if reader.pending and not stands_before and self._continues(line, number):
                return
        if len(line) > SENTENCE:
            self._take_long(line, number)
        elif not (self._cut(line, number) or self._understood(line, number, peeled)):
            self._pass_over(line, number)

    def _understood(self, line: str, number: int, peeled: bool) -> bool:
        return (
            self._begins(line, number)
            or self._neighbour(line)
            or self._strange(line, number)
            or (not peeled and self._peels(line, number))
            or self._typed(line, tools=True, peeled=peeled)
            or self._laid_out(line, number)
            or self._continues(line, number)
            or self._counts(line, number)
            or self._typed(line, tools=False, peeled=peeled)
            or self._left_out(line, number)
            or self._labelled(line)
            or self._timed(line)
            or label.HARMLESS.match(line.lstrip()) is not None
        )

    # --- lines that are rows, in one way or another

    def _cut(self, line: str, number: int) -> bool:
        """Take rows that were joined into one line."""
        peeled = self.peel.off(line)
        line = peeled.text if peeled else line
        starts = [found.start() for found in ANCHOR.finditer(line)]
        if len(starts) < 2:
            return False
        starts[0] = 0
        ends = [*starts[1:], len(line)]
        parts = [line[start:end] for start, end in zip(starts, ends, strict=True)]
        for part in parts:
            if part.strip():
                self.take(part.rstrip(), number)
        return True

    def _take_long(self, line: str, number: int) -> None:
        if len(line) > lines.LONGEST and not ANCHOR.search(line):
            self._pass_over(line[:SENTENCE], number)
        elif not self._cut(line, number) and len(line) <= lines.LONGEST:
            if self._begins(line, number) or self._continues(line, number):
                return
            self._peels(line, number)

    def _begins(self, line: str, number: int) -> bool:
        """Whether a listing begins with this line, by its heading or by its first row."""
        for kind in READERS:
            fresh = self._reader if self._new and isinstance(self._reader, kind) else None
            reader: AnyReader = fresh or kind(self._text_for(kind))
            if reader.heading(line):
                if fresh is None:
                    self._start(reader)
                    self._looks.host, self._said = self._said or self._looks.host, ""
                self._new, self._interrupted = True, False
                return True
        for kind in READERS:
            other: AnyReader = kind(self._text_for(kind))
            if not isinstance(self._reader, kind) and other.row(line, number):
                self._start(other)
                return True
        return False

    def _text_for(self, kind: type[AnyReader]) -> str:
        """The command that printed a listing of this kind, where the text has it."""
        if self._command is None:
            return ""
        for typed in (self._command, *self._command.others):
            if BY_TOOL.get(typed.tool) is kind:
                return typed.text
        return ""

    def _peels(self, line: str, number: int) -> bool:
        """Take a line without what stands before it."""
        self.peel.learn(line)
        peeled = self.peel.off(line)
        if peeled is None:
            return False
        if peeled.host and peeled.host != self._prefix:
            self._prefix = peeled.host
            self._end()
            self._looks.host = peeled.host
        if text := lines.clean(peeled.text):
            self.take(self.edge.marked(text), number, peeled=True)
        return True

    def _continues(self, line: str, number: int) -> bool:
        reader = self._reader
        if reader is None or (self._interrupted and not isinstance(reader, CounterReader)):
            return False
        return reader.more(line, number)

    def _counts(self, line: str, number: int) -> bool:
        """Take a number of sockets by state."""
        reader = CountReader(*self._counting())
        if isinstance(self._reader, CountReader) or not reader.begins(line, number):
            return False
        self._start(reader)
        return True

    def _counting(self) -> tuple[str, State | None, bool]:
        """What a number alone would be: what the command picked, where it has printed nothing."""
        if self._command is None or not self._new or self._interrupted:
            return "", None, False
        return self._command.text, self._command.counted, self._command.counted is not None

    def _laid_out(self, line: str, number: int) -> bool:
        """Take a row whose columns were cut, or put into another order."""
        row = layout.as_ss_prints(line)
        if row is None:
            if not layout.without_state(line):
                return False
            self._remarks.unread.append(Unread(number, line, STATELESS))
            return True
        if not isinstance(self._reader, SsReader | NetstatReader):
            self._start(NetstatReader() if layout.spelled_by_netstat(line) else SsReader())
        if isinstance(self._reader, NetstatReader):
            row = layout.as_netstat_prints(row)
        assert self._reader is not None
        self._interrupted = False
        return self._reader.row(row, number)

    # --- lines between them

    def _typed(self, line: str, tools: bool, peeled: bool) -> bool:
        """A prompt ends the listing before it; its command begins the next one."""
        typed = prompt.command(line)
        if typed is None or bool(typed.tool) != tools:
            return False
        self._end()
        if not peeled:
            self._prefix = ""  # what stands before the next row names its host again
        self._looks.host = typed.host or (tools and self._said) or self._looks.host
        self._said = ""
        self._foreign = not tools
        if not tools:
            self._wait(line)
            return True
        self._command, self._every = typed, moments.pause(line) if LOOP.search(line) else None
        tool = "nstat" if prompt.prints_statistics(typed) else typed.tool
        if typed.counts or prompt.sums_up(typed):
            self._reader, self._new = CountReader(typed.text, typed.counted, alone=True), True
        elif tool in BY_TOOL:
            self._reader, self._new = BY_TOOL[tool](typed.text), True
        return True

    def _labelled(self, line: str) -> bool:
        """Whether this is a line between two listings, which may name a host."""
        found = label.label(line)
        if found is None:
            return False
        if found.sentence:
            self._said = found.host
            return False
        self._end()
        self._looks.host = found.host or self._looks.host
        self._foreign = False
        return True

    def _timed(self, line: str) -> bool:
        """Whether this is a time, as date prints it."""
        at = moments.moment(line)
        if at is None:
            return False
        self._end()
        self._looks.time(at)
        return True

    def _wait(self, line: str) -> None:
        seconds = moments.pause(line)
        if seconds is not None:
            self._looks.pause(seconds)

    def _left_out(self, line: str, number: int) -> bool:
        """Whether this says that rows were left out here."""
        if not label.elided(line):
            return False
        self._elided = self._interrupted = self._lost = True
        self._remarks.passed_over(SENTENCES, line, number)
        return True

    def _strange(self, line: str, number: int) -> bool:
        """Whether this is output of a known other program."""
        stranger = strangers.known(line)
        if stranger is None:
            return False
        self._remarks.passed_over(stranger.name, line, number)
        self._interrupted = True
        return True

    def _neighbour(self, line: str) -> bool:
        """Whether this tells of the host's way out."""
        reader = self._neighbours.setdefault(self._looks.host, NeighbourReader())
        taken = reader.row(line)
        self._interrupted |= taken
        return taken

    def _pass_over(self, line: str, number: int) -> None:
        self._wait(line)
        if self._reader is not None and not self._interrupted and label.begins_a_row(line):
            self._remarks.fragment(line, number)
        elif not self._foreign and layout.looks_like_a_socket(line):
            self._remarks.remnant(line, number)
            self._lost = True
        elif not self._foreign:
            self._remarks.passed_over(SENTENCES, line, number)
        self._void = line if self._interrupted else ""
        self._interrupted = True

    # --- the end of a listing, and of the text

    def _start(self, reader: AnyReader) -> None:
        self._end()
        self._reader, self._interrupted, self._lost = reader, False, False

    def _end(self) -> None:
        """The listing is over."""
        reader = self._reader
        self._reader, self._new, self._interrupted = None, False, False
        if reader is None:
            return
        if self._bulk is not None and isinstance(reader, SsReader | NetstatReader | ProcReader):
            self._listings += 1
            if self._listings > 1 or not isinstance(reader, SsReader):
                raise SeveralListings
            reader.give(self._bulk)
        listing = Listing(
            reader.finish(), source=reader.source, notes=reader.notes, every=self._every
        )
        self._remarks.unread += reader.unread
        match reader:
            case CounterReader():
                listing.counters = reader.counters
                if not reader.counters:
                    return
            case CountReader():
                listing.counts = reader.counts
                if not reader.counts and not reader.notes:
                    return
            case ConntrackReader():
                listing.tracking = reader.tracking(self._tracks_all(reader))
                if not (reader.entries or reader.headed or reader.unread):
                    return
            case ProcReader():
                listing.part = "6" if reader.six else "4"
            case _ if not (listing.sockets or reader.headed or reader.unread or reader.others):
                return  # a command that printed nothing, or what is not its own
            case _:
                self._remarks.protocols |= reader.others
                listing.whole = self._is_whole(listing, reader)
        self._elided = False
        self._looks.add(listing)

    def _is_whole(self, listing: Listing, reader: SsReader | NetstatReader) -> bool:
        """Whether nothing says that sockets were left out, and something that they were not."""
        if self._elided or reader.unread:
            return False
        if self._command is not None:
            for typed in (self._command, *self._command.others):
                if typed.text == reader.source:
                    return typed.whole
        return reader.headed and not reader.partial and shape.mixed(listing.sockets)

    def _tracks_all(self, reader: ConntrackReader) -> bool:
        """Whether a listing has every TCP connection that its host tracks."""
        left_out = self._elided or (self._command is not None and self._command.after.strip())
        return not left_out and WHOLE.fullmatch(reader.source) is not None

    def finish(self) -> list[Snapshot]:
        """All snapshots. Raises `ScenarioError` where there is nothing in them."""
        self._end()
        if not self._last:
            raise ScenarioError(f"it is empty. {EXPECTED}", Path(self._name))
        notes = [*self._remarks.notes(self._last), *([NOTE] if self.edge.known else [])]
        if self._looks.empty and (self._remarks.any or not self._looks.there):
            if any(reader.found() for reader in self._neighbours.values()):
                self._remarks.passed_over(ROUTES.name, "", self._last)
            raise self.refusal()
        if self._remarks.cut_off * MOST_ARE_WHOLE > self._looks.sockets:
            raise self.refusal()
        for host, reader in self._neighbours.items():
            if found := reader.found():
                self._looks.beside(host, found)
        return self._looks.snapshots(notes)

    @property
    def has_bulk(self) -> bool:
        """Whether there was a listing that the rows belong to which had been taken out."""
        return self._listings == 1

    @property
    def says_something(self) -> bool:
        """Whether there is anything that a tool has printed, though it may be of no use."""
        return self._remarks.recognized

    def refusal(self) -> ScenarioError:
        """Why nothing in the text can be used."""
        return self._remarks.refusal(self._name)
