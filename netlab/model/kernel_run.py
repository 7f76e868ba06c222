# SPDX-License-Identifier: GPL-2.0-or-later
"""What was played on one kernel, and the results: frozen plain data, stored as JSON lines.

Such a file is what the guest sends, line by line, so a guest that dies leaves what it had. The
first line describes the machine, the last states that nothing is missing: a file without that is
a run that was cut short, and is read as a run with an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from netlab.model import files, outside
from netlab.model.errors import ScenarioError
from netlab.model.evidence import (
    Cell,
    Evidence,
    Frame,
    OlderRecord,
    Outcome,
    converter,
    refuse_older,
)
from netlab.model.vocabulary import Family

#: Of the file of a run, in bytes. All scenarios and all pairs take half a megabyte.
LARGEST = 16 * outside.MIB
#: Ticks a second (CONFIG_HZ): 100 to 1000, and 1024 on Alpha.
FASTEST = 1024
#: Words of ``uname -v`` that say how a kernel is configured, and its number there
#: (scripts/mkcompile_h, init/version.c). Numbers with more digits are no count of builds.
EVERY_BUILD = re.compile(r"SMP|PREEMPT\w*|RT")
BUILD_NUMBER = re.compile(r"#(\d{1,9})\b")
T = TypeVar("T")
Clock = Literal["real", "virtual"]


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that was played on."""

    spec: str  # as it was asked for: debian:bookworm, host, ./vmlinuz
    release: str  # uname -r
    version: str  # uname -v
    architecture: str  # uname -m
    hz: int  # the kernel's CONFIG_HZ: 250
    clock: Clock = "real"  # virtual: the guest's own, which jumps while nothing happens
    distribution: str = ""  # PRETTY_NAME of /etc/os-release, on a machine that netlab did not boot
    changed: dict[str, str] = field(default_factory=dict)  # sysctls that were set for the run
    appended: str = ""  # to the kernel's command line, for the run
    label: str = ""  # what its user calls it

    @property
    def name(self) -> str:
        """Its name in sentences."""
        return self.label or self.release

    @property
    def build(self) -> str:
        """What tells builds of one release apart: ``#7 Sat Nov 28 01:02:03 UTC 2026``."""
        return " ".join(word for word in self.version.split() if not EVERY_BUILD.fullmatch(word))

    @property
    def changes(self) -> tuple[str, ...]:
        """What was not as it is by default: sysctls, and words of the command line."""
        changed = (f"{name}={value}" for name, value in self.changed.items())
        return (*changed, *self.appended.split())

    @property
    def kernel(self) -> tuple[object, ...]:
        """What two runs have in common that are of the same kernel, and were made alike."""
        about = self.release, self.version, self.architecture, self.hz
        return (*about, self.clock, self.changes, self.label)

    @property
    def number(self) -> int:
        """How many times its tree had been built, by ``uname -v``; 0 where that does not say."""
        found = BUILD_NUMBER.match(self.version)
        return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Timing:
    """How one of TCP's timers ran: when each packet was sent, and when and how it ended.

    Times are seconds since the first packet that the timer is about (or since the state was
    entered, where nothing is sent).
    """

    name: str  # syn, syn-ack, time-wait, orphan-fin-wait1, ...
    about: str  # one line: what waits for what
    after: float | None = None  # until it ended; None: it did not, or could not be measured
    sends: tuple[float, ...] = ()  # of the first packet (0.0) and of each one sent again
    ending: str = ""  # ETIMEDOUT, or the state it went to
    problem: str = ""  # why it could not be measured: this kernel has no such sysctl


@dataclass(frozen=True, slots=True)
class PlayedRow:
    """One row of the conformance table as this kernel played it: what came of the event."""

    name: str  # rst-exact/ESTABLISHED
    family: Family
    script: str = ""  # a checksum of the row's steps
    outcome: Outcome = "pass"  # fail: it does otherwise than the table says
    problem: str = ""  # what is otherwise, or why it could not be played
    answers: tuple[str, ...] = ()  # the segments that it sent, in words
    then: str = ""  # the state it is in afterwards
    reads: str = ""  # what the application reads then
    result: str = ""  # of a call: an errno's name, bytes, done
    after: float | None = None  # seconds until the timer ended that was waited for
    timely: bool = True  # which is when it is due
    counters: dict[str, int] = field(default_factory=dict)  # those that moved, by nstat's names
    info: dict[str, int] = field(default_factory=dict)  # of TCP_INFO: those that the row is about
    frames: tuple[Frame, ...] = ()  # where they were asked for
    drops: tuple[str, ...] = ()  # likewise: why it discarded a segment (enum skb_drop_reason)
    due: float | None = None  # seconds after which that timer is said to end

    def but(self, **changed: Any) -> PlayedRow:
        """The same with some fields changed."""
        return replace(self, **changed)


