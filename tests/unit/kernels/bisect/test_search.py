# SPDX-License-Identifier: GPL-2.0-or-later
"""The first bad commit is found among those that cannot be judged, and the tree is as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.cli.commands.bisect import as_json
from netlab.kernels.bisect.history import Commit, History, Mark
from netlab.kernels.bisect.search import Found, search
from netlab.kernels.bisect.trial import Trial
from netlab.model.errors import LabError, ScenarioError
from netlab.model.evidence import Failure
from netlab.model.kernel_run import KernelRun, Machine
from tests.build import evidence

from .tree import git, grown, kind

MACHINE = Machine("./tree", "6.12", "#1", "x86_64", 250)
FAILED = evidence(outcome="fail", failure=Failure("pair not held"))
OTHER = evidence(pair="SYN_SENT/LISTEN", expected="CLOSED/LISTEN", outcome="pass")
RUNS = {
    "old": KernelRun(MACHINE, (evidence(),), done=True),
    "new": KernelRun(MACHINE, (FAILED,), done=True),
    "pair": KernelRun(MACHINE, (OTHER,), done=True),
}


class Listener:
    """Notes the marks, in the order of the steps."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []
        self.left: list[int] = []

    def trying(self, commit: Commit, left: int) -> None:
        """The estimate is kept."""
        self.left.append(left)

    def tried(self, trial: Trial, mark: Mark) -> None:
        """The mark is kept."""
        self.marks.append(mark)


def found(tree: Path, kinds: Sequence[str], listener: Listener | None = None) -> Found:
    ids = grown(tree, kinds)
    history = History(tree)

    def attempt(commit: Commit) -> Trial:
        run = RUNS.get(kind(tree))
        return Trial(commit, "" if run else "does not build", run)

    ends = history.commit(ids[0]), history.commit(ids[-1])
    return search(history, *ends, attempt, listener or Listener())


@pytest.mark.parametrize("first", [2, 3, 8, 9, 15, 16])
def test_each_of_sixteen_is_found_in_four_steps(first: int, tmp_path: Path) -> None:
    listener = Listener()
    answer = found(tmp_path, ["old"] * (first - 1) + ["new"] * (17 - first), listener)
    assert [each.subject for each in answer.suspects] == [f"tcp: change {first}"]
    assert (answer.before.run, answer.after.run) == (RUNS["old"], RUNS["new"])
    assert answer.before.commit.subject == f"tcp: change {first - 1}"
    assert [(one.subject, one.aspect) for one in answer.differences] == [("port-open", "outcome")]
    assert len(listener.marks) <= 2 + 4
    assert max(listener.left) <= 3


def test_what_cannot_be_judged_is_gone_around(tmp_path: Path) -> None:
    kinds = ["old", "old", "broken", "old", "dead", "broken", "old", "new", "dead", "new", "new"]
    listener = Listener()
    (first,) = found(tmp_path, kinds, listener).suspects
    assert first.subject == "tcp: change 8"
    assert "skip" in listener.marks


def test_what_cannot_be_judged_may_be_the_one(tmp_path: Path) -> None:
    answer = found(tmp_path, ["old", "old", "dead", "new", "new"])
    assert [each.subject for each in answer.suspects] == ["tcp: change 4", "tcp: change 3"]
    assert answer.after.commit.subject == "tcp: change 4"


def test_a_kernel_that_passes_and_does_something_else_is_bad(tmp_path: Path) -> None:
    answer = found(tmp_path, ["old", "old", "pair", "pair"])
    assert [each.subject for each in answer.suspects] == ["tcp: change 3"]
    (difference,) = answer.differences
    assert (difference.aspect, difference.before, difference.after) == (
        "pair", "CLOSED/LISTEN", "SYN_SENT/LISTEN",
    )  # fmt: skip


def test_two_ends_that_do_the_same_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="do the same: there is nothing to find"):
        found(tmp_path, ["old", "new", "old"])
    assert git(tmp_path, "branch", "--show-current") == "main"


def test_an_end_that_cannot_be_judged_ends_it_at_once(tmp_path: Path) -> None:
    listener = Listener()
    with pytest.raises(LabError, match=r"the bad commit, \w+ tcp: change 3, does not build"):
        found(tmp_path, ["old", "new", "broken"], listener)
    assert listener.marks == []


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [(1, 0, "the two are the other way round"), (1, 1, "nothing is between")],
    ids=["the other way round", "the same"],
)
def test_nothing_is_built_where_nothing_is_between(
    good: int, bad: int, says: str, tmp_path: Path
) -> None:
    ids = grown(tmp_path, ["new", "old"])
    history = History(tmp_path)
    listener = Listener()
    ends = history.commit(ids[good]), history.commit(ids[bad])
    with pytest.raises(ScenarioError, match=says):
        search(history, *ends, lambda each: Trial(each, "", RUNS[kind(tmp_path)]), listener)
    assert listener.left == []
    assert git(tmp_path, "branch", "--show-current") == "main"


@pytest.mark.parametrize("where", ["main", "--detach"])
def test_the_tree_is_left_as_it_was_found(where: str, tmp_path: Path) -> None:
    ids = grown(tmp_path, ["old"] * 4 + ["new"] * 4)
    git(tmp_path, "checkout", "--quiet", where)
    (tmp_path / "mine").write_text("not git's")
    history = History(tmp_path)
    before = git(tmp_path, "status", "--branch", "--porcelain"), git(tmp_path, "rev-parse", "HEAD")

    def stopped(commit: Commit) -> Trial:
        if commit.id not in (ids[0], ids[-1]):
            raise KeyboardInterrupt
        return Trial(commit, "", RUNS[kind(tmp_path)])

    with pytest.raises(KeyboardInterrupt):
        search(history, history.commit(ids[0]), history.commit(ids[-1]), stopped, Listener())
    after = git(tmp_path, "status", "--branch", "--porcelain"), git(tmp_path, "rev-parse", "HEAD")
    assert before == after
    History(tmp_path)  # and nothing is under way there


def test_the_answer_for_a_program_has_what_was_tried(tmp_path: Path) -> None:
    answer = found(tmp_path, ["old", "old", "broken", "old", "new"])
    told = json.loads(json.dumps(as_json(answer)))
    assert told["found"] == answer.suspects[0].id
    assert told["suspects"] == [{"id": told["found"], "subject": "tcp: change 5"}]
    (difference,) = told["differences"]
    assert (difference["aspect"], difference["before"], difference["after"]) == (
        "outcome", "pass", "fail",
    )  # fmt: skip
    skipped = [each["skipped"] for each in told["trials"] if each["skipped"]]
    assert skipped == ["does not build"]
    undecided = as_json(replace(answer, suspects=answer.suspects * 2))
    assert undecided["found"] is None
