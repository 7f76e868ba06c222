# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab run``: play scenarios side by side and report the outcome of each."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import report
from netlab.cli.shared.allowing import add_allow_programs, announce
from netlab.cli.shared.exit_codes import of_runs
from netlab.cli.shared.options import (
    Commands,
    add_family,
    add_names,
    add_sysctl,
    add_wide,
    ladder_text,
    note,
    noted,
    positive,
    room,
    say_what_was_left,
    seconds,
)
from netlab.cli.shared.progress import Shown
from netlab.cli.shared.stopping import Stop, Stopped, stopping
from netlab.cli.shared.verdict_options import (
    add_verdicts,
    prepare_junit,
    stopped,
    write_junit,
)
from netlab.model.errors import LabError, NetlabError, bug
from netlab.render import ktap, verdicts
from netlab.render.style import Style
from netlab.render.table import (
    Known,
    RunTable,
    closing_line,
    counterfactual_line,
    stopped_line,
)

if TYPE_CHECKING:
    from netlab.model.evidence import Evidence
    from netlab.render.junit import JunitSuite
    from netlab.scenario import runner
    from netlab.scenario.model import Scenario

EPILOG = """\
examples:
  netlab run                       everything that takes seconds
  netlab run --slow                and what takes a minute or two: time-outs, TIME_WAIT, orphans
  netlab run teardown              one folder
  netlab run 'fin-*' my-own.yaml   by pattern, and a file of your own
  netlab run --ipv6 --hold 5s      over IPv6, each pair held for five seconds
  netlab run --sysctl tcp_fin_timeout=5 'fin-*'   with a sysctl changed
  netlab run --json > run.jsonl    one object a line: scenario, outcome, expected, observed, ...
  netlab run fin-dropped --ladder  and every packet, between the lines of both ends
  netlab run --report out          and a page for the browser: out/index.html, with every packet
  netlab run --prove my-own.yaml   and that the pair does not come without each of its faults
  netlab run fin-dropped --pcap .  and what both ends saw, for Wireshark: ./fin-dropped.pcapng
  netlab run --ktap                one line a scenario, as kselftest and KUnit print theirs
  netlab run --junit netlab.xml    and a file that Jenkins, GitLab and others show

exit codes: 0 all passed or were skipped, 1 a pair was not held, 2 bad usage or a bad scenario,
3 a lab could not be built, or a file not written
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
        "--prove",
        action="store_true",
        help="then play what passed without each of its faults: the pair must not come",
    )
    command.add_argument(
        "--jobs", type=positive, metavar="N", help="labs that are open at the same time (200)"
    )
    command.add_argument(
        "--ladder", action="store_true", help="also draw what crossed the wire, packet by packet"
    )
    add_verdicts(command, "one JSON object a line")
    add_allow_programs(command)
    add_wide(command)
    command.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write a page of the whole run there (index.html), with captures and JSON",
    )
    command.add_argument(
        "--pcap", type=Path, metavar="DIR", help="write a capture file (pcapng) of each there"
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Play, print, and return the exit code."""
    from netlab.model.vocabulary import Family
    from netlab.observe.tracing import untraced
    from netlab.scenario import catalogue, runner

    scenarios = catalogue.choose(options.names, options.slow, note)
    announce(scenarios, options)
    how = runner.Options(
        family=Family.IPV6 if options.ipv6 else Family.IPV4,
        hold=options.hold,
        jobs=options.jobs or runner.JOBS,
        sysctls=dict(options.sysctl),
        record=bool(options.report or options.pcap or options.ladder),
    )
    with stopping() as stop:
        for folder, option in ((options.report, "--report"), (options.pcap, "--pcap")):
            if folder:
                report.prepare(folder, option)
        prepare_junit(options)
        say_what_was_left()
        run = _Run(options, scenarios, stop)
        try:
            run.play(how)
            if how.record and run.ended and (why := untraced()):
                run.shown.beside(noted(why))
            run.tell()
            run.write_files()
        finally:
            run.shown.finish(lambda: stop.asked)
    for error in run.trouble:
        note(str(error))
    return stop.exit_code or max([of_runs(run.ended), *(each.exit_code for each in run.trouble)])


