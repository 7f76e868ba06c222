# SPDX-License-Identifier: GPL-2.0-or-later
"""Says which programs a stranger's scenarios start, before they do, and asks."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netlab.cli.shared.options import note
from netlab.model.text import printable

if TYPE_CHECKING:
    from netlab.scenario.model import Scenario


def add_allow_programs(command: argparse._ActionsContainer) -> None:
    """Add ``--allow-programs``."""
    command.add_argument(
        "--allow-programs",
        action="store_true",
        help="let files that did not come with netlab start programs, confined to their labs",
    )


def announce(scenarios: Sequence[Scenario], options: argparse.Namespace) -> None:
    """Say what is going to run that did not come with netlab, and ask where a terminal is.

    Raises `ScenarioError` where nobody allows it.
    """
    from netlab.scenario import programs

    started = programs.by_strangers(scenarios)
    for each in started:
        note(printable(str(each)))
    if started and not (options.allow_programs or _agreed()):
        raise started[0].refusal


def _agreed() -> bool:
    streams = (sys.stdin, sys.stderr)
    if not all(stream is not None and stream.isatty() for stream in streams):
        return False
    print("Start what did not come with netlab? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
