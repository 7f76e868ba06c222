# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the examples of pages (README.md and docs/*.md), and compares what is printed with what the
page says. With --record, the page says afterwards what was printed; what `...` covers stays.

    .venv/bin/python scripts/transcripts.py                     all pages
    .venv/bin/python scripts/transcripts.py --record README.md  write down what is printed
    .venv/bin/python scripts/transcripts.py --all docs/*.md     also what takes minutes

Exit codes: 0 all is as the pages say (or has been recorded), 1 something is not.
tests/transcripts.py explains how a page tells its examples.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import transcripts
from tests.transcripts import Block, Command


def main() -> int:
    """Return 1 if a page says something else than is printed."""
    options = _parser().parse_args()
    pages = [page.resolve() for page in options.page or transcripts.PAGES]
    try:
        asked = {page: [*_asked(page, options)] for page in pages}
        with ThreadPoolExecutor(options.jobs) as pool:
            playing = {
                block: pool.submit(transcripts.play, block)
                for blocks in asked.values()
                for block in blocks
            }
            results = [
                _page(page, {block: playing[block].result() for block in blocks}, options.record)
                for page, blocks in asked.items()
            ]
    except (OSError, ValueError) as error:  # no such page, no transcript, not at its end
        print(f"scripts/transcripts.py: {error}", file=sys.stderr)
        return 1
    return max(results, default=0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--record", action="store_true", help="write what is printed into the page")
    parser.add_argument("--all", action="store_true", help="also what is marked by-hand")
    parser.add_argument("--line", type=int, action="append", help="only the block at this line")
    parser.add_argument("--jobs", type=int, default=6, help="transcripts at once (6)")
    return parser


def _asked(page: Path, options: argparse.Namespace) -> Iterator[Block]:
    """What is to be played of a page."""
    for block in transcripts.transcripts(page):
        missing = [name for name in transcripts.needs(block) if shutil.which(name) is None]
        if options.line and block.line not in options.line:
            continue
        if not transcripts.may_be_played(block):
            print(f"{block}: not played, because only root sees it", file=sys.stderr)
        elif missing:
            print(f"{block}: not played, without {', '.join(missing)}", file=sys.stderr)
        elif options.all or not transcripts.by_hand(block):
            yield block


def _page(page: Path, played: dict[Block, list[Command]], record: bool) -> int:
    """Tell what differs, or write it down."""
    changed = []
    for block, first in played.items():
        got, different = transcripts.settled(block, first)
        if different:
            print(*different, sep="\n", file=sys.stderr)
            changed.append((block, transcripts.recorded(block, got)))
    if record:
        transcripts.rewrite(page, changed)
    word = "recorded" if record else "not as the page says"
    if played:
        print(f"{page.name}: {len(played)} transcripts played, {len(changed)} {word}", flush=True)
    return 1 if changed and not record else 0


if __name__ == "__main__":
    sys.exit(main())
