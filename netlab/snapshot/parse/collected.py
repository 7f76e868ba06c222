# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of the collector, ``netlab/snapshot/collector/collect.sh``: of one host, or of several.

A line that begins with ``#:`` is the collector's; the others are what other programs printed, below
their command lines. ``paste`` reads those, one look at a time, and this adds what only the
collector knows: which look they are of, when it was, and where.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

from netlab.model.errors import ScenarioError
from netlab.model.text import printable
from netlab.snapshot.parse import paste
from netlab.snapshot.parse.conntrack import ConntrackReader
from netlab.snapshot.parse.neighbours import NeighbourReader
from netlab.snapshot.records import Neighbourhood, Sample, Snapshot, Tracking

VERSION = 1
FIRST = re.compile(rb"^\W{0,3}# netlab collector (?P<version>\d{1,6})\b", re.MULTILINE)
#: Bytes before the first line that others may have written: a greeting, what kubectl remarks.
GREETING = 4096
MARK = re.compile(rb"^#: (?P<word>[a-z]+)(?: (?P<rest>[^\r\n]*?))?[ \r]*$", re.MULTILINE)
WHEN = re.compile(r"(date|uptime|boot)=(\d{1,15}(?:\.\d{1,9})?)")
SYSCTL = re.compile(rb"^([\w.]{1,80}) = ([^\r\n]{1,200}?)\r?$", re.MULTILINE)
#: The command line above what a program printed.
COMMAND = re.compile(rb"^\$ (?:cat )?(\S[^\r\n]*?)\r?$", re.MULTILINE)
#: A line that is neither a command nor the heading of ss, netstat or a file: a socket.
ROW = re.compile(rb"^(?!\$ |#: |\s*(?:sl|Netid|State|Active|Proto)\b)[^\r\n]*\S", re.MULTILINE)
#: Words of lines that are no evidence, but say why there is none.
REMARKS = frozenset({"missing", "failed", "note"})
#: Words of lines within a look, and of those that come after the last one.
WITHIN = frozenset({"counters", "sockets", *REMARKS})
AFTER = frozenset({"sysctls", "neighbours", "conntrack", "end"})
AGAIN = "collect it anew: netlab collector > collect.sh"


def begins(data: bytes) -> bool:
    """Whether these are files of the collector, below a greeting at most."""
    return FIRST.search(data, 0, GREETING) is not None


def read(data: bytes, name: str) -> list[Snapshot]:
    """The snapshot of each host. Raises `ScenarioError` with the line that cannot be read, or where
    another version wrote the file.
    """
    data = _whole_lines(data)
    firsts = [*FIRST.finditer(data)]
    if not firsts:
        raise _nothing_in(name, 1)
    ends = [*(first.start() for first in firsts[1:]), len(data)]
    snapshots = []
    for first, end in zip(firsts, ends, strict=True):
        if int(first["version"]) != VERSION:
            raise ScenarioError(
                f"collector {int(first['version'])} wrote this, and this netlab reads what "
                f"collector {VERSION} writes; {AGAIN}",
                Path(name),
                _line(data, first.start()),
            )
        snapshots.append(_host(data, first.end(), end, name))
    return snapshots


def _nothing_in(name: str, line: int) -> ScenarioError:
    return ScenarioError(
        f"the collector began here, and printed no look; {AGAIN}", Path(name), line
    )


def _whole_lines(data: bytes) -> bytes:
    """Without a last line that was cut: its socket might have another port than was printed."""
    if data.endswith((b"\n", b"#: end")):
        return data
    return data[: data.rfind(b"\n") + 1]


@dataclass(slots=True)
class _Look:
    """One look: which, when, where it is in the file, and why something is not in it."""

    number: str
    clock: dict[str, float]
    start: int
    end: int
    remarks: list[str] = field(default_factory=list)


