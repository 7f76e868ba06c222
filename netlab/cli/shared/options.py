# SPDX-License-Identifier: GPL-2.0-or-later
"""What several commands share: option types, and names that the shell can complete."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import TYPE_CHECKING, Any

from netlab.linux import sysctl
from netlab.model import units
from netlab.model.text import printable
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.model.evidence import Evidence

LADDER_WIDTH = 120  # columns; wider lines are harder to follow

Commands = Any  # argparse does not export the type of a subparsers action


def seconds(text: str) -> float:
    """An option that is a duration, in seconds: ``2``, ``1.5s``, ``2min``, ``1h``.

    Raises `ArgumentTypeError` for anything else.
    """
    try:
        return units.duration(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a duration such as {units.SOME}; found {text!r}"
        ) from None


def positive(text: str) -> int:
    """An option that is a count. Raises `ArgumentTypeError` below 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on; found {text!r}")
    return int(text)


def setting(text: str) -> tuple[str, str]:
    """An option that sets a sysctl: ``net.ipv4.tcp_syn_retries=2``, or without ``net.ipv4.``

    Raises `ArgumentTypeError` where the name or the value is missing, and for a setting of the
    whole machine.
    """
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(
            f"expected NAME=VALUE such as tcp_syn_retries=2; found {text!r}"
        )
    refusal = sysctl.refusal(name.strip())
    if refusal:
        raise argparse.ArgumentTypeError(refusal)
    return name.strip(), value.strip()


def add_sysctl(command: argparse._ActionsContainer) -> None:
    """Add ``--sysctl``, which may be given several times."""
    command.add_argument(
        "--sysctl",
        action="append",
        type=setting,
        metavar="NAME=VALUE",
        default=[],
        help="set this at both hosts of every lab first (tcp_syn_retries=2)",
    )


def add_names(command: argparse.ArgumentParser, nargs: str | None, help: str) -> None:
    """Add the names of scenarios, which a shell can complete."""
    action = command.add_argument("names", metavar="NAME", nargs=nargs, help=help)
    action.completer = _names  # type: ignore[attr-defined]  # argcomplete looks for it


def note(text: str) -> None:
    """Print a remark on standard error, about output that a person may not expect."""
    print(noted(text), file=sys.stderr)


def noted(text: str) -> str:
    """A remark as `note` prints it."""
    return f"{Style.of(sys.stderr)('netlab:', 'dim')} {printable(text)}"


def say_what_was_left() -> None:
    """Remove what a netlab left that was killed together with its guardian, and say so."""
    from netlab.linux import tracefs

    for name in tracefs.removed_orphans():
        note(f"removed what a killed netlab left: the instance {name} of tracefs")


def add_family(command: argparse._ActionsContainer) -> None:
    """Add ``--ipv6``."""
    command.add_argument("--ipv6", action="store_true", help="over IPv6 instead of IPv4")


def room(wide: bool = False) -> int | None:
    """The columns that a table on standard output may take; None: any number (``--wide``, a pipe,
    a file).
    """
    if wide or sys.stdout is None or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


def add_wide(command: argparse._ActionsContainer) -> None:
    """Add ``--wide``."""
    command.add_argument(
        "--wide", action="store_true", help="every column whole, however narrow the terminal is"
    )


def ladder_text(run: Evidence) -> str:
    """What crossed the wire in a run that was recorded, as a drawing for standard output."""
    from netlab.render.ladder import ladder

    width = max(80, min(shutil.get_terminal_size().columns, LADDER_WIDTH))
    return ladder(run, width, Style.of(sys.stdout))


def print_ladder(run: Evidence) -> None:
    """Draw what crossed the wire in a run that was recorded."""
    print(ladder_text(run))


def _names(**_: object) -> list[str]:
    from netlab.scenario import catalogue

    return catalogue.names()
