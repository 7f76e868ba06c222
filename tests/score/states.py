# SPDX-License-Identifier: GPL-2.0-or-later
"""What a table of states would answer that knows nothing else: the mark for rules to pass.

For each pair of states, or each state of one end, it has the causes that were true most often in
the other half of the labs. It answers "nothing" where that was most frequent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netlab.model.tcp import State
from netlab.snapshot import parse

from .corpus import SIDES, Case, Truth
from .judge import NOTHING, Tally

NOT_THERE = "-"


class Seen(NamedTuple):
    """One question: what was seen of a connection, and what would be right to say of it."""

    half: int
    ends: str  # both, client, server
    states: tuple[str, ...]
    true: tuple[str, ...]
    healthy: bool


def judge(cases: Sequence[Case]) -> Tally:
    """The score of such a table, each half of the labs by what the other one teaches."""
    questions = [each for number, case in enumerate(cases) for each in _questions(number % 2, case)]
    tables = [_table(each for each in questions if each.half != half) for half in (0, 1)]
    tally = Tally()
    for seen in questions:
        known = tables[seen.half][seen.ends, seen.states]
        first = 1 if seen.ends == "both" else 2
        answers = [cause for cause, _ in known.most_common(first)] or [NOTHING]
        says_nothing = answers[0] == NOTHING
        if seen.healthy:
            tally.healthy += 1
            tally.accused += not says_nothing
        elif not seen.true:
            tally.blind += 1
            tally.invented += not says_nothing
        else:
            kind = "both" if seen.ends == "both" else "one"
            right = not says_nothing and any(cause in seen.true for cause in answers)
            tally.asked[kind] += 1
            tally.right[kind] += right
            tally.exactly[kind] += right
        if not says_nothing:
            tally.named += 1
            tally.named_truly += answers[0] in seen.true
    return tally


def _table(
    questions: Iterator[Seen],
) -> defaultdict[tuple[str, tuple[str, ...]], Counter[str]]:
    """By what is asked with, and the states: how often each cause was true."""
    table: defaultdict[tuple[str, tuple[str, ...]], Counter[str]] = defaultdict(Counter)
    for seen in questions:
        table[seen.ends, seen.states].update(seen.true or (NOTHING,))
    return table


def _questions(half: int, case: Case) -> Iterator[Seen]:
    listed = {side: _listed(case.views[side].ss[0], side) for side in SIDES}
    for truth in case.truths:
        states = tuple(_state(listed[side], truth, side) for side in SIDES)
        yield Seen(half, "both", states, truth.both, truth.healthy)
        for side, state in zip(SIDES, states, strict=True):
            yield Seen(half, side, (state,), truth.ends.get(side, ()), truth.healthy)


def _listed(text: str, name: str) -> dict[object, str]:
    """The state of each connection, and of each port that listens."""
    found: dict[object, str] = {}
    for snapshot in parse.read(text, name):
        for socket in snapshot.samples[-1].sockets:
            key = socket.local[1] if socket.state is State.LISTEN else (socket.local, socket.remote)
            found[key] = str(socket.state)
    return found


def _state(listed: dict[object, str], truth: Truth, side: str) -> str:
    own, other = truth.client, truth.server
    if side == "server":
        own, other = other, own
    return listed.get((own, other)) or listed.get(own[1]) or NOT_THERE
