# SPDX-License-Identifier: GPL-2.0-or-later
"""What several commands share: option types, and names that the shell can complete."""

from __future__ import annotations

import argparse
from typing import Any

from netlab.scenario import kinds

Commands = Any  # argparse keeps the type of a subparsers action to itself


def seconds(text: str) -> float:
    """An option that is a duration: ``2``, ``1.5s``, ``300ms``."""
    try:
        return kinds.duration(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a duration such as 2, 1.5s or 300ms; found {text!r}"
        ) from None


def positive(text: str) -> int:
    """An option that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on; found {text!r}")
    return int(text)


def add_names(command: argparse.ArgumentParser, nargs: str | None, help: str) -> None:
    """The scenarios that a command is about."""
    action = command.add_argument("names", metavar="NAME", nargs=nargs, help=help)
    action.completer = _names  # type: ignore[attr-defined]  # argcomplete looks for it


def add_family(command: argparse.ArgumentParser) -> None:
    """``--ipv6``."""
    command.add_argument("--ipv6", action="store_true", help="over IPv6 instead of IPv4")


def _names(**_: object) -> list[str]:
    from netlab.scenario import catalogue

    return [scenario.name for scenario in catalogue.everything()]
