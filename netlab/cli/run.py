# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab run``: play scenarios side by side and say what came of each."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli import report
from netlab.cli.common import (
    Commands,
    add_family,
    add_names,
    add_sysctl,
    positive,
    print_ladder,
    seconds,
)
from netlab.cli.progress import progress
from netlab.errors import LabError, Unmet
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.evidence import Evidence
    from netlab.scenario.model import Scenario

EPILOG = """\
examples:
  netlab run                       everything that takes seconds
  netlab run --slow                and what takes a minute or two: time-outs, TIME_WAIT, orphans
  netlab run teardown              one folder
  netlab run 'fin-*' my-own.yaml   by pattern, and a file of your own
  netlab run --ipv6 --hold 5s      over IPv6, each pair held for five seconds
  netlab run --sysctl tcp_fin_timeout=5 'fin-*'   with a kernel that is set otherwise
  netlab run --json > run.jsonl    one object a line: scenario, outcome, expected, observed, ...
  netlab run fin-dropped --ladder  and every packet, between the lines of both ends
  netlab run --report out          and a page for the browser: out/index.html, with every packet
  netlab run fin-dropped --pcap .  and what both ends saw, for Wireshark: ./fin-dropped.pcapng

exit codes: 0 all passed or were skipped, 1 a pair was not held, 2 bad usage or a bad scenario,
3 a lab could not be built
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "run",
        help="play scenarios and prove their pairs",
        description="Play scenarios side by side, and prove each pair of states.",
        epilog=EPILOG,
    )
    add_names(command, "*", "a name, a pattern, a folder or a .yaml file (default: all)")
    command.add_argument("--slow", action="store_true", help="also those that need a minute or two")
    add_family(command)
    command.add_argument(
        "--hold", type=seconds, metavar="S", default=0.0, help="hold each pair at least that long"
    )
    add_sysctl(command)
    command.add_argument(
        "--jobs", type=positive, metavar="N", help="labs that are open at the same time (200)"
    )
    command.add_argument(
        "--ladder", action="store_true", help="and draw what crossed the wire, packet by packet"
    )
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write a page that shows all of it there (index.html), with captures and JSON",
    )
    command.add_argument(
        "--pcap", type=Path, metavar="DIR", help="write a capture file (pcapng) of each there"
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Play, print, and return the exit code."""
    from netlab.scenario import catalogue, runner
    from netlab.testbed.words import Family

    scenarios = catalogue.choose(options.names, options.slow)
    for folder, option in ((options.report, "--report"), (options.pcap, "--pcap")):
        if folder:
            report.prepare(folder, option)
    how = runner.Options(
        family=Family.IPV6 if options.ipv6 else Family.IPV4,
        hold=options.hold,
        jobs=options.jobs or runner.JOBS,
        sysctls=dict(options.sysctl),
        record=bool(options.report or options.pcap or options.ladder),
    )
    when, began = datetime.now().astimezone(), time.monotonic()
    runs: dict[int, Evidence] = {}
    with progress(scenario.name for scenario in scenarios) as (finished, meanwhile):
        for number, evidence in runner.play_all(scenarios, how, meanwhile):
            runs[number] = evidence
            finished(evidence)
    # Nothing is written while scenarios are played: a slow reader would stop the clock of all.
    elapsed = time.monotonic() - began
    in_order = [runs[number] for number in sorted(runs)]
    if options.json:
        for evidence in in_order:
            print(evidence.to_json())
    else:
        _print(in_order, elapsed, options.ladder)
    _write(options, scenarios, in_order, when, elapsed)
    return exit_code(in_order)


def exit_code(runs: Sequence[Evidence]) -> int:
    """3 where a lab was not built, else 1 where a pair was not held, else 0."""
    outcomes = {run.outcome for run in runs}
    if "error" in outcomes:
        return LabError.exit_code
    return Unmet.exit_code if "fail" in outcomes else 0


def _print(runs: Sequence[Evidence], elapsed: float, ladders: bool) -> None:
    from netlab.render.failure import failure
    from netlab.render.table import closing_line, table

    style = Style.of(sys.stdout)
    for run in runs:
        if ladders and run.recording is not None:
            print(style(run.scenario, "bold"))
            print_ladder(run)
            print()
    print(table(runs, style))
    for run in runs:
        if run.outcome in ("fail", "error"):
            print(f"\n{failure(run, style)}")
    print(f"\n{closing_line(runs, elapsed, style)}")


def _write(
    options: argparse.Namespace,
    scenarios: Sequence[Scenario],
    runs: Sequence[Evidence],
    when: datetime,
    elapsed: float,
) -> None:
    """The files that were asked for. With --json, standard output has nothing but JSON."""
    said = sys.stderr if options.json else sys.stdout
    if options.report:
        report.write_report(options.report, scenarios, runs, when, elapsed)
        print(f"report: {options.report / report.PAGE}", file=said)
    if options.pcap:
        number = report.write_captures(options.pcap, scenarios, runs)
        files = "1 file" if number == 1 else f"{number} files"
        print(f"captures: {options.pcap} ({files})", file=said)
