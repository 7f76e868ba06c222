# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether what `netlab search` finds is found again: each planted bug is searched for, shrunk, and
written as a scenario, which is played over and over. By hand, for an hour:

    .venv/bin/python scripts/search_again.py [--times N] [BUG...]

A row for each: the packets that are left, what came of N plays of the file, and of N trials as the
search plays them. Either is played anew where a busy machine has disturbed it. Exit code 1 where a
bug was not found, took more than two packets, or was not met in every play and every trial.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from netlab.scenario import loader, runner  # noqa: E402
from netlab.search import cases  # noqa: E402
from netlab.search.cases import LOST, OVERTAKEN, named  # noqa: E402
from netlab.search.hunt import Hunt  # noqa: E402
from netlab.search.judge import Judged  # noqa: E402
from netlab.search.written import Writer  # noqa: E402
from tests.kernel.test_search import NEED_ONE, NEED_TWO, hunt  # noqa: E402

MOST = 2  # packets
AT_ONCE = 8
#: Of trials, whose programs wait for milliseconds: those of more would be late by each other.
TRIALS_AT_ONCE = os.cpu_count() or 1


def found(searching: Hunt, pairs: bool) -> Judged | None:
    """The first failure of a search that is no chance, with the fewest packets; None where there is
    none.
    """
    singles = cases.singles(searching.healthy.trial.packets, [LOST, OVERTAKEN])
    seen = [*searching.try_all(singles)]
    if searching.failures:
        return searching.shrunk(searching.failures[0])
    left = cases.pairs([(each.case, each.trial.packets) for each in seen], []) if pairs else []
    while left:
        failed = next((each for each in searching.try_all(left) if each.verdict.is_failure), None)
        if failed is None:
            return None
        fewest = searching.shrunk(failed)
        if fewest.verdict.is_failure and fewest.seen[0] == fewest.seen[1]:
            return fewest
        print(f"by chance: {named(failed.case)}: {fewest.verdict}, {fewest.seen}", flush=True)
        left = [case for case in left if case not in searching.judged]
    return None


def played(searching: Hunt, judged: Judged, times: int) -> Iterator[str]:
    """What came of so many plays of its file."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # programs of scenario files are somebody else
        path = Path(folder, "found.yaml")
        path.write_text(Writer(searching.setup, searching.healthy, Path(folder)).text(judged))
        options = runner.Options(jobs=AT_ONCE)
        for _, run in runner.play_all([loader.load(path)] * times, options):
            yield run.outcome


def tried(searching: Hunt, judged: Judged, times: int) -> Iterator[str]:
    """The verdicts of so many trials of its case."""
    again = Hunt(searching.setup, at_once=TRIALS_AT_ONCE)
    return (each.verdict for each in again.try_all([judged.case] * times))


def _told(results: Iterator[str]) -> Counter[str]:
    return Counter(map(str, results))


def main() -> int:
    """Search, play and print. Returns the exit code."""
    assert __doc__
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=100, metavar="N")
    parser.add_argument("bugs", nargs="*", metavar="BUG")
    args = parser.parse_args()
    wrong = 0
    for bug in args.bugs or [*NEED_ONE, *NEED_TWO]:
        searching = hunt(bug)
        judged = found(searching, pairs=bug in NEED_TWO)
        if judged is None:
            print(f"{bug:34}not found", flush=True)
            wrong += 1
            continue
        files = _told(played(searching, judged, args.times))
        trials = _told(tried(searching, judged, args.times))
        all_the_same = {str(judged.verdict): args.times}
        wrong += len(judged.case) > MOST or files != {"pass": args.times} or trials != all_the_same
        print(f"{bug:34}{len(judged.case)}: {named(judged.case)} ({judged.verdict})", flush=True)
        print(f"{'':34}file {dict(files)}, trials {dict(trials)}", flush=True)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
