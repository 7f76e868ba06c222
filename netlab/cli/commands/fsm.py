# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab fsm``: RFC 9293's state diagram, with the transitions this kernel was seen to make."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli.shared.exit_codes import of_runs
from netlab.cli.shared.options import Commands, add_family
from netlab.cli.shared.progress import progress
from netlab.model import files
from netlab.model.errors import ScenarioError, Unmet
from netlab.render.fsm_layout import Drawn
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.atlas.fsm import Coverage
    from netlab.model.evidence import Evidence

EPILOG = """\
examples:
  netlab fsm                   plays everything, and draws the diagram and a table of all arrows
  netlab fsm --svg fsm.svg     and the diagram as a picture; its tooltips name the scenarios
  netlab fsm --slow            also what takes a minute: the end of TIME_WAIT, time-outs
  netlab fsm --ipv6 --json     one object a line: source, target, event, seen, scenarios, reason

exit codes: 0 every arrow was seen or has its reason; 1 an arrow has neither, a step between two
states is not in the diagram, or a pair was not held; 2 bad usage; 3 no lab
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "fsm",
        help="RFC 9293's state diagram, with the transitions that this kernel really made",
        description="""\
Play every scenario and every cell of the atlas side by side, and mark the arrows of RFC 9293's
Figure 5, and Linux's own, that were seen: two consecutive samples of one end that nothing else
explains.""",
        epilog=EPILOG,
    )
    command.add_argument("--svg", type=Path, metavar="FILE", help="also write the diagram there")
    command.add_argument("--slow", action="store_true", help="also what needs a minute or two")
    add_family(command)
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Play, draw, and return the exit code.

    Raises `ScenarioError` where the folder for ``--svg`` does not exist.
    """
    from netlab.atlas import fsm

    if options.svg and not options.svg.absolute().parent.is_dir():
        raise ScenarioError(f"--svg: there is no folder {options.svg.absolute().parent}")
    began = time.monotonic()
    runs = _play(options)
    seen = fsm.seen(runs)
    arrows = drawn(seen)
    if options.json:
        _print_json(seen, arrows, runs[0].kernel)
    else:
        _print(arrows, runs, time.monotonic() - began)
    _complain(runs, seen)
    if options.svg:
        _write_svg(options.svg, arrows, runs)
    contradicted = bool(seen.unexplained or seen.unaccounted)
    return max(of_runs(runs), Unmet.exit_code if contradicted else 0)


def drawn(seen: Coverage) -> list[Drawn]:
    """Every arrow, with what the pictures need to know of it."""
    return [
        Drawn(
            arrow.source,
            arrow.target,
            arrow.event,
            arrow.origin,
            names,
            seen.reason(arrow),
            arrow.absent,
        )
        for arrow, names in seen.scenarios.items()
    ]


def _play(options: argparse.Namespace) -> list[Evidence]:
    from netlab.atlas import cells, fsm
    from netlab.model.vocabulary import Family
    from netlab.scenario import catalogue, runner

    scenarios = [
        *catalogue.everything(slow=options.slow),
        *cells.scenarios(),
        *catalogue.everything(fsm.HOME),
    ]
    how = runner.Options(family=Family.IPV6 if options.ipv6 else Family.IPV4)
    runs: dict[int, Evidence] = {}
    with progress(scenario.name for scenario in scenarios) as (finished, meanwhile):
        for number, evidence in runner.play_all(scenarios, how, meanwhile):
            runs[number] = evidence
            finished(evidence)
    return [runs[number] for number in sorted(runs)]


def _write_svg(path: Path, arrows: Sequence[Drawn], runs: Sequence[Evidence]) -> None:
    from netlab.render.fsm_svg import svg

    kernel, family = runs[0].kernel, runs[0].family
    files.write(path, svg(arrows, f"{family}, kernel {kernel}"), "--svg")


def _print_json(seen: Coverage, arrows: Sequence[Drawn], kernel: str) -> None:
    for arrow in arrows:
        print(
            json.dumps(
                {
                    "source": str(arrow.source),
                    "target": str(arrow.target),
                    "event": arrow.event,
                    "origin": arrow.origin,
                    "seen": bool(arrow.scenarios),
                    "scenarios": arrow.scenarios,
                    "reason": arrow.reason,
                    "kernel": kernel,
                }
            )
        )
    for move in seen.unexplained:
        print(
            json.dumps(
                {
                    "source": str(move.source),
                    "target": str(move.after.state),
                    "unexplained": str(move),
                    "kernel": kernel,
                }
            )
        )


def _print(arrows: Sequence[Drawn], runs: Sequence[Evidence], elapsed: float) -> None:
    from netlab.render.fsm import fsm
    from netlab.render.table import closing_line

    style = Style.of(sys.stdout)
    print(fsm(arrows, shutil.get_terminal_size().columns, style))
    found = sum(bool(arrow.scenarios) for arrow in arrows)
    print(f"\n{found} of {len(arrows)} arrows seen; {closing_line(runs, elapsed, style)}")


def _complain(runs: Sequence[Evidence], seen: Coverage) -> None:
    """Print the reasons for an exit code other than 0 on standard error."""
    from netlab.render.failure import failure

    style = Style.of(sys.stderr)
    for run in runs:
        if run.outcome in ("fail", "error"):
            print(f"\n{failure(run, style)}", file=sys.stderr)
    for move in seen.unexplained:
        print(style(f"netlab: no arrow explains {move}", "red"), file=sys.stderr)
    for arrow in seen.unaccounted:
        print(style(f"netlab: {arrow} ({arrow.event}) was not seen", "red"), file=sys.stderr)
