# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab matrix``: the same scenarios on other kernels, booted in virtual machines."""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import extras
from netlab.cli.shared import comparison, kernel_options
from netlab.cli.shared.guest_progress import told, watching
from netlab.cli.shared.kernel_options import RUNS_ALREADY, SPECS, add_archives, add_guests, add_what
from netlab.cli.shared.options import Commands, add_names, add_wide, note, room
from netlab.cli.shared.output import Output
from netlab.cli.shared.stopping import Stop, Stopped, stopping
from netlab.cli.shared.verdict_options import (
    add_verdicts,
    origin,
    prepare_junit,
    write_junit,
)
from netlab.model import files
from netlab.model.errors import LabError, NetlabError, ScenarioError, Unmet
from netlab.model.text import some
from netlab.render.ktap import nested
from netlab.render.style import Style
from netlab.render.table import stopped_line
from netlab.render.verdicts import WHOLE, Verdict, of_kernel

if TYPE_CHECKING:
    from netlab.kernels.compare.overview import Overview
    from netlab.kernels.matrix import Plan, Watcher
    from netlab.kernels.sources.spec import Spec
    from netlab.kernels.suite import Job
    from netlab.model.kernel_run import KernelRun
    from netlab.render.junit import JunitSuite
    from netlab.render.matrix import Grid

EPILOG = f"""\
{SPECS}
examples:
  netlab matrix                               what this machine's mirrors have, old to new
  netlab matrix --list                        print their names, and what is fetched
  netlab matrix --kernel host debian:bookworm debian:trixie  this one and two others
  netlab matrix --kernel ./bzImage --warp     one that you have built, every time-out to its end
  netlab matrix --timers --kernel host debian:sid    how long each of TCP's time-outs is
  netlab matrix 'syn*' --kernel debian:sid    some scenarios (their names come first)
  netlab matrix 'rst-*/*' --kernel host      or rows of the conformance table
  netlab matrix --mirror ubuntu=URL --kernel ubuntu:noble    from an archive of your choice
  netlab matrix --report out                  also a page: out/index.html
  netlab matrix --ktap                        a test a kernel, as kselftest prints its tests
  netlab matrix --junit matrix.xml            a file that Jenkins, GitLab and others show
  netlab matrix --kernel . --kcidb myci | kcidb-submit ...  a report for KCIDB
  netlab compare 6.1 6.12                     what differs between two of them, afterwards

Each run is kept for 'netlab compare'. A guest without KVM lives in virtual time, which jumps while
nothing happens: scenarios that wait for minutes take no longer than others.

exit codes: 0 every kernel passed, 1 a pair was not held on one, one does otherwise than a row says
that was asked for by name, or skips what an older one passed and no known change is why, 2 bad
usage, 3 a kernel could not be fetched, booted or played to the end, or there was none
"""

PAGE = "index.html"
SCENARIOS = (".yaml", ".yml", ".py")  # how their files end, which no kernel's does
#: Tables that the terminal shows; those of sysctls and counters are long, and compare has them.
ROWS = "rows of the conformance table"
PLAYED = ("scenarios", ROWS, "pairs of the atlas", "timers")


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "matrix",
        help="play on other kernels, in virtual machines",
        description="Play scenarios on other kernels, in virtual machines, and say what differs.",
        epilog=EPILOG,
    )
    add_names(command, "*", "a scenario, a pattern, a folder, a .yaml file or a row (default: all)")
    add_what(command)
    _add_kernels(command)
    add_guests(command)
    _add_results(command)
    command.set_defaults(main=main)


def _add_kernels(command: argparse.ArgumentParser) -> None:
    kernels = command.add_argument_group("kernels")
    kernels.add_argument(
        "--kernel", nargs="+", action="extend", metavar="SPEC", default=[], help="see below"
    )
    kernels.add_argument("--small", action="store_true", help="three: old, new, between")
    kernels.add_argument(
        "--list", action="store_true", help="print which, their state, and play nothing"
    )
    add_archives(kernels)


def _add_results(command: argparse.ArgumentParser) -> None:
    results = command.add_argument_group("results")
    results.add_argument("--output", type=Path, metavar="DIR", help="also write each run there")
    results.add_argument(
        "--report", type=Path, metavar="DIR", help="also write a page: DIR/index.html"
    )
    add_verdicts(results, "one JSON object a line").add_argument(
        "--kcidb", type=origin, metavar="ORIGIN", help="a report for kcidb-submit (KCIDB 5.3)"
    )
    kernel_options.add_name(results)
    add_wide(results)
    results.add_argument("--all", action="store_true", help="every row, not only those that differ")


