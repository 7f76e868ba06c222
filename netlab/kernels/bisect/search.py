# SPDX-License-Identifier: GPL-2.0-or-later
"""From a good and a bad commit to the first bad one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from netlab.kernels.bisect.history import Commit, History, Mark
from netlab.kernels.bisect.trial import Judge, Trial
from netlab.kernels.compare.differences import Difference
from netlab.model.errors import LabError, ScenarioError

Try = Callable[[Commit], Trial]


class BisectListener(Protocol):
    """Is notified of progress."""

    def trying(self, commit: Commit, left: int) -> None:
        """A commit is built and played on next; about `left` more steps after it."""

    def tried(self, trial: Trial, mark: Mark) -> None:
        """What became of it."""


@dataclass(frozen=True, slots=True)
class Found:
    """The answer."""

    suspects: tuple[Commit, ...]  # the first bad commit; several: those between are skipped
    before: Trial  # good: of all those tried, the last
    after: Trial  # bad: the first
    differences: tuple[Difference, ...]  # between these two
    trials: tuple[Trial, ...]  # all, in the order in which they were tried


def search(
    history: History, good: Commit, bad: Commit, attempt: Try, listener: BisectListener
) -> Found:
    """Try commits between the two, and both of them first, until one suspect is left, or none that
    can be judged. The tree is left as it was found.

    Raises `ScenarioError` where nothing is between them, before anything is built, or where both
    ends do the same, and `LabError` where one of them cannot be judged.
    """
    history.check(good, bad)
    with history.bisection():
        return _Search(history, attempt, listener).run(good, bad)


class _Search:
    def __init__(self, history: History, attempt: Try, listener: BisectListener) -> None:
        self._history = history
        self._attempt = attempt
        self._listener = listener
        self._trials: dict[str, Trial] = {}
        self._good: list[Trial] = []

    def run(self, good: Commit, bad: Commit) -> Found:
        # The bad one first: it often is what is checked out, and built.
        after = self._end(bad, "bad")
        before = self._end(good, "good")
        judge = Judge(before, after)
        if not judge.differences:
            raise ScenarioError(f"{good} and {bad} do the same: there is nothing to find")
        self._history.mark("bad", bad)
        self._history.mark("good", good)
        while (left := self._left()) > 0:
            trial = self._try(self._history.commit(), math.ceil(math.log2(left + 1)) - 1)
            mark = judge.mark(trial)
            self._listener.tried(trial, mark)
            if mark == "good":
                before = trial
            self._history.mark(mark, trial.commit)
        suspects = self._history.suspects()
        after = self._trials[suspects[0].id]
        return Found(
            suspects=tuple(suspects),
            before=before,
            after=after,
            differences=Judge(before, after).differences,
            trials=tuple(self._trials.values()),
        )

    def _end(self, commit: Commit, mark: Mark) -> Trial:
        self._history.check_out(commit)
        trial = self._try(commit, 0)
        if trial.why:
            raise LabError(f"the {mark} commit, {commit}, {trial.why}")
        self._listener.tried(trial, mark)
        return trial

    def _try(self, commit: Commit, left: int) -> Trial:
        self._listener.trying(commit, left)
        trial = self._attempt(commit)
        self._trials[commit.id] = trial
        return trial

    def _left(self) -> int:
        """The number of suspects that are left to be tried. The last one is known to be bad."""
        skipped = self._history.skipped()
        return sum(each.id not in skipped for each in self._history.suspects()[1:])
