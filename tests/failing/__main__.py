# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m tests.failing``: every failure of every command, or some; a table at the end."""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tabulate import tabulate

from tests.failing.calls import KINDS, Failure, failures
from tests.failing.commands import COMMANDS
from tests.failing.judge import Place, Verdict, given, places

#: The columns of what made Python itself crash, and of commands that fail without any failure.
CRASHED, ITSELF = OTHERS = ("crashed", "by itself")


@dataclass(slots=True)
class Tally:
    """How many calls were to fail, how many of them did, and after how many something was wrong."""

    played: int = 0
    befell: int = 0
    wrong: int = 0

    def __str__(self) -> str:
        return f"{self.befell}/{self.played}" + (f" {self.wrong}!" if self.wrong else "")


#: By command and kind.
Tallies: TypeAlias = dict[tuple[str, str], Tally]


def main() -> int:
    """Let them fail, and return 1 if something was wrong."""
    parser = argparse.ArgumentParser(prog="scripts/failing", description=__doc__)
    parser.add_argument(
        "commands", nargs="*", type=_one_of(COMMANDS), metavar="COMMAND", help=", ".join(COMMANDS)
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        type=_one_of(KINDS),
        default=[*KINDS],
        metavar="KIND",
        help=", ".join(KINDS),
    )
    parser.add_argument(
        "--imports",
        type=int,
        default=50,
        metavar="N",
        help="each N-th call of an import (50; 1: all; 0: none)",
    )
    parser.add_argument(
        "--alike", type=int, default=3, metavar="N", help="the first N of calls that are alike (3)"
    )
    parser.add_argument(
        "--most",
        type=int,
        default=0,
        metavar="N",
        help="of each kind, N failures of each command, evenly from the first to the last (0: all)",
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="at a time (2)")
    options = parser.parse_args()
    tallies: Tallies = {}
    with (
        tempfile.TemporaryDirectory(prefix="netlab-given-") as folder,
        places(given(Path(folder)), options.jobs) as free,
        contextlib.suppress(KeyboardInterrupt),  # the table of what befell so far
    ):
        for name in options.commands or COMMANDS:
            one(name, options, free, tallies)
    print(table(tallies))
    everything = total(tallies.values())
    print(f"{everything}: befallen of those played, ! of them wrong; {os.uname().release}")
    return 1 if everything.wrong else 0


def _one_of(known: Iterable[str]) -> Callable[[str], str]:
    def name(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"expected one of {', '.join(known)}; found {text!r}")
        return text

    return name


def one(name: str, options: argparse.Namespace, free: list[Place], tallies: Tallies) -> None:
    """All failures of one command; what was wrong is printed at once."""
    try:
        command, made = free[0].watch(COMMANDS[name])
    except (AssertionError, subprocess.TimeoutExpired) as error:
        print(f"{name}: it fails by itself: {error}", flush=True)
        tallies[name, ITSELF] = Tally(1, 1, 1)
        return
    found = [*failures(made, options.kinds, options.imports, options.alike, options.most)]
    print(f"{name}: {len(found)} failures", file=sys.stderr, flush=True)
    idle: queue.SimpleQueue[Place] = queue.SimpleQueue()
    for place in free:
        idle.put(place)

    def fail(failure: Failure) -> Verdict:
        place = idle.get()
        try:
            return place.fail(command, failure)
        finally:
            idle.put(place)

    with ThreadPoolExecutor(len(free)) as pool:
        for failure, verdict in zip(found, pool.map(fail, found), strict=True):
            crashed = verdict.befell and verdict.code == -signal.SIGSEGV
            tally = tallies.setdefault((name, CRASHED if crashed else failure.kind), Tally())
            tally.played += 1
            tally.befell += verdict.befell
            if verdict.befell and verdict.wrong:
                tally.wrong += 1
                print(told(name, failure, verdict), flush=True)
    every = total(tally for (whose, _), tally in tallies.items() if whose == name)
    print(f"{name}: {every}", file=sys.stderr, flush=True)


def told(name: str, failure: Failure, verdict: Verdict) -> str:
    """What was wrong, and how to see it again."""
    last = verdict.said.strip().splitlines()[-1:] or [""]
    return (
        f"{name}: {failure.call} {failure.error} when={failure.number} ({failure.seen[:90]})\n"
        f"    {'; '.join(verdict.wrong)} [{verdict.code}] {last[0][:200]}"
    )


def total(tallies: Iterable[Tally]) -> Tally:
    """Their sum."""
    every = Tally()
    for tally in tallies:
        every.played += tally.played
        every.befell += tally.befell
        every.wrong += tally.wrong
    return every


def table(tallies: Tallies) -> str:
    """What was played of each kind with each command, what befell it, and what was wrong."""
    kinds = [kind for kind in (*KINDS, *OTHERS) if any(each == kind for _, each in tallies)]
    names = list(dict.fromkeys(name for name, _ in tallies))

    def row(heading: str, of: Sequence[str]) -> list[str]:
        cells = [
            total(tally for (name, each), tally in tallies.items() if name in of and each in which)
            for which in (*([kind] for kind in kinds), kinds)
        ]
        return [heading, *(str(cell) if cell.played else "" for cell in cells)]

    rows = [["", *kinds, "all"], *(row(name, [name]) for name in names), row("all", names)]
    return tabulate(rows, headers="firstrow", tablefmt="github", disable_numparse=True)


if __name__ == "__main__":
    sys.exit(main())
