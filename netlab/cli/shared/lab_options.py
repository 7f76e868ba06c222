# SPDX-License-Identifier: GPL-2.0-or-later
"""The options with which `exec` and `warp` say what lab a command is run in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from netlab.cli.shared.options import add_family
from netlab.model.errors import ScenarioError


def add_lab(lab: argparse._ActionsContainer) -> None:
    """Add steps, servers and the family."""
    lab.add_argument(
        "--step", action="append", default=[], metavar="STEP",
        help="do this step of a scenario first, such as 'drop: {segment: FIN, to: client}'; "
        "may be repeated",
    )  # fmt: skip
    lab.add_argument(
        "--serve", action="append", default=[], metavar="COMMAND",
        help="start this on the server's host first, as the same user; may be repeated, each with "
        "its --ready",
    )  # fmt: skip
    lab.add_argument(
        "--ready", action="append", default=[], metavar="PORT",
        help="when it listens there, or has written that, go on",
    )  # fmt: skip
    add_family(lab)


def servers(options: argparse.Namespace) -> Sequence[tuple[str, str]]:
    """Command lines, and what shows that each is ready. Raises `ScenarioError` where not each of
    them has both.
    """
    if len(options.serve) != len(options.ready):
        raise ScenarioError("--serve and --ready go together: --serve 'nginx ...' --ready 80")
    return [*zip(options.serve, options.ready, strict=True)]
