# SPDX-License-Identifier: GPL-2.0-or-later
"""What the commands that play share for a CI: ``--ktap`` and ``--junit``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.model import files
from netlab.model.errors import NetlabError

if TYPE_CHECKING:
    from netlab.render.junit import JunitSuite
    from netlab.render.verdicts import Verdict


def add_verdicts(
    command: argparse._ActionsContainer, json: str
) -> argparse._MutuallyExclusiveGroup:
    """Add ``--json``, with `json` as its help, ``--ktap`` and ``--junit``; return the group of
    those that are the form of standard output.
    """
    lines = command.add_mutually_exclusive_group()
    lines.add_argument("--json", action="store_true", help=json)
    lines.add_argument(
        "--ktap", action="store_true", help="as the kernel's own tests print theirs (KTAP)"
    )
    command.add_argument(
        "--junit", type=Path, metavar="FILE", help="also write it as XML for a CI (JUnit)"
    )
    return lines


def origin(text: str) -> str:
    """An option that is the name of a CI system in KCIDB. Raises `ArgumentTypeError`."""
    from netlab.render.kcidb import ORIGIN

    if not ORIGIN.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"expected the name of a CI system, of a-z, 0-9 and _; found {text!r}"
        )
    return text


def prepare_junit(options: argparse.Namespace) -> None:
    """See that the file can be written, before anything is played. Raises as `files.write`."""
    if options.junit:
        files.prepare(options.junit.parent, "--junit")


def write_junit(
    options: argparse.Namespace, suites: Sequence[JunitSuite], began: datetime
) -> list[NetlabError]:
    """Write the file where it is asked for; return what went wrong."""
    from netlab.render.junit import junit

    try:
        if options.junit:
            files.write(options.junit, junit(suites, began), "--junit")
    except NetlabError as error:  # what was played is printed all the same
        return [error]
    return []


def stopped(left: int, number: int) -> list[Verdict]:
    """What a CI is told of tests that were not played to the end: they have not passed."""
    from netlab.render.verdicts import WHOLE, Verdict

    why = f"stopped: {left} of {number} had not ended"
    return [Verdict("run", WHOLE, "error", why)] if left else []
