# SPDX-License-Identifier: GPL-2.0-or-later
"""The blind score, small: a few of each kind, played and judged as ``./scripts/score`` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..score import corpus, injections, record, states
from ..score.corpus import Case
from ..score.judge import FORMS, Tally, judge
from .tools import program

#: Lower than what the whole score must reach: of so few, one miss is two in a hundred.
BOTH, ONE = 0.92, 0.85


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Thirty labs, frozen and looked at."""
    program("ss")
    program("nstat")
    setups = injections.setups(1, quick=True)
    played = [result for _, result in record.play_all(setups)]
    lost = [result for result in played if isinstance(result, str)]
    assert len(lost) <= 2, lost
    return [result for result in played if isinstance(result, Case)]


@pytest.mark.parametrize("form", FORMS)
def test_netlab_knows_what_was_broken(cases: list[Case], form: str) -> None:
    (tally,) = judge(cases, [form]).values()
    said = "\n".join(map(str, tally.misses))
    assert tally.asked["both"] >= 20
    assert tally.right["both"] >= BOTH * tally.asked["both"], said
    assert tally.right["one"] >= ONE * tally.asked["one"], said
    assert tally.healthy >= 100
    assert not tally.accused, said


def test_the_rules_know_more_than_a_table_of_states(cases: list[Case]) -> None:
    """A third of what the states alone tell wrongly, at most."""
    (rules,) = judge(cases, ["ss -tanoei"]).values()
    by_states = states.judge(cases)
    asked = by_states.asked["both"]
    assert asked == rules.asked["both"]
    assert 3 * (asked - rules.right["both"]) <= asked - by_states.right["both"]


def test_what_was_kept_is_judged_alike(cases: list[Case], tmp_path: Path) -> None:
    corpus.keep(cases, tmp_path)
    before, after = (judge(some, ["ss -tanoei"]) for some in (cases, corpus.load(tmp_path)))
    assert list(map(_scored, after.values())) == list(map(_scored, before.values()))


def test_both_ends_were_seen_as_they_were(cases: list[Case]) -> None:
    """The texts show the states that the truth is about."""
    for case in cases:
        for truth in case.truths:
            if not truth.pair[0]:
                continue
            for side, state in zip(corpus.SIDES, truth.pair, strict=True):
                if state in WRITTEN and truth.client[1]:
                    assert WRITTEN[state] in case.views[side].ss[1], (case.name, side, state)


#: States as ss writes them, of those that last until the second look.
WRITTEN = {
    "ESTABLISHED": "ESTAB",
    "SYN_SENT": "SYN-SENT",
    "FIN_WAIT1": "FIN-WAIT-1",
    "FIN_WAIT2": "FIN-WAIT-2",
    "CLOSE_WAIT": "CLOSE-WAIT",
    "LAST_ACK": "LAST-ACK",
    "CLOSING": "CLOSING",
    "TIME_WAIT": "TIME-WAIT",
}


def _scored(tally: Tally) -> tuple[object, ...]:
    return tally.asked, tally.right, tally.exactly, tally.healthy, tally.accused