def main(options: argparse.Namespace) -> int:
    """Fetch, boot, play, compare, and return the exit code."""
    from netlab.kernels.compare.overview import in_order, overview

    _part(options)
    job = kernel_options.job(options)
    specs = _specs(options)
    if options.list:
        return _list(specs, options)
    if options.report:
        extras.require("report", "--report")
    for folder in filter(None, (options.output, options.report)):
        files.prepare(folder)
    prepare_junit(options)
    plan = kernel_options.plan(options, job)
    began, output = time.monotonic(), Output(sys.stdout)
    when = datetime.now().astimezone()
    with stopping() as stop:
        try:
            runs, unkept = _play(options, specs, plan, stop, output)
            seen = overview(in_order(runs))
            told = _verdicts(specs, runs, job, stop)
            for text in nested(told) if options.ktap else ():
                output.write(f"{text}\n")
            if options.kcidb:
                output.write(f"{_report(options.kcidb, told, runs, when)}\n")
            for text in _tell(runs, seen, options, time.monotonic() - began):
                output.write(f"{text}\n")
            if stop.asked:
                _say_stopped(len(specs) - len(runs), len(specs), options, output)
            if options.report and runs:
                _write_page(options, seen, output)
        finally:
            output.finish(lambda: stop.asked)
    trouble = write_junit(options, [*_suites(told, runs)], when)
    for error in trouble:
        note(str(error))
    if unkept or trouble:
        return LabError.exit_code
    missing = [] if stop.asked else _missing(specs, runs)
    if missing:
        note(f"left out, because no mirror has them: {', '.join(missing)}")
    if missing and (options.small or not runs):
        return LabError.exit_code  # what was not played has not passed
    for sentence in seen.lost:
        note(f"an older kernel passed this: {sentence}")
    return stop.exit_code or exit_code(runs, seen.lost, job.row_names)


def _missing(specs: Sequence[Spec], runs: Sequence[KernelRun]) -> list[str]:
    played = {run.machine.spec for run in runs}
    return [spec.text for spec in specs if spec.text not in played]


def _verdicts(
    specs: Sequence[Spec], runs: Sequence[KernelRun], job: Job, stop: Stop
) -> dict[str, list[Verdict]]:
    """What became of each kernel that was to be played on, by its spec: a release has another name
    every week, and a CI compares tests by their names.
    """
    told = {run.machine.spec: [*of_kernel(run, job.family, job.row_names)] for run in runs}
    absent = Verdict("kernel", WHOLE, "skip", "no mirror has this kernel")
    if stop.asked:
        absent = Verdict("kernel", WHOLE, "error", "stopped: it had not ended")
    return {spec.text: told.get(spec.text, [absent]) for spec in specs}


def _suites(
    told: Mapping[str, Sequence[Verdict]], runs: Sequence[KernelRun]
) -> Iterator[JunitSuite]:
    from netlab.render.junit import JunitSuite

    machines = {run.machine.spec: run for run in runs}
    for spec, verdicts in told.items():
        run = machines.get(spec)
        about = asdict(run.machine).items() if run else ()
        properties = tuple((name, str(value)) for name, value in about if value)
        yield JunitSuite(f"netlab {spec}", verdicts, run.wall_s if run else 0.0, properties)


def _report(
    origin: str, told: Mapping[str, Sequence[Verdict]], runs: Sequence[KernelRun], when: datetime
) -> str:
    """What KCIDB is told, as JSON."""
    from netlab.render.kcidb import ReportedBuild, kcidb

    builds = [
        ReportedBuild(run.machine, told[run.machine.spec], _commit(run.machine.spec))
        for run in runs
    ]
    return json.dumps(kcidb(origin, builds, when))


def _commit(spec: str) -> str:
    """The commit that a kernel was built from, where it is a tree with nothing else in it."""
    from netlab.kernels.bisect.history import History

    try:
        return History(Path(spec)).commit().id if Path(spec).is_dir() else ""
    except NetlabError:
        return ""


def _for_people(options: argparse.Namespace) -> bool:
    """Whether standard output is for a person."""
    return not (options.json or options.ktap or options.kcidb)


def _play(
    options: argparse.Namespace, specs: Sequence[Spec], plan: Plan, stop: Stop, output: Output
) -> tuple[list[KernelRun], bool]:
    """Return the runs that ended (before a signal, if one came), in the order of the specs; and
    whether one could not be kept, which has been said then.
    """
    from netlab.kernels import matrix

    number = len(plan.job.scenarios())
    texts = [spec.text for spec in specs]
    with watching(texts, number, lambda: stop.asked, whole=options.json) as watcher:
        keeper = _Keeper(watcher, stop, options, output)
        try:
            matrix.play(specs, plan, keeper)
        except Stopped:
            pass
        except matrix.Unkept as error:
            keeper.trouble.append(error)
    for trouble in keeper.trouble:
        note(str(trouble))
    runs = sorted(keeper.runs, key=lambda run: texts.index(run.machine.spec))
    return runs, bool(keeper.trouble)


