# SPDX-License-Identifier: GPL-2.0-or-later
"""A run as one page that tells each scenario's story, and shows what proves it.

The page needs no network, no other file and no script: style, pictures and text are in it. What
only the scenario knows (its story, the commands for two machines) comes as plain words, so that a
page can be made from stored evidence as well.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from netlab.model.evidence import Evidence, FaultRecord, Interval, Outcome
from netlab.model.vocabulary import Side
from netlab.render import ladder_svg, pages, states_svg
from netlab.render.failure import failure
from netlab.render.program import ended
from netlab.render.style import Style

if TYPE_CHECKING:
    import jinja2

#: Rows of a table from which its middle is left out; the JSON file has them all.
LONG = 60
OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "pass": ("✓", "passed"),
    "fail": ("✗", "failed"),
    "error": ("!", "not built"),
    "skip": ("–", "skipped"),
}


@dataclass(frozen=True, slots=True)
class ReportHead:
    """What a report states besides its scenarios."""

    version: str  # netlab's
    when: str
    seconds: float  # that the whole run took
    left: int = 0  # scenarios that were not played to the end, because the run was stopped


@dataclass(frozen=True, slots=True)
class ToldStep:
    """One step as its file describes it, and what to type to do the same by hand."""

    text: str
    comment: str = ""
    commands: tuple[tuple[str, str], ...] = ()  # the machine, and what is typed there


@dataclass(frozen=True, slots=True)
class Chapter:
    """One scenario: its evidence, its texts, and the files that belong to it."""

    evidence: Evidence
    name: str  # to link to it; no two chapters share one
    story: str = ""
    differs: str = ""  # where Linux does something else than the source says
    cause: str = ""  # why there is no fault to remove
    steps: tuple[ToldStep, ...] = ()
    files: tuple[str, ...] = ()


class Played(NamedTuple):
    """One step: as it was described, and as it was played."""

    at: float | None  # seconds; None: it was not reached
    text: str
    result: str
    comment: str
    commands: tuple[tuple[str, str], ...]


class Clipped(NamedTuple):
    """The rows of a table that may be long."""

    head: Sequence[Any]
    left_out: int
    tail: Sequence[Any]


def report(chapters: Sequence[Chapter], about: ReportHead) -> str:
    """The whole page."""
    runs = [chapter.evidence for chapter in chapters]
    counts = Counter(run.outcome for run in runs)
    return (
        _environment()
        .get_template("report.html")
        .render(
            version=about.version,
            about=about,
            chapters=chapters,
            counts=[(name, counts[name]) for name in OUTCOMES if counts[name]],
            families=" and ".join(sorted({str(run.family) for run in runs})),
            folders=[
                (folder, list(those))
                for folder, those in groupby(chapters, lambda chapter: folder_of(chapter.evidence))
            ],
            lead=lead(counts, about.left),
            kernels=", ".join(sorted({run.kernel for run in runs})),
            recorded=any(run.recording for run in runs),
        )
    )


def lead(counts: Mapping[Outcome, int], left: int = 0) -> list[str]:
    """A summary of all scenarios, in sentences that are true of each outcome; `left`: the number
    that had not ended when the run was stopped.
    """
    passed, total = counts.get("pass", 0), sum(counts.values())
    shows = "shows" if passed == 1 else "show"
    froze = (
        "froze a real connection of this kernel in the pair of states that was expected, and "
        f"{shows} what held it there: the packets, the rules that dropped some of them, and what "
        "became of the pair in the end."
    )
    said = []
    if passed and passed == total:
        said.append(f"{'This scenario' if total == 1 else f'All {total} scenarios'} {froze}")
    elif passed:
        said.append(f"{passed} of {total} scenarios {froze}")
    elif total:
        said.append("No scenario here froze a connection in the pair of states that was expected.")
    if failed := counts.get("fail", 0):
        said.append(f"{failed} failed: the kernel did something else than was expected.")
    if errors := counts.get("error", 0):
        said.append(f"{errors} could not be built, which says nothing of the kernel.")
    if skipped := counts.get("skip", 0):
        reason = "and says why" if skipped == 1 else "and each says why"
        said.append(f"{skipped} {'was' if skipped == 1 else 'were'} skipped, {reason}.")
    if left:
        all_of_them = left + total
        said.append(
            f"The run was stopped: {left} of {all_of_them} scenarios had not ended, and nothing is "
            "said of them here."
        )
    return said


def folder_of(evidence: Evidence) -> str:
    """The folder of a scenario's file, which is the phase of the connection it is about."""
    return PurePath(evidence.path).parent.name


