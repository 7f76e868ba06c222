# SPDX-License-Identifier: GPL-2.0-or-later
"""A tree that cannot be bisected is refused in a sentence, and not touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.kernels.bisect.history import History
from netlab.model.errors import LabError, ScenarioError

from .tree import git, grown


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="is no git tree of a kernel"):
        History(tmp_path)


def test_a_folder_inside_a_tree_is_refused(tmp_path: Path) -> None:
    grown(tmp_path, ["a"])
    (tmp_path / "net").mkdir()
    with pytest.raises(ScenarioError, match=f"is inside a git tree: name {tmp_path} itself"):
        History(tmp_path / "net")


def test_what_was_changed_is_not_lost(tmp_path: Path) -> None:
    grown(tmp_path, ["a"], other="")
    for name in ("kind", "other"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(ScenarioError, match="kind and 1 more was changed and not committed"):
        History(tmp_path)


def test_a_bisection_of_somebody_else_goes_on(tmp_path: Path) -> None:
    grown(tmp_path, ["a", "b"])
    git(tmp_path, "bisect", "start")
    with pytest.raises(ScenarioError, match="a bisection is under way there"):
        History(tmp_path)


def test_a_commit_has_any_name_of_gits(tmp_path: Path) -> None:
    ids = grown(tmp_path, ["a", "b"])
    git(tmp_path, "tag", "--annotate", "--message", "it", "v6.12", ids[0])
    history = History(tmp_path)
    commit = history.commit("v6.12")
    assert (commit.id, commit.subject, commit.author) == (ids[0], "tcp: change 1", "Somebody")
    assert history.commit().id == ids[1]
    with pytest.raises(ScenarioError, match=r"has no commit 'v7\.0'"):
        history.commit("v7.0")
    with pytest.raises(ScenarioError, match="has no commit '--help'"):
        history.commit("--help")


def test_the_first_release_is_that_of_the_next_tag(tmp_path: Path) -> None:
    ids = grown(tmp_path, ["a", "b", "c"])
    git(tmp_path, "tag", "--annotate", "--message", "it", "v6.13-rc1", ids[1])
    history = History(tmp_path)
    releases = [history.first_release(history.commit(each)) for each in ids]
    assert releases == ["6.13", "6.13", ""]


def test_without_git_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="git is not installed"):
        History(tmp_path)
