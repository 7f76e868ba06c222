# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab matrix``: the same scenarios on other kernels, booted in virtual machines."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import extras
from netlab.cli import playing
from netlab.cli.common import Commands, add_names
from netlab.cli.guests import told, watching
from netlab.cli.playing import SPECS, add_archives, add_guests, add_what
from netlab.errors import LabError, ScenarioError, Unmet
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.kernels.getting.spec import Spec
    from netlab.kernels.record import KernelRun

EPILOG = f"""\
{SPECS}
examples:
  netlab matrix                               what this machine's mirrors have, old to new
  netlab matrix --list                        which those are
  netlab matrix --kernel host debian:bookworm debian:trixie  this one and two others
  netlab matrix --kernel ./bzImage --warp     one that you have built, every time-out to its end
  netlab matrix --timers --kernel host debian:sid    how long each of TCP's time-outs is
  netlab matrix 'syn*' --kernel debian:sid    some scenarios (their names come first)
  netlab matrix --mirror ubuntu=URL --kernel ubuntu:noble    from an archive of your choice
  netlab matrix --report out                  and a page of it: out/index.html
  netlab compare 6.1 6.12                     what differs between two of them, afterwards

Each run is kept for 'netlab compare'. A guest without KVM lives in virtual time, which jumps while
nothing happens: what is slow by its nature takes no longer than what is not.

exit codes: 0 every kernel passed, 1 a pair was not held on one, 2 bad usage,
3 a kernel could not be got, booted or played to the end
"""

PAGE = "index.html"
#: Tables that the terminal shows; those of sysctls and counters are long, and compare has them.
PLAYED = ("scenarios", "pairs of the atlas", "timers")


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "matrix",
        help="play on other kernels, in virtual machines",
        description="Play scenarios on other kernels, in virtual machines, and say what differs.",
        epilog=EPILOG,
    )
    add_names(command, "*", "a scenario, a pattern, a folder or a .yaml file (default: all)")
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
    kernels.add_argument("--list", action="store_true", help="say which, and play nothing")
    add_archives(kernels)


def _add_results(command: argparse.ArgumentParser) -> None:
    results = command.add_argument_group("results")
    results.add_argument("--output", type=Path, metavar="DIR", help="write each run there, too")
    results.add_argument("--report", type=Path, metavar="DIR", help="and a page: DIR/index.html")
    results.add_argument("--json", action="store_true", help="one JSON object a line")
    results.add_argument("--all", action="store_true", help="every row, and not only what differs")


def main(options: argparse.Namespace) -> int:
    """Get, boot, play, compare, and return the exit code."""
    from netlab.kernels import matrix

    _part(options)
    job = playing.job(options)
    specs = _specs(options)
    if options.list:
        return _list(specs, options)
    if options.report:
        extras.require("report", "--report")
    for folder in filter(None, (options.output, options.report)):
        _prepare(folder)
    plan = playing.plan(options, job)
    began = time.monotonic()
    with watching([spec.text for spec in specs], len(job.scenarios())) as watcher:
        runs = matrix.play(specs, plan, watcher)
    for folder in filter(None, (options.output, options.report)):
        for run in runs:
            run.write(folder / matrix.file_name(run))
    _tell(runs, options, time.monotonic() - began)
    return exit_code(runs)


def exit_code(runs: Sequence[KernelRun]) -> int:
    """3 where a kernel was not played to the end, else 1 where one failed, else 0."""
    outcomes = {play.outcome for run in runs for play in run.scenarios}
    if any(run.error for run in runs) or "error" in outcomes:
        return LabError.exit_code
    cells = [cell for run in runs for cell in run.cells]
    lost = any(cell.outcome == "fail" for cell in cells)
    return Unmet.exit_code if "fail" in outcomes or lost else 0


def _part(options: argparse.Namespace) -> None:
    """Names of scenarios that were written behind the kernels belong to the scenarios."""
    texts = dict.fromkeys(options.kernel)
    options.kernel = [
        text
        for text in texts
        if ":" in text or "/" in text or text == "host" or Path(text).exists()
    ]
    options.names += [text for text in texts if text not in options.kernel]


def _specs(options: argparse.Namespace) -> Sequence[Spec]:
    from netlab.kernels.getting import fetch, spec

    if options.kernel and options.small:
        raise ScenarioError("--small is a set of kernels: give it, or --kernel, and not both")
    if options.kernel:
        return [spec.parse(text) for text in dict.fromkeys(options.kernel)]
    return fetch.defaults(dict(options.mirror), small=options.small)


def _list(specs: Sequence[Spec], options: argparse.Namespace) -> int:
    for spec in specs:
        print(spec.text)
    return 0


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScenarioError(f"{folder} cannot be made: {error.strerror}") from None


def _tell(runs: Sequence[KernelRun], options: argparse.Namespace, elapsed: float) -> None:
    from netlab.cli import compare
    from netlab.kernels.comparing.overview import in_order, overview
    from netlab.render.matrix import matrix

    seen = overview(in_order(runs))
    if options.json:
        for run in runs:
            for play in run.scenarios:
                print(play.to_json())
            if run.error:
                print(json.dumps(_lost(run)))
    else:
        style = Style.of(sys.stdout)
        for text in _failures(runs, style):
            print(text)
        width = shutil.get_terminal_size().columns
        if options.all:
            print(f"{compare.tables(seen, width, style, every=True)}\n")
        else:
            for grid in seen.grids():
                alone = len(runs) == 1 and grid.title == "timers"
                if alone or (len(runs) > 1 and grid.title in PLAYED):
                    print(f"{matrix(grid, width, style, every=alone)}\n")
        for run in runs:
            print(told(run, style))
        if len(runs) > 1:
            print(f"\n{compare.closing(seen, style)}; netlab compare tells which")
            print(f"{len(runs)} kernels in {elapsed:.0f} s")
    if options.report:
        compare.write_page(options.report / PAGE, seen)
        print(f"report: {options.report / PAGE}", file=sys.stderr if options.json else sys.stdout)


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
