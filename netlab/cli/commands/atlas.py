# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab atlas``: every pair of states, frozen on this kernel, or why it cannot be."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import __version__, extras
from netlab.cli.shared.explanation import explanation
from netlab.cli.shared.options import Commands, add_family, note, seconds
from netlab.cli.shared.progress import Shown
from netlab.cli.shared.stopping import Stopped, stopping
from netlab.cli.shared.verdict_options import (
    add_verdicts,
    prepare_junit,
    stopped,
    write_junit,
)
from netlab.model import files
from netlab.model.errors import LabError, ScenarioError, Unmet
from netlab.render import ktap
from netlab.render.style import Style
from netlab.render.table import stopped_line

if TYPE_CHECKING:
    from netlab.atlas.recorded import CellRecorder, RecordedCell
    from netlab.model.evidence import Cell, Evidence, Outcome
    from netlab.model.tcp import State
    from netlab.model.vocabulary import Family
    from netlab.render.verdicts import Verdict
    from netlab.scenario.runner import Options

EPILOG = """\
examples:
  netlab atlas                         play all pairs side by side and draw the grid
  netlab atlas SYN_RECV/SYN_RECV       explain one pair: how to get there, rules, scenario
  netlab atlas FIN-WAIT-2/ESTAB        why this pair cannot be (a state as ss writes it)
  netlab atlas FW1                     the states the other end can be in then
  netlab atlas --report out            also a page to walk in: out/index.html
  netlab atlas --report out --recorded that page, and nothing is played
  netlab atlas --json                  one object a cell
  netlab atlas --ktap                  one line a pair that can be, as kselftest prints its tests
  netlab atlas --junit atlas.xml       and a file that Jenkins, GitLab and others show

exit codes: 0 every pair that can be was frozen, 1 one was not, or the model is wrong, 2 bad usage,
3 a lab could not be built
"""