class _Keeper:
    """Keeps each run as soon as it has ended, whatever comes after it."""

    def __init__(
        self, watcher: Watcher, stop: Stop, options: argparse.Namespace, output: Output
    ) -> None:
        self.runs: list[KernelRun] = []
        self.trouble: list[NetlabError] = []  # what could not be written
        self._watcher = watcher
        self._stop = stop
        self._options = options
        self._output = output

    def fetching(self, spec: str, what: str, done: int, total: int) -> None:
        """Check for a signal here, too: kernels are large."""
        self._stop.check()
        self._watcher.fetching(spec, what, done, total)

    def remark(self, spec: str, text: str) -> None:
        """Pass it on."""
        self._watcher.remark(spec, text)

    def heard(self, spec: str, line: str) -> None:
        """Pass on a record of a run in progress."""
        self._watcher.heard(spec, line)

    def ended(self, run: KernelRun) -> None:
        """Write its files, and its records if they are asked for."""
        from netlab.kernels import matrix

        self.runs.append(run)
        for folder in filter(None, (self._options.output, self._options.report)):
            try:
                run.write(folder / matrix.file_name(run))
            except NetlabError as error:  # the results are still printed
                self.trouble.append(error)
        self._output.start()  # the labs of this process, if it had any, have been played
        if self._options.json:
            for record in _records(run):
                self._output.write(f"{record}\n")
        self._watcher.ended(run)

    def meanwhile(self) -> None:
        """End here if a signal has come, or the reader of the output has gone."""
        self._stop.check()
        if self._output.gone and not (self._options.output or self._options.report):
            raise BrokenPipeError  # as with `| head`: the rest has no reader
        self._watcher.meanwhile()


def exit_code(
    runs: Sequence[KernelRun], lost: Sequence[str] = (), asked: Collection[str] = ()
) -> int:
    """3 if a kernel was not played to the end, else 1 if one failed or lost a scenario, or does
    otherwise than a row says that was `asked` for by name, else 0.
    """
    outcomes = {play.outcome for run in runs for play in run.scenarios}
    outcomes |= {row.outcome for run in runs for row in run.rows if row.name in asked}
    if any(run.error for run in runs) or "error" in outcomes:
        return LabError.exit_code
    cells = [cell for run in runs for cell in run.cells]
    failed = "fail" in outcomes or any(cell.outcome == "fail" for cell in cells)
    return Unmet.exit_code if failed or lost else 0


def _part(options: argparse.Namespace) -> None:
    """Move names of scenarios and rows that were typed after the kernels to those before.

    Raises `ScenarioError` for a kernel among the names.
    """
    from netlab.kernels.sources import distributions

    texts = dict.fromkeys(options.kernel)
    options.kernel = [text for text in texts if _may_be_a_kernel(text)]
    options.names += [text for text in texts if text not in options.kernel]
    for name in options.names:
        if name.partition(":")[0] in distributions.known() and ":" in name:
            raise ScenarioError(f"{name} is a kernel, and kernels go after --kernel")


def _may_be_a_kernel(text: str) -> bool:
    path = Path(text)
    if path.suffix in SCENARIOS or kernel_options.rows_among([text]):
        return False
    return ":" in text or "/" in text or text == "host" or path.exists()


def _specs(options: argparse.Namespace) -> Sequence[Spec]:
    from netlab.kernels.sources import fetch, spec

    if options.kernel and options.small:
        raise ScenarioError("--small is a set of kernels: give it or --kernel, not both")
    if options.name and len(set(options.kernel)) != 1:
        raise ScenarioError("--name is for one run: give one kernel with --kernel")
    if options.append and {*options.kernel} == {"host"}:
        raise ScenarioError(RUNS_ALREADY)
    if options.kernel:
        return [spec.parse(text) for text in dict.fromkeys(options.kernel)]
    return fetch.defaults(dict(options.mirror), small=options.small)


def _list(specs: Sequence[Spec], options: argparse.Namespace) -> int:
    from netlab.kernels.sources import fetch

    width = max(len(spec.text) for spec in specs)
    for spec in specs:
        print(f"{spec.text:{width}}  {fetch.state(spec)}")
    return 0


def _records(run: KernelRun) -> Iterator[str]:
    for play in run.scenarios:
        yield play.to_json()
    if run.error:
        yield json.dumps(_lost(run))


