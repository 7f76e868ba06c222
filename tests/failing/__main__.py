# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m tests.failing``: every failure of every command, or some; a table at the end."""

from __future__ import annotations

import argparse
import contextlib
import queue
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.failing.calls import KINDS, Failure, failures
from tests.failing.commands import COMMANDS
from tests.failing.judge import Place, Verdict, given, places

#: The column of what made Python itself crash.
CRASHED = "crashed"


def main() -> int:
    """Let them fail, and return 1 if something was wrong."""
    parser = argparse.ArgumentParser(prog="scripts/failing", description=__doc__)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=[*COMMANDS])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS])
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
        "--each", type=int, default=1, metavar="N", help="each N-th of all these failures (1)"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="at a time (2)")
    options = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    with (
        tempfile.TemporaryDirectory(prefix="netlab-given-") as folder,
        places(given(Path(folder)), options.jobs) as free,
        contextlib.suppress(KeyboardInterrupt),  # the table of what befell so far
    ):
        for name in options.commands:
            wrong += one(name, options, free, counts)
    print(table(counts))
    print(f"{sum(counts.values())} failures, {len(wrong)} wrong")
    return 1 if wrong else 0


def one(
    name: str, options: argparse.Namespace, free: list[Place], counts: Counter[tuple[str, str]]
) -> list[str]:
    """All failures of one command; returns what was wrong."""
    try:
        command, made = free[0].watch(COMMANDS[name])
    except (AssertionError, subprocess.TimeoutExpired) as error:
        print(f"{name}: it fails by itself: {error}", flush=True)
        return [name]
    found = [*failures(made, options.kinds, options.imports, options.alike)][:: options.each]
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

    wrong = []
    with ThreadPoolExecutor(len(free)) as pool:
        for failure, verdict in zip(found, pool.map(fail, found), strict=True):
            if verdict.befell:
                crashed = verdict.code == -signal.SIGSEGV
                counts[name, CRASHED if crashed else failure.kind] += 1
            if verdict.befell and verdict.wrong:
                wrong.append(told(name, failure, verdict))
                print(wrong[-1], flush=True)
    befell = sum(counts[name, kind] for kind in (*KINDS, CRASHED))
    print(f"{name}: {befell} befell it, {len(wrong)} wrong", file=sys.stderr, flush=True)
    return wrong


def told(name: str, failure: Failure, verdict: Verdict) -> str:
    """What was wrong, and how to see it again."""
    last = verdict.said.strip().splitlines()[-1:] or [""]
    return (
        f"{name}: {failure.call} {failure.error} when={failure.number} ({failure.seen[:90]})\n"
        f"    {'; '.join(verdict.wrong)} [{verdict.code}] {last[0][:200]}"
    )


def table(counts: Counter[tuple[str, str]]) -> str:
    """How many failures of each kind befell each command."""
    kinds = [kind for kind in (*KINDS, CRASHED) if any(each == kind for _, each in counts)]
    names = list(dict.fromkeys(name for name, _ in counts))
    rows = [["", *kinds, "all"]]
    for name in names:
        row = [counts[name, kind] for kind in kinds]
        rows.append([name, *map(str, row), str(sum(row))])
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
