# SPDX-License-Identifier: GPL-2.0-or-later
"""What the commands that play on kernels share: options for what is played, on which kernels and
in which guests, and the plan made from them.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli.shared.allowing import add_allow_programs, announce
from netlab.cli.shared.options import add_family, add_sysctl, note, positive, seconds
from netlab.model.errors import ScenarioError

if TYPE_CHECKING:
    from netlab.kernels.matrix import Plan
    from netlab.kernels.suite import Job

MEMORY = 512  # MB; all kernels so far need less
LIMIT = 900.0  # seconds
SURE = 0.8  # how much alike what was typed and a row's name are, where it may be a path

RUNS_ALREADY = "--append is for a kernel that is booted, and host is the one that runs already"

SPECS = """\
a SPEC is one of
  debian:bookworm                 the newest kernel of a suite; fetched, checked and kept
  debian:trixie-backports=6.16    its newest that begins with 6.16
  ubuntu:noble
  FILE.deb, FILE.rpm              a package, or several, joined with +
  ./vmlinuz[:MODULES], ./folder   a kernel that you have built, or an unpacked package
  host                            the kernel that runs here, without a virtual machine
"""


def add_what(command: argparse.ArgumentParser) -> None:
    """Add the options for what is played."""
    what = command.add_argument_group("what is played")
    what.add_argument(
        "--warp",
        action="store_true",
        help="also every TCP time-out to its end, in virtual time: hours in seconds",
    )
    what.add_argument(
        "--timers",
        action="store_true",
        help="the time-outs as with --warp, and only those scenarios that are named",
    )
    what.add_argument("--slow", action="store_true", help="also scenarios that need minutes")
    what.add_argument(
        "--table",
        action="store_true",
        help="also the conformance table, where scenarios are named (else it is played anyway)",
    )
    what.add_argument("--atlas", action="store_true", help="also every pair of states")
    what.add_argument(
        "--hold", type=seconds, metavar="S", default=0.0, help="hold each pair at least that long"
    )
    add_family(what)
    add_sysctl(what)
    add_allow_programs(what)


def add_archives(kernels: argparse._ArgumentGroup) -> None:
    """Add the options for where kernels come from."""
    kernels.add_argument(
        "--mirror",
        action="append",
        type=_mirror,
        metavar="ARCHIVE=URL",
        default=[],
        help="where an archive is (debian, debian-security, ubuntu), if not where apt looks here",
    )
    kernels.add_argument(
        "--keyring",
        action="append",
        type=Path,
        metavar="FILE",
        default=[],
        help="the archive's keys, if this machine does not have them",
    )
    kernels.add_argument("--refresh", action="store_true", help="look for newer kernels now")


def add_guests(command: argparse.ArgumentParser) -> None:
    """Add the options for how guests are run."""
    guests = command.add_argument_group("guests")
    guests.add_argument(
        "--jobs",
        type=positive,
        metavar="N",
        help="guests at a time (default: as cores and memory allow)",
    )
    guests.add_argument(
        "--clock",
        choices=("virtual", "real"),
        help="virtual jumps while nothing happens (default without KVM, and for time-outs)",
    )
    guests.add_argument(
        "--memory", type=positive, metavar="MB", default=MEMORY, help=f"memory of each ({MEMORY})"
    )
    guests.add_argument(
        "--append",
        metavar="OPTIONS",
        default="",
        help="more for the kernel's command line, such as 'tcp_debug=1 quiet'",
    )
    guests.add_argument(
        "--limit",
        type=seconds,
        metavar="S",
        default=LIMIT,
        help=f"time limit for each ({LIMIT:g} s)",
    )


def add_name(results: argparse._ActionsContainer) -> None:
    """Add ``--name``."""
    results.add_argument(
        "--name",
        type=_name,
        metavar="NAME",
        help="what the run is called, for netlab compare (default: its release and build)",
    )


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w.+-]+", text):
        raise argparse.ArgumentTypeError(
            f"expected letters, digits, and any of . _ + -; found {text!r}"
        )
    return text


def _mirror(text: str) -> tuple[str, str]:
    archive, equals, url = text.partition("=")
    if not (archive and equals and url):
        raise argparse.ArgumentTypeError(f"expected ARCHIVE=URL such as ubuntu=URL; found {text!r}")
    return archive, url


def job(options: argparse.Namespace) -> Job:
    """Return what is to be played. Raises `ScenarioError` for missing or wrong scenarios."""
    from netlab.kernels.suite import Job
    from netlab.scenario import catalogue
    from netlab.scenario.document import Document
    from netlab.timers import measure

    named = rows_among(options.names)
    names = [name for name in options.names if name not in named]
    plays = bool(names) or not (named or options.timers)
    slow = options.slow or options.warp
    try:
        chosen = catalogue.choose(names, slow, note) if plays else []
    except ScenarioError as error:
        if meant := next((name for name in names if name in str(error)), ""):
            _refuse_a_row(meant)
        raise
    announce(chosen, options)
    mine = [each for each in chosen if not catalogue.is_built_in(each)]
    return Job(
        plays=plays,
        names=tuple(each.name for each in chosen if catalogue.is_built_in(each)) if names else (),
        own=tuple(
            (str(path), Document.open(path).text) for path in dict.fromkeys(s.path for s in mine)
        ),
        mine=tuple(each.name for each in mine),
        slow=slow,
        atlas=options.atlas,
        table=options.table or bool(named) or not (names or options.timers),
        row_names=() if options.table else tuple(row for rows in named.values() for row in rows),
        timers=measure.NAMES if options.warp or options.timers else (),
        ipv6=options.ipv6,
        hold=options.hold,
        sysctls=dict(options.sysctl),
    )


def rows_among(names: Sequence[str]) -> dict[str, list[str]]:
    """Which of these names are of rows of the conformance table, which have a stroke, as paths do:
    ``rst-exact/ESTABLISHED``, ``rst-*/*``. By name, the rows that it fits.
    """
    from netlab.conformance import rows

    found = {
        name: [row.name for row in rows.rows() if fnmatchcase(row.name, name)]
        for name in names
        if "/" in name and not os.path.lexists(name)
    }
    return {name: fitting for name, fitting in found.items() if fitting}


def _refuse_a_row(name: str) -> None:
    """Raises `ScenarioError` for what is no scenario, and comes close to a row or is its event."""
    from netlab.conformance import rows

    if any(fnmatchcase(row.event, name) for row in rows.rows()):
        raise ScenarioError(
            f"no scenario is called {name!r}; rows of the conformance table go by event and "
            f"state: '{name}/*'"
        )
    known = [row.name for row in rows.rows()]
    if meant := difflib.get_close_matches(name, known, n=1, cutoff=SURE):
        raise ScenarioError(f"no row and no file is called {name!r}. Did you mean {meant[0]}?")


def plan(options: argparse.Namespace, what: Job) -> Plan:
    """Return how it is to be played."""
    from netlab.kernels.matrix import Plan
    from netlab.kernels.vm.qemu import Guest

    return Plan(
        job=what,
        guest=Guest(memory=options.memory, limit=options.limit, options=options.append),
        clock=options.clock or ("virtual" if what.timers else None),
        jobs=options.jobs,
        mirrors=dict(options.mirror),
        keyrings=tuple(options.keyring),
        refresh=options.refresh,
        name=options.name or "",
    )