def _tell(
    runs: Sequence[KernelRun], seen: Overview, options: argparse.Namespace, elapsed: float
) -> Iterator[str]:
    from netlab.render.matrix import matrix

    if not _for_people(options) or not runs:
        return
    style, columns = Style.of(sys.stdout), room(options.wide)
    yield from _failures(runs, style)
    if options.all:
        yield f"{comparison.tables(seen, columns, style, every=True)}\n"
    else:
        for grid in seen.grids():
            alone = len(runs) == 1 and grid.title == "timers"
            asked = bool(options.names) and not options.table and grid.title == ROWS
            if alone or asked or (len(runs) > 1 and grid.title in PLAYED):
                yield f"{matrix(grid, columns, style, every=alone or asked)}\n"
            if asked:
                yield from _otherwise(grid)
    for run in runs:
        yield told(run, style)
    yield from skips(runs, style)
    if len(runs) > 1:
        yield f"\n{comparison.closing(seen, style)}"
        command = compare_command(seen.runs, options.output)
        if command and any(one.comparison.differences for one in seen.compared):
            yield f"which, and why: {command}"
        yield f"{len(runs)} kernels in {elapsed:.0f} s"


def skips(runs: Sequence[KernelRun], style: Style) -> Iterator[str]:
    """Why scenarios were skipped, each reason once, with the kernels that it is about."""
    reasons: dict[str, dict[str, list[str]]] = {}  # and the scenarios of each kernel
    for run in runs:
        for play in run.scenarios:
            if play.outcome == "skip":
                kernels = reasons.setdefault(play.reason, {})
                kernels.setdefault(run.machine.name, []).append(play.scenario)
    for reason, kernels in reasons.items():
        names = dict.fromkeys(name for each in kernels.values() for name in each)
        where = "" if len(kernels) == len(runs) else f" on {some([*kernels])}"
        yield style(f"skipped{where}: {some([*names])}: {reason}", "dim")


def _otherwise(grid: Grid) -> Iterator[str]:
    """What each kernel does otherwise than the conformance table says."""
    from netlab.kernels.compare.overview import OTHERWISE

    for row in grid.rows:
        for column, mark in zip(grid.columns, row.marks, strict=True):
            if mark.text.startswith(OTHERWISE):
                yield f"{row.name} on {column.label}: {mark.told[0]}"


def compare_command(runs: Sequence[KernelRun], folder: Path | None) -> str:
    """The command that compares these runs again; '' if fewer than two of them are kept."""
    from netlab.kernels.compare.stored import SUFFIX
    from netlab.kernels.matrix import file_name

    names = {file_name(run) for run in runs}
    if folder and {path.name for path in folder.rglob(f"*{SUFFIX}")} == names:
        return f"netlab compare {shlex.quote(str(folder))}" if len(names) > 1 else ""
    # A release means the build of it that was played last, and older runs may have the same spec.
    done = [run.machine for run in runs if run.done]
    releases = [machine.release for machine in done]
    words = dict.fromkeys(
        machine.name
        if releases.count(machine.release) == 1
        else f"{machine.release}#{machine.number}"
        for machine in done
    )
    return f"netlab compare {shlex.join(words)}" if len(words) > 1 else ""


def _say_stopped(left: int, number: int, options: argparse.Namespace, output: Output) -> None:
    said = stopped_line(left, number, Style(False))
    if _for_people(options):
        output.write(f"{said}\n")
    if not _for_people(options) or not sys.stdout or not sys.stdout.isatty():
        with contextlib.suppress(OSError):  # after SIGHUP there is no terminal
            print(f"netlab: {said}", file=sys.stderr)


def _write_page(options: argparse.Namespace, seen: Overview, output: Output) -> None:
    comparison.write_page(options.report / PAGE, seen)
    said = f"report: {options.report / PAGE}"
    if _for_people(options):
        output.write(f"{said}\n")
    else:
        print(said, file=sys.stderr)


def _failures(runs: Sequence[KernelRun], style: Style) -> Iterator[str]:
    from netlab.render.failure import failure

    for run in runs:
        for play in run.scenarios:
            if play.outcome in ("fail", "error"):
                yield f"{failure(play, style)}\n"
        if run.error:
            yield f"{style(run.machine.name, 'bold')}: {style(run.error, 'yellow')}"
            yield from (f"  {style(text, 'dim')}" for text in run.console)
            yield ""


def _lost(run: KernelRun) -> dict[str, str]:
    """A kernel that was not played to the end, in the form of a scenario's record."""
    machine = run.machine
    return {
        "spec": machine.spec,
        "kernel": machine.release,
        "outcome": "error",
        "reason": run.error,
    }
