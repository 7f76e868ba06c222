# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``netlab exec`` adds to a command. Run it by hand, also beside other trees of netlab:

    .venv/bin/python scripts/bench_exec.py [TREE...]

``true`` alone, Python that does nothing, and ``netlab exec -- true`` of this tree and of each other
one take turns, so that a busy machine is busy for all of them; first as installed, then where
Python may not keep what it has compiled. Figures are medians, of the clock and of the processor.
Exit code 1: this tree adds more than 0.2 s.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROUNDS = 20
MOST = 0.2  # seconds
HERE = Path(__file__).parents[1]
OURS = "netlab exec -- true"


def spent(command: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[float, float]:
    """The seconds that a command takes, and those of the processor."""
    before, began = _processor(), time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return time.perf_counter() - began, _processor() - before


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(trees: list[Path], environment: Mapping[str, str]) -> float:
    """Print a line for each contender; the seconds that this tree adds to ``true``."""
    run = [sys.executable, "-m", "netlab", "exec", "--", "true"]
    contenders = {
        "true": (["true"], HERE),
        "python -c pass": ([sys.executable, "-c", "pass"], HERE),
        OURS: (run, HERE),
        **{f"the same of {tree}": (run, tree) for tree in trees},
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for turn in range(ROUNDS + 1):
        for name, (command, folder) in contenders.items():
            found = spent(command, folder, environment)
            if turn:  # the first one compiles
                times[name].append(found)
    medians = {name: statistics.median(each for each, _ in found) for name, found in times.items()}
    for name, elapsed in medians.items():
        processor = statistics.median(each for _, each in times[name])
        ratio = elapsed / medians[OURS]
        print(f"  {name:40} {elapsed * 1000:6.0f} ms  {processor * 1000:6.0f} ms of processor"
              f"  {ratio:5.2f} x")  # fmt: skip
    return medians[OURS] - medians["true"]


def main(arguments: list[str]) -> int:
    """Both ways, and the exit code."""
    trees = [Path(each).resolve() for each in arguments]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as kept:
        print(f"as installed (medians of {ROUNDS})")
        added = measured(trees, plain | {"PYTHONPYCACHEPREFIX": kept})
    print(f"compiled each time (medians of {ROUNDS})")
    measured(trees, plain | {"PYTHONDONTWRITEBYTECODE": "1"})
    return int(added > MOST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