@dataclass(frozen=True, slots=True)
class KernelRun:
    """One kernel: everything that was played on it."""

    machine: Machine
    scenarios: tuple[Evidence, ...] = ()
    cells: tuple[Cell, ...] = ()
    timings: tuple[Timing, ...] = ()
    rows: tuple[PlayedRow, ...] = ()
    sysctls: dict[str, str] = field(default_factory=dict)  # of a fresh namespace, by name
    counters: tuple[str, ...] = ()  # that this kernel has, as nstat names them
    done: bool = False  # the last record came: nothing is missing
    error: str = ""  # why it is not done, in one sentence
    died: bool = False  # the kernel itself is why: it panicked, hung or restarted while it played
    console: tuple[str, ...] = ()  # the last lines of the guest's console, where they tell more
    wall_s: float = 0.0

    def lines(self) -> Iterator[str]:
        """The run as JSON lines."""
        yield line("machine", self.machine)
        for run in self.scenarios:
            yield line("scenario", run)
        for cell in self.cells:
            yield line("cell", cell)
        for timing in self.timings:
            yield line("timing", timing)
        for row in self.rows:
            yield line("row", row)
        yield line("sysctls", self.sysctls)
        yield line("counters", self.counters)
        if self.error:
            about = {"error": self.error, "console": self.console, "died": self.died}
            yield line("error", about)
        if self.done:
            yield line("done", {"wall_s": self.wall_s})

    def with_rest(self, rest: KernelRun) -> KernelRun:
        """Add another run of the same kernel, which played something else."""
        return replace(
            self,
            scenarios=self.scenarios + rest.scenarios,
            cells=self.cells + rest.cells,
            timings=self.timings + rest.timings,
            rows=self.rows + rest.rows,
            sysctls=self.sysctls or rest.sysctls,
            counters=self.counters or rest.counters,
            done=self.done and rest.done,
            error=self.error or rest.error,
            died=self.died or rest.died,
            console=tuple(dict.fromkeys(self.console + rest.console)),
            wall_s=max(self.wall_s, rest.wall_s),
        )

    def onto(self, before: KernelRun) -> KernelRun:
        """The run with all that an earlier one of the same kernel has besides; alone, where that
        is of another kernel, or is not whole.
        """
        if self.machine.kernel != before.machine.kernel or not before.done:
            return self
        scenarios = {(run.scenario, run.family): run for run in before.scenarios}
        cells = {cell.pair: cell for cell in before.cells}
        timings = {timing.name: timing for timing in before.timings}
        rows = {(row.name, row.family): row for row in before.rows}
        scenarios |= {(run.scenario, run.family): run for run in self.scenarios}
        cells |= {cell.pair: cell for cell in self.cells}
        timings |= {timing.name: timing for timing in self.timings}
        rows |= {(row.name, row.family): row for row in self.rows}
        return replace(
            self,
            scenarios=tuple(scenarios.values()),
            cells=tuple(cells.values()),
            timings=tuple(timings.values()),
            rows=tuple(rows.values()),
        )

    def write(self, path: Path) -> None:
        """Store it; a reader sees all of it or nothing. Raises as `files.write`."""
        files.write(path, "".join(f"{text}\n" for text in self.lines()))


def line(kind: str, value: object) -> str:
    """One record as a line of JSON."""
    return json.dumps({"record": kind, "value": converter().unstructure(value)})


def read(path: Path) -> KernelRun:
    """A stored run. Raises `ScenarioError` (path:line) where the file is not one."""
    lines = outside.contents(path, LARGEST, "a stored run").splitlines()
    try:
        return gather(text.decode(errors="replace") for text in lines)
    except OlderRecord as error:
        raise ScenarioError(str(error), path) from None
    except ValueError as error:
        raise ScenarioError(
            f"{error}; expected what netlab matrix or netlab baseline stored", path
        ) from None


def gather(lines: Iterable[str]) -> KernelRun:
    """A run from its lines; one that was cut short has an `error`. Raises ValueError."""
    run: KernelRun | None = None
    lists: dict[str, list[Any]] = {"scenario": [], "cell": [], "timing": [], "row": []}
    kinds: dict[str, type[Any]] = {
        "scenario": Evidence,
        "cell": Cell,
        "timing": Timing,
        "row": PlayedRow,
    }
    for number, text in enumerate(lines, start=1):
        try:
            record = json.loads(text)
            kind, value = record["record"], record["value"]
            if kind == "machine":
                run = KernelRun(_structured(value, Machine))
            elif run is None:
                raise ValueError("the first record is not of the machine")
            elif kind in kinds:
                lists[kind].append(_structured(value, kinds[kind]))
            elif kind == "sysctls":
                run = replace(run, sysctls=_structured(value, dict[str, str]))
            elif kind == "counters":
                run = replace(run, counters=_structured(value, tuple[str, ...]))
            elif kind == "error":
                run = replace(
                    run,
                    error=_structured(value["error"], str),
                    console=_structured(value["console"], tuple[str, ...]),
                    died=_structured(value.get("died", False), bool),
                )
            elif kind == "done":
                run = replace(run, done=True, wall_s=_structured(value["wall_s"], float))
        except OlderRecord:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"line {number} is no record of a run ({error})") from None
    if run is None:
        raise ValueError("it is empty")
    if not run.done and not run.error:
        run = replace(run, error="the run was cut short: its last record is missing")
    return replace(
        run,
        scenarios=tuple(lists["scenario"]),
        cells=tuple(lists["cell"]),
        timings=tuple(lists["timing"]),
        rows=tuple(lists["row"]),
    )


def _structured(value: object, kind: type[T]) -> T:
    if kind is Evidence:
        refuse_older(value)
    try:
        found = converter().structure(value, kind)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError(f"not a {getattr(kind, '__name__', kind)}: {error}") from None
    match found:
        case Machine(hz=hz) if not 0 < hz <= FASTEST:
            raise ValueError(f"no kernel has {hz} ticks a second")
        case Timing(after=after, sends=sends) if min((*sends, after or 0.0)) < 0:
            raise ValueError("a packet was sent before the first one")
    return found
