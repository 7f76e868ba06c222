# SPDX-License-Identifier: GPL-2.0-or-later
"""What needs several packets is told only once chance is ruled out."""

from __future__ import annotations

import argparse

import pytest

from netlab.cli.commands import search
from netlab.cli.shared.progress import Shown
from netlab.model.vocabulary import Side
from netlab.search import hunt
from netlab.search.cases import Case, Meeting
from netlab.search.judge import CaseVerdict
from netlab.search.trial import CaseTrial, Setup
from tests.unit.search.exchanges import trial

ONE = Meeting("drop", Side.CLIENT, 1, "seq=1", 0)
PAIR = (ONE, ONE._replace(packet="FIN"))
SETUP = Setup(("true",), "true", 8000, 1.0)


@pytest.mark.parametrize(
    ("codes", "verdict", "seen"),
    [
        ([1, 1, *[1] * 10], CaseVerdict.ERROR, (12, 12)),
        ([1, 0, *[0] * 10], CaseVerdict.FINE, (10, 12)),
        ([1, 1, *[0] * 10], CaseVerdict.FINE, (10, 12)),  # two of two, and it was chance
        ([1, 1, *[1] * 7, *[0] * 3], CaseVerdict.ERROR, (9, 12)),
    ],
)
def test_a_pair_that_fails_is_played_ten_times_more(
    codes: list[int], verdict: CaseVerdict, seen: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = iter(codes)

    def play(setup: Setup, case: Case) -> CaseTrial:
        return trial(case, code=next(coming) if case == PAIR else 0)

    monkeypatch.setattr(hunt, "play", play)
    searching = hunt.Hunt(SETUP)
    (found,) = searching.try_all([PAIR])
    assert found.verdict is CaseVerdict.ERROR
    judged = searching.shrunk(found)
    assert (judged.verdict, judged.seen) == (verdict, seen)
    if verdict.is_failure:
        assert searching.shrunk(judged) is judged  # and is not played once more
    assert next(coming, None) is None
    assert [each.case for each in searching.failures] == [PAIR] * verdict.is_failure


def test_a_first_failure_that_was_chance_does_not_end_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = (ONE, ONE._replace(packet="SYN"))
    chance = iter([1, 1, *[0] * 10])

    def play(setup: Setup, case: Case) -> CaseTrial:
        return trial(case, code=next(chance) if case == PAIR else int(case == other))

    monkeypatch.setattr(hunt, "play", play)
    searching = hunt.Hunt(SETUP, at_once=1)
    options = argparse.Namespace(first=True, json=False)
    assert search._try(searching, [PAIR, other], options, Shown([]))
    assert [each.case for each in searching.failures] == [other]
    assert next(chance, None) is None