class _Run:
    """One run of the command: what has ended so far, and how it is shown."""

    def __init__(
        self, options: argparse.Namespace, scenarios: Sequence[Scenario], stop: Stop
    ) -> None:
        self._options = options
        self._scenarios = scenarios
        self._stop = stop
        self._runs: dict[int, Evidence] = {}
        self.trouble: list[NetlabError] = []  # what could not be drawn or written
        self._when, self._began = datetime.now().astimezone(), time.monotonic()
        self._elapsed = 0.0
        self._style = Style.of(sys.stdout)
        self._for_people = not (options.json or options.ktap)
        self._table = RunTable(
            [known(scenario) for scenario in scenarios], self._style, room(options.wide)
        )
        self.shown = Shown(scenario.name for scenario in scenarios)

    @property
    def ended(self) -> list[Evidence]:
        """The runs that have ended, in the order they were asked for."""
        return [self._runs[number] for number in sorted(self._runs)]

    @property
    def _left(self) -> int:
        """The number of scenarios that were not played to the end."""
        return len(self._scenarios) - len(self._runs)

    def play(self, how: runner.Options) -> None:
        """Play until all have ended or a signal comes, and show each that has ended."""
        from netlab.model.evidence import converter
        from netlab.scenario import counterfactual, runner

        play_all = counterfactual.play_all if self._options.prove else runner.play_all
        if self._options.json:
            converter()  # it is slow the first time, and labs would wait for it
        for line in ktap.head(len(self._scenarios)) if self._options.ktap else ():
            self.shown.line(line)
        try:
            for number, evidence in play_all(self._scenarios, how, self._meanwhile):
                if not self._stop.asked:
                    self._runs[number] = evidence
                    self._show(evidence)
        except Stopped:
            pass
        finally:
            self._elapsed = time.monotonic() - self._began
            self.shown.take_away()

    def _meanwhile(self) -> None:
        self._stop.check()
        if self.shown.output.gone and not (self._options.report or self._options.pcap):
            raise BrokenPipeError  # as with `| head`: the rest has no reader
        self.shown.meanwhile()

    def _show(self, evidence: Evidence) -> None:
        self.shown.finished(evidence)
        if self._options.json:
            self.shown.line(self._drawn(evidence, type(evidence).to_json))
            return
        if self._options.ktap:
            self.shown.line(self._drawn(evidence, self._point))
            return
        if len(self._runs) == 1:
            for line in self._table.head():
                self.shown.line(line)
        self.shown.line(self._drawn(evidence, self._lines))

    def _lines(self, run: Evidence) -> str:
        """Its line of the table; why it was played again, and what came of it without each of its
        faults.
        """
        lines = (self._table.row(run), *self._table.before(run), *self._table.without(run))
        return "\n".join(lines)

    def _point(self, run: Evidence) -> str:
        """Its lines in KTAP, numbered in the order of their ends."""
        return "\n".join(ktap.point(len(self._runs), verdicts.of_scenario(run)))

    def _drawn(self, run: Evidence, draw: Callable[[Evidence], str]) -> str:
        """What `draw` makes of a run. If it cannot, that is the trouble of this run alone."""
        try:
            return draw(run)
        except Exception as error:
            self.trouble.append(LabError(f"{run.scenario} cannot be shown: {bug(error)}"))
            return ""

    def tell(self) -> None:
        """Print what follows the table: ladders, failures in full, and the counts."""
        if self._for_people:
            for text in self._below():
                self.shown.line(text)
        if self._options.ktap:
            self.shown.line(ktap.totals([run.outcome for run in self.ended]))
        if self._stop.asked and not (self._for_people and self.shown.together):
            self.shown.beside(f"netlab: {self._stopped(Style(False))}")

    def _below(self) -> Iterator[str]:
        from netlab.render.failure import failure

        runs, style = self.ended, self._style
        for run in runs:
            if self._options.ladder and run.recording is not None:
                yield f"\n{style(run.scenario, 'bold')}\n{self._drawn(run, ladder_text)}"
        for run in runs:
            if run.outcome in ("fail", "error"):
                yield f"\n{self._drawn(run, lambda run: failure(run, style))}"
        if runs:
            yield f"\n{closing_line(runs, self._elapsed, style)}"
        if self._options.prove and runs:
            yield counterfactual_line(runs)
        if self._stop.asked:
            yield self._stopped(style)

    def _stopped(self, style: Style) -> str:
        return stopped_line(self._left, len(self._scenarios), style)

    def write_files(self) -> None:
        """Write the files that were asked for. Standard output for a program has nothing else."""
        for folder, write in (
            (self._options.report, self._write_report),
            (self._options.pcap, self._write_captures),
        ):
            try:
                if folder:
                    self._say(write(folder, [self._scenarios[each] for each in sorted(self._runs)]))
            except NetlabError as error:  # what was played is printed all the same
                self.trouble.append(error)
        self.trouble += write_junit(self._options, [self._suite()], self._when)

    def _suite(self) -> JunitSuite:
        from netlab.render.junit import JunitSuite

        told = [verdicts.of_scenario(run) for run in self.ended]
        told += stopped(self._left, len(self._scenarios))
        return JunitSuite(f"netlab {os.uname().release}", told, self._elapsed)

    def _write_report(self, folder: Path, scenarios: Sequence[Scenario]) -> str:
        about = report.about_run(self._when, self._elapsed, self._left)
        return f"report: {report.write_report(folder, scenarios, self.ended, about)}"

    def _write_captures(self, folder: Path, scenarios: Sequence[Scenario]) -> str:
        number = report.write_captures(folder, scenarios, self.ended)
        return f"captures: {folder} ({'1 file' if number == 1 else f'{number} files'})"

    def _say(self, line: str) -> None:
        if self._for_people:
            self.shown.line(line)
        else:
            self.shown.beside(line)


def known(scenario: Scenario) -> Known:
    """What the table knows of a scenario before it is played."""
    from netlab.model.vocabulary import Side

    expect = scenario.expect
    client, server = (expect.claim.written(side) for side in Side)
    healed = ""
    if expect.healed is not None:
        ends = (expect.healed.claim.states(side) for side in Side)
        healed = "/".join(max(map(str, states), key=len) for states in ends)
    return Known(scenario.name, client, server, healed)
