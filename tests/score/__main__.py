# SPDX-License-Identifier: GPL-2.0-or-later
"""``./scripts/score``: breaks connections, asks netlab what is wrong, and prints how often it knew.

Exit 0 where the score is as high as it must be, 1 where it is not, 2 for bad usage.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from netlab.linux import privileges
from netlab.model.errors import NetlabError

from .. import programs
from ..field.score import sureness
from . import busy, corpus, injections, network, onlookers, page, record, services, states
from .corpus import Case
from .judge import FORMS, judge

ROUNDS = 2  # of looks at each path
PAGE = Path(__file__).parents[2] / "docs" / "score.md"


def main(arguments: list[str] | None = None) -> int:
    """Play or replay, judge, print."""
    given = _options().parse_args(arguments)
    try:
        if given.busy:
            return _busy(given)
        if given.network:
            return _network(given)
        cases, lost = _cases(given)
    except NetlabError as error:
        print(f"score: {error}", file=sys.stderr)
        return 2
    if given.keep:
        corpus.keep(cases, given.keep)
    tallies = judge(cases, given.form or FORMS)
    by_states = states.judge(cases)
    print("\n".join(page.lines({**tallies, page.STATES: by_states})))
    if given.misses:
        found = [miss for tally in tallies.values() for miss in tally.misses]
        print("\n".join(["", *page.misses(found)]))
    if given.write:
        before = PAGE.read_text() if PAGE.exists() else ""
        command = "./scripts/score " + (
            "--replay ..." if given.replay else f"--seed {given.seed}{' --quick' * given.quick}"
        )
        pastes = Counter(sureness())
        text = page.page(tallies, by_states, pastes, command, len(cases), len(lost), record.APART)
        PAGE.write_text(page.with_network(text, page.network_of(before)))
    return 0 if all(page.good_enough(tally) for tally in tallies.values()) else 1


def _network(given: argparse.Namespace) -> int:
    """Only healthy connections, on paths with delay and loss: who is accused?"""
    if given.replay:
        rounds = onlookers.load(given.replay)
    else:
        privileges.prepare()
        rounds = onlookers.watch(network.PATHS, ROUNDS, given.seed)
    if given.keep:
        onlookers.keep(rounds, given.keep)
    verdicts = onlookers.judge(rounds)
    text = page.of_network(verdicts, f"./scripts/score --network --seed {given.seed}")
    print(text)
    if given.misses:
        print("\n".join(page.accusations(verdicts)))
    if given.write:
        PAGE.write_text(page.with_network(PAGE.read_text(), text))
    return 0 if page.spares(verdicts) else 1


def _busy(given: argparse.Namespace) -> int:
    """Real services that are busy and well, for minutes: who is accused?"""
    if given.replay:
        (seen,) = onlookers.load(given.replay)
    else:
        for name in services.NEEDED:
            if not programs.found(name):
                raise NetlabError(f"{name} is missing: install {programs.PACKAGES[name]}")
        privileges.prepare()
        seen = busy.watch(given.minutes, given.seed)
    if given.keep:
        onlookers.keep([seen], given.keep)
    verdicts = busy.judge(seen, given.form or busy.FORMS)
    command = f"./scripts/score --busy --minutes {given.minutes:g} --seed {given.seed}"
    print(page.of_busy(verdicts, command))
    if given.misses:
        print("\n".join(page.accusations(busy.apart(verdicts)[0])))
    return 0 if page.spares_busy(verdicts) else 1


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="score", description=__doc__)
    options.add_argument("--seed", type=int, default=1, help="other ports, other mixtures")
    options.add_argument("--quick", action="store_true", help="a few of each kind")
    options.add_argument("--keep", type=Path, metavar="DIR", help="write what was seen to files")
    options.add_argument("--replay", type=Path, metavar="DIR", help="ask about those files")
    options.add_argument(
        "--form",
        action="append",
        choices=[*dict.fromkeys((*FORMS, *busy.FORMS))],
        help="only this evidence",
    )
    options.add_argument("--misses", action="store_true", help="print every wrong answer")
    options.add_argument(
        "--network", action="store_true", help="ask about healthy ones on paths that lose packets"
    )
    options.add_argument(
        "--busy", action="store_true", help="ask about real services, busy and well"
    )
    options.add_argument("--minutes", type=float, default=10.0, help="of --busy (default: 10)")
    options.add_argument("--write", action="store_true", help="write docs/score.md")
    return options


def _cases(given: argparse.Namespace) -> tuple[list[Case], list[str]]:
    if given.replay:
        return corpus.load(given.replay), []
    setups = injections.setups(given.seed, given.quick)
    cases: list[Case] = []
    lost: list[str] = []
    with _progress(len(setups)) as draw:
        for _, result in record.play_all(setups, lambda: draw(len(cases) + len(lost))):
            if isinstance(result, Case):
                cases.append(result)
            else:
                lost.append(result)
    print(f"{len(cases)} labs with {sum(len(case.truths) for case in cases)} connections")
    for why in lost:
        print(f"  not frozen: {why}")
    return cases, lost


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while a person looks; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    drawn = 0.0
    bar = Progress(console=Console(stderr=True), auto_refresh=False, transient=True)
    task = bar.add_task("breaking connections", total=total)

    def draw(done: int) -> None:
        nonlocal drawn
        if time.monotonic() - drawn > 0.1:
            drawn = time.monotonic()
            bar.update(task, completed=done)
            bar.refresh()

    with bar:
        yield draw


if __name__ == "__main__":
    sys.exit(main())
