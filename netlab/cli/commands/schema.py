# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab schema``: the JSON Schema of scenario files."""

from __future__ import annotations

import argparse
import json

from netlab.cli.shared.options import Commands

EPILOG = """\
examples:
  netlab schema > schema.json

In VS Code's settings, with the YAML extension:
  "yaml.schemas": {"./schema.json": "scenarios/**/*.yaml"}

exit codes: 0 printed, 2 bad usage
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "schema",
        help="the JSON Schema of scenario files, for editors",
        description="Print the JSON Schema of scenario files, for editors that check and complete.",
        epilog=EPILOG,
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print it."""
    from netlab.scenario.schema import schema

    print(json.dumps(schema(), indent=2))
    return 0
