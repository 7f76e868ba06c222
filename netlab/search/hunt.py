# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays trials side by side, each until it can be judged, and shrinks what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from netlab import scheduler
from netlab.linux import privileges
from netlab.search import shrink
from netlab.search.cases import CUT, Case
from netlab.search.judge import CaseVerdict, Healthy, Judged
from netlab.search.trial import CaseTrial, Setup, play

BASELINES = 2  # trials on a healthy network, to see what is the same each time
PLAYS = 3  # of one case, at most, until the same was seen twice
#: And more of what is told to need several packets: of hundreds of pairs, some fail by chance.
STANDS = 10
#: Trials at the same time: more would come into each other's way while they begin.
AT_ONCE = 60
#: Seconds in which nobody looked, and above which a hang may be this machine's.
DISTURBED = 1.0
#: And above which it may be this machine's that all went well: TCP's shortest time-out. A program
#: that looks so late finds what had not come yet when it should have looked.
LATE = 0.2

_T = TypeVar("_T")
Meanwhile = Callable[[], None]


class Hunt:
    """One search: what is tried, what is healthy, and all that was judged so far."""

    def __init__(
        self, setup: Setup, meanwhile: Meanwhile = lambda: None, at_once: int = AT_ONCE
    ) -> None:
        self.setup, self._meanwhile, self._at_once = setup, meanwhile, at_once
        self.judged: dict[Case, Judged] = {}
        self._played_more: set[Case] = set()
        self._planned: dict[Case, int] = {}  # each one's place
        self._healthy: Healthy | None = None

    @property
    def healthy(self) -> Healthy:
        """What the command does on a healthy network. Raises `ScenarioError` where that says
        nothing, and as `netlab.search.trial.play` does.
        """
        if self._healthy is None:
            plays: list[Callable[[], CaseTrial]] = [partial(play, self.setup, ())] * BASELINES
            trials = [trial for _, trial in self._side_by_side(plays)]
            self._healthy = Healthy.of(trials)
        return self._healthy

    def try_all(self, cases: Iterable[Case]) -> Iterator[Judged]:
        """Try these, side by side; yield each with its verdict as it ends."""
        healthy = self.healthy
        cases = [*cases]
        for case in cases:
            self._planned.setdefault(case, len(self._planned))
        plays = [partial(self._settled, healthy, case) for case in cases]
        for _, judged in self._side_by_side(plays):
            self.judged[judged.case] = judged
            yield judged

    def shrunk(self, found: Judged) -> Judged:
        """The fewest packets of a case with which it still fails in the same way; played more often
        where those are several, so that its `seen` is no chance, or that it is no failure any more.
        """

        def fails(case: Case) -> bool:
            known = self.judged.get(case) or next(self.try_all([case]))
            return known.verdict is found.verdict

        fewest = shrink.fewest(found.case, fails)
        if len(fewest) > 1 and fewest not in self._played_more:
            self._play_more(fewest)
        return self.judged[fewest]

    def _play_more(self, case: Case) -> None:
        before, healthy = self.judged[case], self.healthy
        plays: list[Callable[[], CaseTrial]] = [partial(play, self.setup, case)] * STANDS
        trials = [trial for _, trial in self._side_by_side(plays)]
        verdicts = [before.verdict] * before.seen[0] + [healthy.verdict(each) for each in trials]
        most = max(verdicts, key=verdicts.count)  # the first of equals: what it was
        trial = next((each for each in trials if healthy.verdict(each) is most), before.trial)
        played = before.seen[1] + STANDS
        self._played_more.add(case)
        self.judged[case] = Judged(trial, most, (verdicts.count(most), played))

    @property
    def failures(self) -> list[Judged]:
        """What has failed and does not with a part of its packets, in the order of the plan."""
        failed = {frozenset(each.case): each for each in self.judged.values() if _failed(each)}
        fewest = [each for case, each in failed.items() if not any(o < case for o in failed)]
        return sorted(fewest, key=lambda each: self._planned[each.case])

    def _settled(self, healthy: Healthy, case: Case) -> Judged:
        """A case is played again where its packets have not come, or what came of it may be chance:
        what was seen once must be seen twice.
        """
        seen: list[tuple[CaseVerdict, CaseTrial]] = []
        for _ in range(PLAYS):
            trial = play(self.setup, case)
            verdict = healthy.verdict(trial)
            again = verdict in (each for each, _ in seen)
            seen.append((verdict, trial))
            if _is_sure(verdict, trial) or (again and verdict is not CaseVerdict.UNMET):
                break
        verdicts = [each for each, _ in seen]
        most = max(verdicts, key=lambda each: (verdicts.count(each), each.is_failure))
        trial = next(trial for verdict, trial in seen if verdict is most)
        return Judged(trial, most, (verdicts.count(most), len(verdicts)))

    def _side_by_side(self, plays: Sequence[Callable[[], _T]]) -> Iterator[tuple[int, _T]]:
        privileges.prepare()
        at_once = min(self._at_once, privileges.labs_at_once(0))
        return scheduler.side_by_side(plays, at_once, self._meanwhile, patient=False)


def _is_sure(verdict: CaseVerdict, trial: CaseTrial) -> bool:
    """True if it need not be seen twice: where several packets are to be met, the fate of one may
    be that another does not come; and a hang after a cut is no chance, as is none that was looked
    at all the time, nor what went well meanwhile.
    """
    match verdict:
        case CaseVerdict.UNMET:
            return len(trial.case) > 1
        case CaseVerdict.HANGS:
            return trial.lost <= DISTURBED or any(each.word == CUT for each in trial.case)
        case _:
            return verdict is CaseVerdict.FINE and trial.lost <= LATE


def _failed(judged: Judged) -> bool:
    return judged.verdict.is_failure
