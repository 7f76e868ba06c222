# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab show``: one scenario explained, with its rules and the commands to do it by hand."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from netlab.cli.shared.allowing import add_allow_programs, announce
from netlab.cli.shared.exit_codes import of_runs
from netlab.cli.shared.explanation import explanation
from netlab.cli.shared.options import Commands, add_family, add_names, note, print_ladder
from netlab.cli.shared.progress import progress
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.model.vocabulary import Family
    from netlab.scenario.model import Scenario

EPILOG = """\
examples:
  netlab show synack-dropped
  netlab show --ipv6 fin-dropped
  netlab show --ladder fin-dropped    plays it, and draws what crossed the wire

exit codes: 0 explained, 2 bad usage or a bad scenario; with --ladder those of netlab run
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "show",
        help="explain one scenario",
        description="Explain a scenario: its story, its steps, its rules, and the commands "
        "to type on two machines to do it by hand.",
        epilog=EPILOG,
    )
    add_names(command, None, "a scenario's name, or a .yaml file")
    add_family(command)
    command.add_argument(
        "--ladder", action="store_true", help="play it, and draw what crossed the wire"
    )
    add_allow_programs(command)
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print it."""
    from netlab.model.vocabulary import Family
    from netlab.scenario import catalogue

    scenario = catalogue.one(options.names, note)
    if options.ladder:
        announce([scenario], options)
    family = Family.IPV6 if options.ipv6 else scenario.family or Family.IPV4
    print("\n".join(explanation(scenario, family, Style.of(sys.stdout))), flush=True)
    return _played(scenario, family) if options.ladder else 0


def _played(scenario: Scenario, family: Family) -> int:
    """Draw what this kernel does, and return the exit code of a run."""
    from netlab.render.failure import failure
    from netlab.scenario import runner

    how = runner.Options(family, record=True)
    with progress([scenario.name]) as (_, meanwhile):
        (_, run), *_ = runner.play_all([scenario], how, meanwhile)
    print()
    if run.recording is not None:
        print_ladder(run)
    if run.outcome == "skip":
        print(f"not played: {run.reason}")
    elif run.outcome != "pass":
        print(failure(run, Style.of(sys.stdout)))
    return of_runs([run])
