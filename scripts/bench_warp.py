# SPDX-License-Identifier: GPL-2.0-or-later
"""What an hour of sleep costs in a guest. Run it by hand:

    .venv/bin/python scripts/bench_warp.py [SPEC...]

``netlab warp -- sleep 3600`` is run five times on each kernel, in turns. Figures are medians, of
the clock and of the processor, with the boot. Exit code 1: on one of them it takes more than 5 s.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

ROUNDS = 5
MOST = 5.0  # seconds
KERNELS = ("debian:bullseye", "debian:trixie", "debian:trixie-backports")
COMMAND = (sys.executable, "-m", "netlab", "warp", "--quiet", "--kernel")


def spent(spec: str) -> tuple[float, float]:
    """The seconds that an hour takes on that kernel, and those of the processor."""
    before, began = _processor(), time.perf_counter()
    subprocess.run([*COMMAND, spec, "--", "sleep", "3600"], check=True)
    return time.perf_counter() - began, _processor() - before


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(specs: list[str]) -> int:
    """Print a line for each kernel; 1 where one takes too long."""
    times: dict[str, list[tuple[float, float]]] = {spec: [] for spec in specs}
    for turn in range(ROUNDS + 1):
        for spec in specs:
            found = spent(spec)
            if turn:  # the first one may have a kernel to fetch
                times[spec].append(found)
    slowest = 0.0
    for spec, each in times.items():
        elapsed, processor = map(statistics.median, zip(*each, strict=True))
        slowest = max(slowest, elapsed)
        print(f"{spec:<24}  {elapsed:5.2f} s  {processor:5.2f} s of the processor")
    return int(slowest > MOST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [*KERNELS]))
