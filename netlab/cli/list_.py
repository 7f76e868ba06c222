# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab list``: the catalogue, each scenario with its pair and its source."""

from __future__ import annotations

import argparse
import json
import sys

from netlab.cli.common import Commands, add_names
from netlab.render.style import Style

EPILOG = """\
examples:
  netlab list              what 'netlab run' plays
  netlab list --slow       and what 'netlab run --slow' plays
  netlab list 'fin-*'      some of them
  netlab list --json       one object a line

exit codes: 0 listed, 2 bad usage or a bad scenario
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "list",
        help="the scenarios, their pairs and sources",
        description="List scenarios with the pair each proves and where its case is told.",
        epilog=EPILOG,
    )
    add_names(command, "*", "a name, a pattern, a folder or a .yaml file (default: all)")
    command.add_argument("--slow", action="store_true", help="also those that need a minute or two")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print the list."""
    from tabulate import tabulate

    from netlab.scenario import catalogue
    from netlab.testbed.words import Side

    scenarios = catalogue.choose(options.names, options.slow)
    if options.json:
        for scenario in scenarios:
            row = {
                "scenario": scenario.name,
                "pair": {str(side): scenario.expect.claim.written(side) for side in Side},
                "source": scenario.source,
                "differs": scenario.differs,
                "slow": scenario.slow,
                "path": str(scenario.path),
            }
            print(json.dumps(row, ensure_ascii=False))
        return 0
    style = Style.of(sys.stdout)
    rows = [
        (
            scenario.name + (style(" (slow)", "dim") if scenario.slow else ""),
            scenario.expect.claim.written(Side.CLIENT),
            scenario.expect.claim.written(Side.SERVER),
            style(_shortened(scenario.source), "dim"),
        )
        for scenario in scenarios
    ]
    print(tabulate(rows, ("scenario", "client", "server", "source"), disable_numparse=True))
    print(f"\n{len(rows)} scenarios. 'netlab show NAME' explains one, 'netlab run NAME' plays it.")
    return 0


def _shortened(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 3].rstrip() + "..."
