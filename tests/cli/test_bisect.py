# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab bisect: what it refuses, with which exit code, and that a signal leaves the tree alone."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from netlab import scheduler

from ..unit.kernels.bisect.tree import git, grown
from .shell import NETLAB, PATIENCE, environment, netlab

#: What comes before a tree. Nothing of it is ever played here.
ASKED = ("bisect", "--scenario", "port-open", "--good", "HEAD~1")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    grown(tmp_path, ["old", "new"])
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scenario", "port-open"), "--good is missing: a commit from before the change"),
        (("--scenario", "no-such", "--good", "HEAD"), "no-such"),
        (("--timer", "no-such", "--good", "HEAD"), "no time-out is called 'no-such'; there are"),
        (("--good", "HEAD"), "is missing: --scenario, --row or --timer"),
        (("--scenario", "a", "--timer", "syn"), "not allowed with"),
        (("--row", "no-such", "--good", "HEAD"), "no row is called 'no-such'"),
        (("--scenario", "port-open", "--good", "v9"), "has no commit 'v9'"),
    ],
)
def test_a_mistake_is_one_sentence(words: tuple[str, ...], said: str, tree: Path) -> None:
    done = netlab("bisect", *words, tree)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_tree_with_changes_is_not_touched(tree: Path) -> None:
    (tree / "kind").write_text("mine")
    done = netlab(*ASKED, tree)
    assert (done.code, done.out) == (2, "")
    assert "kind was changed and not committed" in done.err
    assert (tree / "kind").read_text() == "mine"


@pytest.mark.needs("qemu-system-x86_64")
def test_an_end_that_does_not_build_cannot_be_judged(tree: Path) -> None:
    done = netlab(*ASKED, "--build", "echo 'a.c:1: error: no'; exit 1", tree)
    assert done.code == 3
    assert "tcp: change 2, does not build: a.c:1: error: no" in done.err
    assert git(tree, "status", "--branch", "--porcelain") == "## main"


@pytest.mark.needs("qemu-system-x86_64")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_tree_as_it_was(number: signal.Signals, tree: Path) -> None:
    started = tree / ".git" / "started"
    build = f"touch {started}; exec sleep 600"
    with subprocess.Popen(
        [*NETLAB, *ASKED, "--build", build, str(tree)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    ) as process:  # fmt: skip
        assert scheduler.wait(lambda: started.exists() or None, scheduler.now() + PATIENCE)
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    assert err.endswith("netlab: stopped; the tree is as it was found\n")
    assert git(tree, "status", "--branch", "--porcelain") == "## main"
    assert not (tree / ".git" / "BISECT_START").exists()


# --- for git bisect run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scenario", "no-such"), "no-such"),
        (("--timer", "syn"), "a time-out alone is neither good nor bad"),
        (("--scenario", "port-open", "--good", "HEAD"), "it takes no --good"),
        (("--scenario", "port-open", "--limt", "60"), "no option is called '--limt'"),
        (("--scenario", "port-open", "--limit", "-5"), "--limit"),
    ],
)
def test_what_can_judge_nothing_stops_git(words: tuple[str, ...], said: str, tree: Path) -> None:
    done = netlab("bisect", "--step", *words, tree)
    assert (done.code, done.out) == (128, "")
    assert said in done.err


@pytest.mark.needs("qemu-system-x86_64")
@pytest.mark.parametrize("step", [("--step",), ("--good", "HEAD~1")])
def test_a_tree_that_is_not_there_is_no_bad_commit(step: tuple[str, ...], tree: Path) -> None:
    (tree / "file").write_text("")
    for place in ("linux", "file"):
        done = netlab("bisect", *step, "--scenario", "port-open", tree / place)
        assert (done.code, done.out) == (128 if step == ("--step",) else 2, "")
        assert f"{place}: there is no such folder: expected a kernel's tree" in done.err


@pytest.mark.needs("qemu-system-x86_64")
def test_where_nothing_can_be_kept_no_commit_is_built(tree: Path) -> None:
    words = ("bisect", "--step", "--scenario", "port-open", "--build", "touch built")
    done = netlab(*words, tree, NETLAB_CACHE="/proc/nope")
    assert (done.code, done.out) == (128, "")
    assert "/proc/nope" in done.err
    assert not (tree / "built").exists()


@pytest.mark.needs("qemu-system-x86_64")
@pytest.mark.parametrize(
    ("build", "said"),
    [("exit 1", "does not build"), ("true", "cannot be booted")],
)
def test_what_does_not_build_or_boot_is_skipped_by_git(build: str, said: str, tree: Path) -> None:
    done = netlab("bisect", "--step", "--scenario", "port-open", "--build", build, tree)
    assert (done.code, done.out) == (125, "")
    assert said in done.err