def played(chapter: Chapter) -> Iterator[Played]:
    """The steps in order: those of the file, reached or not, and those that healed."""
    done = chapter.evidence.steps
    for number, told in enumerate(chapter.steps):
        step = done[number] if number < len(done) else None
        yield Played(
            step.at if step else None,
            told.text,
            step.result if step else "",
            told.comment,
            told.commands,
        )
    for step in done[len(chapter.steps) :]:
        yield Played(step.at, step.text, step.result, "", ())


def counters(evidence: Evidence) -> list[tuple[str, int, int]]:
    """What changed on either end: TCP's own counters first, then those of the layers below."""
    client, server = evidence.client.counters, evidence.server.counters
    below = ("Ip", "Icmp", "Udp")
    names = sorted(client.keys() | server.keys(), key=lambda name: (name.startswith(below), name))
    return [(name, client.get(name, 0), server.get(name, 0)) for name in names]


def sysctls(evidence: Evidence) -> list[tuple[str, str, str]]:
    """The settings that decide the timing, of both ends."""
    client, server = evidence.client.sysctls, evidence.server.sysctls
    names = sorted(client.keys() | server.keys())
    return [(name, client.get(name, ""), server.get(name, "")) for name in names]


def changes(evidence: Evidence) -> list[tuple[float, Side, str, str, bool]]:
    """Every change of state at both ends, in order: seconds, end, from, to, and if it is exact."""
    found = [
        (change.at, side, str(change.before), str(change.after), change.traced)
        for side, end in ((side, evidence.end(side)) for side in Side)
        for change in end.transitions
    ]
    for side, end in ((side, evidence.end(side)) for side in Side):
        if not end.transitions:
            lane = states_svg.stretches(end, evidence.elapsed_s)
            before = ""
            for stretch in lane:
                found.append((stretch.since, side, before, str(stretch.state), False))
                before = str(stretch.state)
    return sorted(found, key=lambda change: change[0])


def sightings(evidence: Evidence) -> str:
    """``6 left the client, 4 left the server, 4 dropped``."""
    if evidence.recording is None:
        return ""
    frames = evidence.recording.frames
    sent = Counter(frame.side for frame in frames if frame.seen == "out")
    dropped = sum(frame.seen == "dropped" for frame in frames)
    left = ", ".join(f"{sent[side]} left the {side}" for side in Side)
    said = f"{left}, {dropped} dropped"
    missed = evidence.recording.missed
    return said + (f"; {missed} more came faster than they could be recorded" if missed else "")


def waiting(interval: Interval) -> str:
    """The timer of a row of ``/proc/net/tcp``, and the time it had left."""
    return f"{interval.timer}, {interval.remaining:.2f} s" if interval.timer else "–"


def counted(fault: FaultRecord) -> str:
    """What a fault's rules counted, and when they were installed."""
    since = f"from {states_svg.clock(fault.installed)}"
    until = f" to {states_svg.clock(fault.removed)}" if fault.removed is not None else " to the end"
    if not fault.counts:
        return f"{since}{until}"
    return f"{fault.counted}, {fault.bytes} bytes, {since}{until}"


def cut(rows: Sequence[Any]) -> Clipped:
    """A table without its middle, if it has more than `LONG` rows."""
    if len(rows) <= LONG:
        return Clipped(rows, 0, ())
    half = LONG // 2
    return Clipped(rows[:half], len(rows) - 2 * half, rows[-half:])


def ladder(evidence: Evidence) -> str:
    """Its packets, drawn; '' if there are none."""
    recording = evidence.recording
    return ladder_svg.svg(evidence) if recording and recording.frames else ""


def problem(evidence: Evidence) -> str:
    """What the terminal shows of a failure."""
    return failure(evidence, Style(False)) if evidence.outcome in ("fail", "error") else ""


@functools.cache
def _environment() -> jinja2.Environment:
    environment = pages.environment()
    environment.globals["outcomes"] = OUTCOMES
    environment.filters |= {
        "changes": changes,
        "clock": states_svg.clock,
        "counted": counted,
        "ended": ended,
        "counters": counters,
        "cut": cut,
        "ladder": ladder,
        "played": played,
        "problem": problem,
        "sightings": sightings,
        "states": states_svg.svg,
        "sysctls": sysctls,
        "waiting": waiting,
    }
    return environment