def _host(data: bytes, start: int, end: int, name: str) -> Snapshot:
    looks: list[_Look] = []
    sysctls: dict[str, str] = {}
    tracking: Tracking | None = None
    neighbourhood: Neighbourhood | None = None
    host, reached = "", set[str]()
    marks = [*MARK.finditer(data, start, end)]
    for mark, following in zip_longest(marks, marks[1:]):
        word, rest = _text(mark["word"]), _text(mark["rest"] or b"")
        stop = following.start() if following else end
        reached.add(word)
        if word == "host":
            host = rest
        elif word == "look":
            number, _, clock = rest.partition(" ")
            when = {key: float(text) for key, text in WHEN.findall(clock)}
            looks.append(_Look(number, when, mark.end(), stop))
        elif word in REMARKS and looks:
            looks[-1].remarks.append(rest if word == "note" else f"{word}: {rest}")
        elif word == "sysctls":
            found = SYSCTL.findall(data, mark.end(), stop)
            sysctls = {_last(key): " ".join(_text(value).split()) for key, value in found}
        elif word == "neighbours" and not rest:
            neighbourhood = _neighbourhood(data[mark.end() : stop])
        elif word == "conntrack" and not rest:
            failed = following is not None and following["word"] == b"failed"
            tracking = _tracking(data[mark.end() : stop], whole=not failed)
        if looks and word in WITHIN and not reached & AFTER:
            looks[-1].end = stop
    if not looks:
        raise _nothing_in(name, _line(data, start))
    notes = [*_cut(looks, reached)]
    samples = [
        replace(_sample(data, look, name), sysctls=sysctls, at=at)
        for look, at in zip(looks, _times(looks), strict=True)
    ]
    if tracking is not None and "end" not in reached:
        tracking = replace(tracking, whole=False)
    notes += samples[-1].notes
    samples[-1] = replace(
        samples[-1], notes=tuple(notes), tracking=tracking, neighbourhood=neighbourhood
    )
    return Snapshot(tuple(samples), host or name)


def _neighbourhood(text: bytes) -> Neighbourhood | None:
    reader = NeighbourReader()
    for line in _text(text).split("\n"):
        reader.row(line)
    return reader.found()


def _tracking(text: bytes, whole: bool) -> Tracking:
    reader = ConntrackReader()
    for number, line in enumerate(_text(text).split("\n")):
        reader.row(line, number)
    return reader.tracking(whole)


def _cut(looks: list[_Look], reached: set[str]) -> Iterator[str]:
    """What is missing of a file that does not reach its end. A second look that may be cut off is
    taken out: what it lacks would count as gone.
    """
    if "end" not in reached:
        yield "the file ends before the collector did: was it cut short?"
        if len(looks) > 1 and not reached & AFTER:
            yield f"look {looks.pop().number} is not whole, and is left out"


def _sample(data: bytes, look: _Look, name: str) -> Sample:
    """The sockets and counters of a look, as ``paste`` reads them together."""
    text = data[look.start : look.end]
    counters, _, sockets = text.partition(b"#: sockets")
    source = ", ".join(map(_text, COMMAND.findall(sockets)))
    some = ROW.search(sockets) is not None
    listed = MARK.sub(b"", text if some else counters)
    if not ROW.search(listed):
        return Sample((), source=source, notes=tuple(look.remarks))
    above = b"\n" * (_line(data, look.start) - 1)  # so that lines have the numbers of the file
    found = [sample for each in paste.read(above + listed, name) for sample in each.samples]
    if not some:  # that there are only counters is no fault of the text
        return replace(found[-1], source=source, notes=tuple(look.remarks))
    return replace(
        found[-1],
        sockets=tuple(socket for sample in found for socket in sample.sockets),
        counters={key: count for sample in found for key, count in sample.counters.items()},
        source=source,
        notes=(*look.remarks, *(note for sample in found for note in sample.notes)),
    )


def _times(looks: list[_Look]) -> Iterator[float | None]:
    """When each look was. How long after the first one, the machine's own clock says better than a
    date, which BusyBox prints in whole seconds, and which somebody may set.
    """
    first = looks[0].clock
    began = first.get("date")
    if began is None and {"boot", "uptime"} <= first.keys():
        began = first["boot"] + first["uptime"]
    for look in looks:
        if began is not None and "uptime" in first and "uptime" in look.clock:
            yield round(began + look.clock["uptime"] - first["uptime"], 3)
        else:
            yield look.clock.get("date")


def _last(name: bytes) -> str:
    """A sysctl as samples name it: ``tcp_fin_timeout``."""
    return _text(name).rpartition(".")[2]


def _text(raw: bytes) -> str:
    """Words out of a file, as they may be printed."""
    return printable(raw.replace(b"\r", b"").decode(errors="replace")).strip()


def _line(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1
