# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab atlas``: every pair of states, frozen on this kernel, or why it cannot be."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

from netlab.cli import show
from netlab.cli.common import Commands, add_family, seconds
from netlab.cli.progress import progress
from netlab.errors import LabError, ScenarioError, Unmet
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.evidence import Cell
    from netlab.testbed.words import Family

EPILOG = """\
examples:
  netlab atlas                         play all pairs side by side and draw the grid
  netlab atlas SYN_RECV/SYN_RECV       explain one pair: how to get there, rules, scenario
  netlab atlas FIN_WAIT2/ESTABLISHED   why this pair cannot be
  netlab atlas --json                  one object a cell

exit codes: 0 every pair that can be was frozen, 1 one was not, or the model is wrong, 2 bad usage,
3 a lab could not be built
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "atlas",
        help="every pair of states TCP can be in",
        description="Freeze every pair of states on this kernel, and draw the grid; or explain "
        "one pair.",
        epilog=EPILOG,
    )
    command.add_argument("pair", nargs="?", metavar="CLIENT/SERVER", help="explain this pair")
    add_family(command)
    command.add_argument(
        "--hold", type=seconds, metavar="S", default=0.0, help="hold each pair at least that long"
    )
    command.add_argument("--json", action="store_true", help="one JSON object a cell")
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Play and draw, or explain."""
    from netlab.testbed.words import Family

    family = Family.IPV6 if options.ipv6 else Family.IPV4
    if options.pair:
        print("\n".join(_explanation(options.pair, family, Style.of(sys.stdout))))
        return 0
    return _play(options, family)


def _play(options: argparse.Namespace, family: Family) -> int:
    from netlab.atlas import grid
    from netlab.render.grid import grid as drawn
    from netlab.scenario.runner import Options

    began = time.monotonic()
    scenarios = grid.scenarios()
    how = Options(family=family, hold=options.hold)
    with progress(scenario.name for scenario in scenarios) as (finished, meanwhile):
        cells = grid.play(scenarios, how, meanwhile, finished)
    wrong = grid.disagreements(cells)
    if options.json:
        for cell in cells:
            print(json.dumps({**dataclasses.asdict(cell), "kernel": os.uname().release}))
    else:
        style = Style.of(sys.stdout)
        print(drawn(cells, shutil.get_terminal_size().columns, style))
        for cell in cells:
            if cell.problem:
                print(f"\n{style(cell.pair, 'red')} ({cell.scenario}): {cell.problem}")
        print(f"\n{_closing(cells, time.monotonic() - began, family)}")
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
    """What there is to say of one pair."""
    from netlab.atlas import cells, store
    from netlab.atlas.compose import name_of
    from netlab.evidence import Pair
    from netlab.tcp import State, why_unreachable

    try:
        client, server = (State[word.strip().upper()] for word in words.split("/"))
    except (KeyError, ValueError):
        states = ", ".join(str(state) for state in State)
        raise ScenarioError(
            f"{words!r} is no pair: expected CLIENT/SERVER such as SYN_SENT/LISTEN, of {states}"
        ) from None
    pair = Pair(client, server)
    why = why_unreachable(client, server)
    if why:
        return [f"{style(str(pair), 'bold')} cannot be: {why}."]
    if client is State.LISTEN:
        raise ScenarioError(f"{pair}: the atlas has the listener on the right: try {server}/LISTEN")
    scenario = next(each for each in cells.scenarios() if each.name == name_of(pair))
    lines = show.explanation(scenario, family, style, command=str(scenario.path))
    way = store.reachable()[str(pair)]
    return [*lines, "", style("a shortest way, as the model sees it", "bold"), *_ladder(way, style)]


def _ladder(way: list[tuple[str, str]], style: Style) -> list[str]:
    """Client and server as two lines, time downward, what happens between them."""
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
