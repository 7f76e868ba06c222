# SPDX-License-Identifier: GPL-2.0-or-later
"""Options that say where to look: the network namespaces of other processes and containers."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from netlab.model.errors import Forbidden, ScenarioError

if TYPE_CHECKING:
    from netlab.snapshot.places import Location

T = TypeVar("T")

#: Options, what each takes, and its help.
OPTIONS = {
    "netns": ("NS", "namespaces: a name of 'ip netns', a file, the ID of a process"),
    "pid": ("PID", "the namespaces that these processes are in"),
    "container": (
        "NAME",
        "containers, by name or ID: docker, podman, nerdctl, crictl, ctr, runc, crun",
    ),
}


def add(command: argparse._ActionsContainer) -> None:
    """Add ``--netns``, ``--pid``, ``--container`` and ``--all-namespaces``."""
    where = command.add_argument_group("where to look (default: here)")
    for name, (metavar, text) in OPTIONS.items():
        action = where.add_argument(
            f"--{name}",
            metavar=metavar,
            nargs="+",
            action="extend",
            default=[],
            type=_process if name == "pid" else str,
            help=text,
        )
        if name in COMPLETED:
            action.completer = COMPLETED[name]  # type: ignore[attr-defined]  # of argcomplete
    where.add_argument(
        "--all-namespaces",
        action="store_true",
        help="every network namespace of this machine, each as a host of its own",
    )


def chosen(options: argparse.Namespace) -> list[Location]:
    """The places that were asked for; none where nothing was. Raises `ScenarioError` for what is
    not there.
    """
    from netlab.snapshot import places

    named = [name for name in OPTIONS if getattr(options, name)]
    if options.all_namespaces:
        if named:
            raise ScenarioError(
                f"--all-namespaces has them all: leave out --{' and --'.join(named)}, or "
                "--all-namespaces"
            )
        found = places.everywhere()
        if found.hidden:
            from netlab.cli.shared.options import note

            fix = ": run this with sudo" if os.geteuid() else ""
            note(f"processes whose namespaces cannot be seen: {found.hidden:,}{fix}")
        return found.places
    return [
        *(_of_netns(text) for text in options.netns),
        *map(places.of_process, options.pid),
        *map(places.of_container, options.container),
    ]


def each(
    options: argparse.Namespace, look: Callable[[Location], T], otherwise: Sequence[Location]
) -> Iterator[tuple[Location, T]]:
    """What `look` finds at each of the places that were asked for; `otherwise` where none was.

    Of all namespaces, those that have ended meanwhile, or that may not be entered, are named and
    left out; of those that were asked for by name, that is an error.
    """
    for place in chosen(options) or otherwise:
        try:
            found = look(place)
        except (Forbidden, ScenarioError) as error:
            if not options.all_namespaces:
                raise
            from netlab.cli.shared.options import note

            note(f"{place.name} is left out: {error}")
        else:
            yield place, found


def _of_netns(text: str) -> Location:
    from netlab.snapshot import places

    place = places.of_netns(text)
    if Path(text).is_file() and "/" not in text:
        hint = f". {text} is a file here: what diagnose is to read comes before --netns"
        return place._replace(missing=place.missing + hint)
    return place


def _process(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text[-10:]):
        return int(text)
    raise argparse.ArgumentTypeError(
        f"expected the ID of a process; found {text!r}. A container has --container, a name of "
        "'ip netns' --netns"
    )


def _netns_names(**_: object) -> list[str]:
    from netlab.snapshot.places import NAMED

    try:
        return sorted(os.listdir(NAMED))
    except OSError:
        return []


def _container_names(**_: object) -> list[str]:
    from netlab.snapshot import containers

    return sorted(containers.names().values())


COMPLETED = {"netns": _netns_names, "container": _container_names}
