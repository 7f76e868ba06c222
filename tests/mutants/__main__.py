# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes Linux's TCP in one place at a time, builds each kernel, and asks whether `netlab baseline
check` sees it. For hours, in the background; what was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from netlab.kernels import cache
from netlab.model.errors import LabError, NetlabError

from . import data, page
from .data import Mutant
from .judge import OPTIONS, Judge, caught_by
from .tree import Tree

EXAMPLES = """\
examples:
  nohup ./scripts/mutants > mutants.log &   all of them, for hours
  nohup ./scripts/mutants -j 2 > mutants.log &   two at a time, on as many cores
  ./scripts/mutants 'time-wait-*' paws-off  these
  ./scripts/mutants --list                  their names, and what caught each
  ./scripts/mutants --fits                  is each change still found in the source?
  ./scripts/mutants --build-only            the images, for later
  ./scripts/mutants --check-only --with table  those that are built, by the table alone
  ./scripts/mutants --page                  the table of docs/mutants.md, from what is known

Everything is kept in the folder mutants of netlab's cache: 5 GB, and apt, make, gcc, flex, bison,
bc and libelf's headers are needed.

exit codes: 0 all were caught, 1 some were not, 2 bad usage, 3 something could not be done
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked for."""
    options = _options().parse_args(arguments)
    try:
        return _run(options, data.chosen(data.read(), options.names))
    except NetlabError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("mutants: stopped; the next run goes on from here", file=sys.stderr)
        return 130


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/mutants", description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="NAME", help="a name or a pattern (all)")
    parser.add_argument("--list", action="store_true", help="print names, and what caught each")
    parser.add_argument("--fits", action="store_true", help="find each change; build nothing")
    parser.add_argument("--build-only", action="store_true", help="build images, check nothing")
    parser.add_argument("--check-only", action="store_true", help="check images that are built")
    parser.add_argument(
        "-j", "--jobs", type=_positive, default=1, metavar="N",
        help="check so many at a time (1); each boots two guests where cores are free",
    )  # fmt: skip
    parser.add_argument("--page", action="store_true", help="write the table of docs/mutants.md")
    parser.add_argument(
        "--with", dest="modes", action="append", choices=[*OPTIONS], metavar="WHAT",
        help=f"what is played: {', '.join(OPTIONS)} (one after the other, until one sees it)",
    )  # fmt: skip
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on; found {text!r}")
    return int(text)


def _run(options: argparse.Namespace, mutants: Sequence[Mutant]) -> int:
    tree = Tree(cache.folder("mutants"), _say)
    judge = Judge(tree)
    if options.list:
        for mutant in mutants:
            print(f"{caught_by(judge.answers(mutant)) or '-':8} {mutant.name}: {mutant.meaning}")
        return 0
    if options.page:
        page.renew(data.read(), judge)
        return 0
    os.nice(10)
    if not options.check_only:
        tree.fetch()
    if options.fits:
        for mutant in mutants:
            data.mutated(tree.source(mutant), mutant)
        _say(f"{len(mutants)} changes fit")
        return 0
    with (
        cache.locked(tree.folder, lambda: _say("another run is at work")),
        ThreadPoolExecutor(1) as builder,
        ThreadPoolExecutor(options.jobs) as checkers,
    ):
        if not options.check_only:
            tree.configure()
            _say(f"the kernel without a change: {tree.build()}")
        # A check waits for its longer guest alone: the next image is built beside it.
        build = partial(_built, tree=tree, check_only=options.check_only)
        built = [(each, builder.submit(build, each)) for each in mutants]
        check = partial(_check, judge=judge, modes=() if options.build_only else options.modes)
        try:
            for checked in [checkers.submit(check, *each) for each in built]:
                checked.result()
        finally:
            for pool in (builder, checkers):
                pool.shutdown(cancel_futures=True)
    if options.build_only:
        return 0
    print("\n".join(page.lines(mutants, judge)))
    return int(not all(caught_by(judge.answers(mutant)) for mutant in mutants))


def _built(mutant: Mutant, *, tree: Tree, check_only: bool) -> bool:
    """Whether there is an image of a mutant; it is built where it may be."""
    if check_only:
        return tree.image(mutant).exists()
    try:
        tree.build(mutant)
    except LabError as error:
        _say(f"{mutant.name}: {error}")
        return False
    return True


def _check(
    mutant: Mutant, image: Future[bool], *, judge: Judge, modes: Collection[str] | None
) -> None:
    """Ask about a mutant, as far as that was not done, until something sees it."""
    if not image.result():
        return
    for mode in judge.open_modes(mutant):
        if modes is None or mode in modes:
            answer = judge.ask(mutant, mode)
            result = "caught" if answer.caught else answer.trouble or "not caught"
            _say(f"{mutant.name}: {mode}, {answer.seconds:.0f} s: {result}")
            if answer.caught:
                return


def _say(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    sys.exit(main())
