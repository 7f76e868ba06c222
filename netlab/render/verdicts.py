# SPDX-License-Identifier: GPL-2.0-or-later
"""What became of each thing that was tested, in the few words that every CI has for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlab.model.auditing import NOT_PLAYED, NOT_REACHED, AuditCell
from netlab.model.evidence import Cell, Evidence, Outcome
from netlab.model.kernel_run import KernelRun, PlayedRow, Timing
from netlab.model.text import printable
from netlab.model.vocabulary import Family
from netlab.render.audit import facts
from netlab.render.failure import failure
from netlab.render.style import Style

#: The test that every kernel has, so that one which does not boot fails a test and is not absent.
WHOLE = "played-to-the-end"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One test of one run."""

    suite: str  # handshake, atlas, timers, kernel; over IPv6: ipv6.handshake, ...
    name: str
    outcome: Outcome
    why: str = ""  # one line; nothing where it passed
    details: tuple[str, ...] = ()  # all that is known of a failure or an error, in lines
    seconds: float = 0.0

    @property
    def full_name(self) -> str:
        """``handshake.synack-dropped``: the same in every run, and on every kernel."""
        return f"{self.suite}.{self.name}"


def of_scenario(run: Evidence) -> Verdict:
    """The verdict on a scenario; its suite is the folder that it is in."""
    bad = run.outcome in ("fail", "error")
    why = run.failure.summary if run.failure else run.reason
    return Verdict(
        suite(Path(run.path).parent.name, run.family),
        one_line(run.scenario),
        run.outcome,
        "" if run.outcome == "pass" else one_line(why),
        tuple(failure(run, Style(False)).splitlines()) if bad else (),
        run.elapsed_s,
    )


def of_cells(cells: Sequence[Cell], family: Family) -> Iterator[Verdict]:
    """The verdicts on those pairs of the atlas that can be."""
    for cell in cells:
        if cell.reachable:
            outcome = cell.outcome or "skip"
            why = cell.problem or ("" if cell.outcome else "it was not played")
            yield Verdict(suite("atlas", family), cell.pair, outcome, one_line(why))


def of_row(row: PlayedRow) -> Verdict:
    """The verdict on a row of the conformance table."""
    bad = row.outcome in ("fail", "error")
    details = (
        f"{row.name} ({row.family}): {printable(row.problem)}",
        f"  answers: {'; '.join(row.answers) or 'nothing'}",
        f"  then: {row.then}",
    )
    return Verdict(
        suite("conformance", row.family),
        row.name,
        row.outcome,
        one_line(row.problem) if row.outcome != "pass" else "",
        details if bad else (),
    )


def of_audit(cell: AuditCell) -> Verdict:
    """The verdict on a program under one fault."""
    word = cell.word
    outcome: Outcome = "pass" if cell.sound else "fail"
    if word in (NOT_REACHED, NOT_PLAYED):
        outcome = "skip" if word == NOT_REACHED else "error"
    why = "" if outcome == "pass" else one_line(f"{word}: {cell.why}")
    details = tuple(f"{name}: {printable(text)}" for name, text in facts(cell))
    return Verdict(
        "audit", cell.fault, outcome, why, details if outcome == "fail" else (), cell.play.seconds
    )


def of_timing(timing: Timing, family: Family) -> Verdict:
    """The verdict on a time-out: it was measured, or this kernel or machine has a reason not to."""
    why = one_line(timing.problem)
    return Verdict(
        suite("timers", family),
        timing.name,
        "skip" if why else "pass",
        why,
        (),
        timing.after or 0.0,
    )


def of_kernel(run: KernelRun, family: Family, asked: Collection[str] = ()) -> tuple[Verdict, ...]:
    """The verdicts on all that was played on a kernel, and last on whether nothing is missing. Rows
    of the conformance table are tests where they were asked for by name: these are `asked`.
    """
    whole = Verdict(
        "kernel", WHOLE, "error" if run.error else "pass", one_line(run.error),
        tuple(map(printable, run.console)) if run.error else (), run.wall_s,
    )  # fmt: skip
    return (
        *map(of_scenario, run.scenarios),
        *of_cells(run.cells, family),
        *(of_timing(timing, family) for timing in run.timings),
        *(of_row(row) for row in run.rows if row.name in asked),
        whole,
    )


def suite(name: str, family: Family) -> str:
    """The full name of a suite: over IPv6 every test is another one."""
    name = one_line(name) or "scenarios"
    return f"ipv6.{name}" if family is Family.IPV6 else name


def one_line(text: str) -> str:
    """A text of a file as one line that no terminal obeys: or it could be a test of its own."""
    return " ".join(printable(text).split())
