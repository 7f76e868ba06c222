# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the cells of an audit are the same again, by the commands that they name:
``.venv/bin/python scripts/audit_again.py [--seed 1] [--number 20] [-- AUDIT ...]``, some minutes.

AUDIT is what ``netlab audit`` is given, by default curl: ``--talks http -- curl -sS http://...``.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

NETLAB = (sys.executable, "-m", "netlab")
CURL = ("--talks", "http", "--", "curl", "-sS", "http://{server}:{port}/")
AT_ONCE = 4
CAP = 40.0  # seconds, of an audit that is not told another


def audited(words: list[str]) -> tuple[list[dict[str, Any]], float]:
    """The cells of an audit, as JSON has them, and the seconds that it took."""
    began = time.monotonic()
    done = subprocess.run([*NETLAB, *words], capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stderr)
    return [*map(json.loads, done.stdout.splitlines())], time.monotonic() - began


def again(cell: dict[str, Any]) -> str:
    """The verdict on a cell that is played by the command that it names."""
    _, *words = shlex.split(cell["command"])
    (found,), _ = audited([words[0], "--json", *words[1:]])
    verdict: str = found["verdict"]
    return verdict


def main() -> None:
    """Audit, pick some cells by the seed, play them again, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, default=20)
    parser.add_argument("audit", nargs="*", default=CURL)
    options = parser.parse_args()
    cells, seconds = audited(["audit", "--json", *map(str, options.audit)])
    print(f"{len(cells)} cells in {seconds:.1f} s: {seconds / CAP:.2f} of the usual cap")
    picked = random.Random(options.seed).sample(cells, min(options.number, len(cells)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        verdicts = [*pool.map(again, picked)]
    for cell, verdict in zip(picked, verdicts, strict=True):
        same = "same" if verdict == cell["verdict"] else f"now {verdict}"
        print(f"{cell['fault']:22} {cell['verdict']:12} {same}")
    right = sum(verdict == cell["verdict"] for cell, verdict in zip(picked, verdicts, strict=True))
    print(f"{right} of {len(picked)} are the same again")
    sys.exit(right != len(picked))


if __name__ == "__main__":
    main()
