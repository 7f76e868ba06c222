# SPDX-License-Identifier: GPL-2.0-or-later
"""A build's complaint is the first error that it printed, and a build that is stopped is gone."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.kernels.bisect.history import Commit
from netlab.kernels.bisect.trial import Trial, attempt
from netlab.kernels.matrix import Plan
from netlab.kernels.suite import Job
from netlab.kernels.vm import qemu

COMMIT = Commit("f" * 40, "fffffff", "tcp: a change", "", "")
PLAN = Plan(Job(names=("port-open",)), qemu.Guest())


def tried(tree: Path, build: str) -> Trial:
    return attempt(COMMIT, tree, build, PLAN, lambda: None)


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (
            "echo CC tcp.o; echo 'tcp.c:1: error: expected )' >&2; echo 'make: ***'; exit 2",
            "tcp.c:1: error: expected )",
        ),
        ("echo 'make[2]: *** [net] Killed'; echo waiting; exit 2", "make[2]: *** [net] Killed"),
        ("echo it is full; echo; exit 1", "it is full"),
        ("exit 7", "it says nothing"),
        ("no-such-program", "no-such-program: not found"),
    ],
)
def test_what_does_not_build_is_told(build: str, why: str, tmp_path: Path) -> None:
    trial = tried(tmp_path, build)
    assert trial.why.startswith("does not build: ")
    assert trial.why.endswith(why)
    assert trial.run is None


def test_a_build_sees_the_tree_and_no_terminal(tmp_path: Path) -> None:
    tried(tmp_path, "pwd > seen; cat >> seen; exit 1")
    assert (tmp_path / "seen").read_text() == f"{tmp_path}\n"


def test_what_was_built_and_is_no_kernel_is_told(tmp_path: Path) -> None:
    assert tried(tmp_path, "true").why.startswith(f"cannot be booted: no kernel in {tmp_path}")


def test_a_build_that_is_stopped_is_gone_with_all_that_it_started(tmp_path: Path) -> None:
    started = tmp_path / "started"

    def meanwhile() -> None:
        if started.exists() and started.read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(COMMIT, tmp_path, "sleep 600 & echo $! > started; wait", PLAN, meanwhile)
    number = started.read_text().strip()
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", number], capture_output=True, text=True, check=False
    ).stdout
    assert state.strip()[:1] in ("", "Z")


def test_the_time_is_that_of_both_parts() -> None:
    assert replace(Trial(COMMIT), build_s=2.0, play_s=3.0).seconds == 5.0
