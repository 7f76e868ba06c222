# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab list``: the catalogue, each scenario with its pair and its source."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netlab.cli.shared.options import Commands, add_names, add_wide, note, room
from netlab.render.fitting import Columns, Giving, width_of
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.scenario.model import Scenario

#: What gives way on a narrow terminal, in order.
GIVING: tuple[Giving, ...] = (
    (("source",), 12),
    (("source",), 0),
    (("scenario",), 24),
    (("client", "server"), 9),
    (("scenario",), 16),
    (("client", "server"), 0),
    (("scenario",), 8),
)

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
        description="List scenarios with the pair each proves and the source of its case.",
        epilog=EPILOG,
    )
    add_names(command, "*", "a name, a pattern, a folder or a .yaml file (default: all)")
    command.add_argument("--slow", action="store_true", help="also those that need a minute or two")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    add_wide(command)
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print the list."""
    from netlab.model.vocabulary import Side
    from netlab.scenario import catalogue

    scenarios = catalogue.choose(options.names, options.slow, note)
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
    print("\n".join(_table(scenarios, Style.of(sys.stdout), room(options.wide))))
    number = "1 scenario" if len(scenarios) == 1 else f"{len(scenarios)} scenarios"
    print(f"\n{number}. 'netlab show NAME' explains one, 'netlab run NAME' plays it.")
    return 0


def _table(scenarios: Sequence[Scenario], style: Style, columns: int | None) -> Iterator[str]:
    from netlab.model.vocabulary import Side

    rows = [
        (
            f"{scenario.name} (slow)" if scenario.slow else scenario.name,
            *(scenario.expect.claim.written(side) for side in Side),
            scenario.source,
        )
        for scenario in scenarios
    ]
    natural = {
        heading: max(width_of(row[place]) for row in rows)
        for place, heading in enumerate(("scenario", "client", "server", "source"))
    }
    table = Columns.of(natural, GIVING, style, columns)
    yield from table.head()
    for name, client, server, source in rows:
        yield table.row([(name,), (client,), (server,), (source, "dim")])