WIDTH, MARGIN = 80, 27  # columns of the list of one state's pairs
PAGE = "index.html"
AGREE = "model-and-kernel-agree"  # the test that is not about one pair


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "atlas",
        help="every pair of states TCP can be in",
        description="Freeze every pair of states on this kernel, and draw the grid; or explain "
        "one pair.",
        epilog=EPILOG,
    )
    command.add_argument("pair", nargs="*", metavar="CLIENT/SERVER", help="explain this pair")
    add_family(command)
    command.add_argument(
        "--hold", type=seconds, metavar="S", default=0.0, help="hold each pair at least that long"
    )
    add_verdicts(command, "one JSON object a cell")
    command.add_argument(
        "--report", type=Path, metavar="DIR", help=f"also write a page: DIR/{PAGE}"
    )
    command.add_argument(
        "--recorded",
        action="store_true",
        help="play nothing: the page shows what comes with netlab, as one kernel played it",
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Play and draw, or explain."""
    from netlab.model.vocabulary import Family

    family = Family.IPV6 if options.ipv6 else Family.IPV4
    _refuse(options)
    if options.report:
        extras.require("report", "--report")
        files.prepare(options.report, "--report")
    if options.recorded:
        from netlab.atlas import recorded

        _write_page(options, recorded.read())
        return 0
    if options.pair:
        print("\n".join(_explanation(" ".join(options.pair), family, Style.of(sys.stdout))))
        return 0
    return _play(options, family)


def _refuse(options: argparse.Namespace) -> None:
    """Raises `ScenarioError` for options that do not go together."""
    if options.report and options.pair:
        raise ScenarioError(f"--report: the page has all pairs; leave out {options.pair[0]!r}")
    if options.recorded and not options.report:
        raise ScenarioError("--recorded makes a page without playing: it needs --report DIR")
    played = {"--ipv6": options.ipv6, "--hold": options.hold, "--json": options.json,
              "--ktap": options.ktap, "--junit": options.junit}  # fmt: skip
    if options.recorded and (found := [name for name, given in played.items() if given]):
        raise ScenarioError(f"--recorded plays nothing, so that {found[0]} has no meaning")


def _write_page(options: argparse.Namespace, found: Sequence[RecordedCell]) -> None:
    """Write the page, and say where it is: on standard error where a program reads the output."""
    from netlab.glossary import pairs

    path = options.report / PAGE
    files.write(path, pairs.page(found, __version__), "--report")
    for_people = not (options.json or options.ktap)
    print(f"report: {path}", file=sys.stdout if for_people else sys.stderr)


def _play(options: argparse.Namespace, family: Family) -> int:
    from netlab.atlas import grid
    from netlab.atlas.recorded import CellRecorder
    from netlab.render.junit import JunitSuite

    prepare_junit(options)
    when, began = datetime.now().astimezone(), time.monotonic()
    scenarios = grid.scenarios()
    recorder = CellRecorder()
    how = _how(options, family, recorder)
    shown = Shown(scenario.name for scenario in scenarios)
    ended = 0
    cells: list[Cell] = []
    completed: list[Cell] = []

    def finished(evidence: Evidence) -> None:
        nonlocal ended
        ended += 1
        shown.finished(evidence)
        recorder.finished(evidence)

    def complete(cell: Cell) -> None:
        completed.append(cell)
        if options.json and not stop.asked:
            shown.line(json.dumps({**dataclasses.asdict(cell), "kernel": os.uname().release}))

    def meanwhile() -> None:
        shown.go_on(stop)

    with stopping() as stop:
        try:
            with contextlib.suppress(Stopped):
                cells = grid.play(scenarios, how, meanwhile, finished, complete)
            shown.take_away()
            if options.ktap:
                shown.line("\n".join(_in_ktap(_verdicts(completed, family))))
            elif not options.json and not stop.asked:
                shown.line("\n".join(_drawn(cells, time.monotonic() - began, family)))
        finally:
            shown.finish(lambda: stop.asked)
    if options.report and cells:
        _write_page(options, recorder.cells(cells))
    left = len(scenarios) - ended
    told = [*_verdicts(completed, family), *stopped(left, len(scenarios))]
    suite = JunitSuite(f"netlab {os.uname().release}", told, time.monotonic() - began)
    trouble = write_junit(options, [suite], when)
    for error in trouble:
        note(str(error))
    if stop.asked:
        said = stopped_line(left, len(scenarios), Style(False))
        with contextlib.suppress(OSError):  # after SIGHUP there is no terminal
            print(f"netlab: {said}", file=sys.stderr)
        return stop.exit_code
    return max([_judged(cells), *(error.exit_code for error in trouble)])


def _how(options: argparse.Namespace, family: Family, recorder: CellRecorder) -> Options:
    """How to play: only a page needs every packet."""
    from netlab.scenario.runner import Options

    if options.report:
        return recorder.options(family, options.hold)
    return Options(family=family, hold=options.hold)


def _verdicts(cells: Sequence[Cell], family: Family) -> list[Verdict]:
    """One for each pair that can be, and, where all are over, whether the model agrees."""
    from netlab.atlas import grid, store
    from netlab.render.verdicts import Verdict, of_cells, suite

    told = [*of_cells(cells, family)]
    if len(cells) == len(store.pairs()):
        wrong = grid.disagreements(cells)
        outcome: Outcome = "fail" if wrong else "pass"
        told.append(Verdict(suite("atlas", family), AGREE, outcome, "; ".join(wrong), tuple(wrong)))
    return told


def _in_ktap(told: Sequence[Verdict]) -> Iterator[str]:
    """All lines; the plan also has what was not played to its end."""
    from netlab.atlas import store

    yield from ktap.head(len(store.reachable()) + 1)
    for number, each in enumerate(told, start=1):
        yield from ktap.point(number, each)
    yield ktap.totals([each.outcome for each in told])


def _drawn(cells: list[Cell], elapsed: float, family: Family) -> Iterator[str]:
    from netlab.render.grid import grid as drawn

    style = Style.of(sys.stdout)
    yield drawn(cells, shutil.get_terminal_size().columns, style)
    for cell in cells:
        if cell.problem:
            yield f"\n{style(cell.pair, 'red')} ({cell.scenario}): {cell.problem}"
    yield f"\n{_closing(cells, elapsed, family)}"


def _judged(cells: Sequence[Cell]) -> int:
    """Return the exit code; print where model and kernel disagree on standard error."""
    from netlab.atlas import grid

    wrong = grid.disagreements(cells)
    for problem in wrong:
        print(f"netlab: model and kernel disagree: {problem}", file=sys.stderr)
    if any(cell.outcome == "error" for cell in cells):
        return LabError.exit_code
    frozen = all(cell.frozen for cell in cells if cell.reachable)
    return 0 if frozen and not wrong else Unmet.exit_code


def _closing(cells: list[Cell], elapsed: float, family: Family) -> str:
    frozen = sum(cell.frozen for cell in cells)
    reachable = sum(cell.reachable for cell in cells)
    return (
        f"{frozen} of {reachable} reachable pairs frozen, {len(cells) - reachable} cannot be, "
        f"in {elapsed:.1f} s ({family}, kernel {os.uname().release})"
    )


def _explanation(words: str, family: Family, style: Style) -> list[str]:
    """Explain one pair, or one state, in lines."""
    from netlab.model.tcp import both_named

    try:
        states = both_named(words)
    except ValueError as problem:
        raise ScenarioError(str(problem)) from None
    if len(states) == 1:
        return _of_state(states[0], style)
    return _of_pair(states[0], states[1], family, style)


def _of_state(state: State, style: Style) -> list[str]:
    """Every pair with this state at the client (LISTEN: at the server), and whether it can be."""
    from netlab.atlas import store
    from netlab.model.tcp import State, why_unreachable

    lines = [f"{style(str(state), 'bold')} and what the other end can be in meanwhile:", ""]
    for pair in store.pairs():
        if state is (pair.server if state is State.LISTEN else pair.client):
            why = why_unreachable(pair.client, pair.server)
            told = textwrap.wrap(f"cannot be: {why}" if why else "can be", WIDTH - MARGIN)
            for number, line in enumerate(told):
                name = f"  {pair}" if number == 0 else ""
                lines.append(f"{name:<{MARGIN}}{style(line, 'dim' if why else 'green')}")
    if state is not State.LISTEN:
        lines += ["", "The same holds with client and server exchanged."]
    return [*lines, "", "'netlab atlas CLIENT/SERVER' explains one pair."]


def _of_pair(client: State, server: State, family: Family, style: Style) -> list[str]:
    """How to reach a pair, or why it cannot be reached."""
    from netlab.atlas import cells, store
    from netlab.atlas.compose import name_of
    from netlab.model.tcp import State, why_unreachable
    from netlab.model.vocabulary import Pair

    pair = Pair(client, server)
    why = why_unreachable(client, server)
    if why:
        return [f"{style(str(pair), 'bold')} cannot be: {why}."]
    if client is State.LISTEN:
        raise ScenarioError(f"{pair}: the atlas has the listener on the right: try {server}/LISTEN")
    scenario = next(each for each in cells.scenarios() if each.name == name_of(pair))
    lines = explanation(scenario, family, style)
    way = store.reachable()[str(pair)]
    return [
        *lines,
        "",
        style("a shortest path, according to the model", "bold"),
        *_ladder(way, style),
    ]


def _ladder(way: list[tuple[str, str]], style: Style) -> list[str]:
    """Client and server as two lines, time downward, with the events between them."""
    lines = [f"  {'client':>12}  {'server':<12}"]
    before = "CLOSED/CLOSED"
    for event, after in way:
        ends = [
            style(now, "bold") + " " * (12 - len(now)) if now != past else "│".ljust(12)
            for now, past in zip(after.split("/"), before.split("/"), strict=True)
        ]
        arrow = _arrow(event)
        lines.append(f"  {ends[0]} {arrow} {ends[1]} {style(event, 'dim')}")
        before = after
    return lines


def _arrow(event: str) -> str:
    if "lost" in event:
        return "──×   " if "server" in event else "   ×──"
    if "reaches" in event:
        return "─────▶" if event.endswith("server") else "◀─────"
    return "      "
