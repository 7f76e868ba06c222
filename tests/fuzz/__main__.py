# SPDX-License-Identifier: GPL-2.0-or-later
"""Breaks thousands of files and reads them: `scripts/fuzz`, by hand."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .kinds import KINDS
from .trial import Trial, trials


def main() -> int:
    """Print a line for each kind and one for each fault; return 1 if there was a fault."""
    command = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    command.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}")
    command.add_argument("--seed", type=int, default=0, help="other files than before (0)")
    command.add_argument("--share", type=float, default=1.0, help="of a whole run of 32,000 (1)")
    command.add_argument(
        "--keep", type=Path, metavar="FOLDER", default=Path("fuzz-faults"),
        help="where files that show a fault are kept (fuzz-faults)",
    )  # fmt: skip
    options = command.parse_args()
    if unknown := {*options.kinds} - {*KINDS}:
        command.error(f"no kind is called {' or '.join(sorted(unknown))}")
    print(f"{'kind':<10} {'files':>6} {'read':>6} {'refused':>8} {'faults':>7}  worst CPU  memory")
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in options.kinds or KINDS:
            number, kind = KINDS[name]
            begin = options.seed * 1_000_000
            seen = []
            for trial in trials(
                kind, range(begin, begin + round(number * options.share)), Path(folder)
            ):
                seen.append(trial)
                if trial.fault:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    path = options.keep / f"{name}-{trial.number}{kind.suffix}"
                    path.write_bytes(kind.broken(trial.number))  # the same as it was
                    print(f"FAULT {path}: {trial.fault}", flush=True)
            faults += sum(bool(trial.fault) for trial in seen)
            print(_row(name, seen), flush=True)
    return 1 if faults else 0


def _row(name: str, seen: list[Trial]) -> str:
    read, faults = (sum(map(bool, which)) for which in
                    ((t.read and not t.fault for t in seen), (t.fault for t in seen)))  # fmt: skip
    seconds = max((trial.seconds for trial in seen), default=0.0)
    memory = max((trial.memory for trial in seen), default=0) >> 20
    refused = len(seen) - read - faults
    counts = f"{name:<10} {len(seen):>6} {read:>6} {refused:>8} {faults:>7}"
    return f"{counts}  {seconds:>7.2f} s  {memory} MB"


if __name__ == "__main__":
    sys.exit(main())
