# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab matrix: what has ended is kept when a signal comes, and the comparison can be pasted."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from netlab import cli
from netlab.cli.commands.matrix import compare_command
from netlab.kernels import matrix as kernels_matrix
from netlab.kernels.compare import stored
from netlab.kernels.matrix import Plan, Watcher
from netlab.kernels.sources.spec import Spec
from netlab.model.kernel_run import KernelRun, Machine
from tests.build import evidence

PLAY = evidence(kernel="6.1.0-56")
OLD = KernelRun(
    Machine("host", "6.1.0-56", "#1 SMP", "x86_64", 250), (PLAY,), done=True,
    sysctls={"net.ipv4.tcp_sack": "1"},
)  # fmt: skip
NEW = replace(OLD, machine=replace(OLD.machine, spec="debian:sid", release="6.18.1"))
HALF = replace(NEW, machine=replace(NEW.machine, release="6.19"), done=False, error="cut short")


def play_one_and_be_stopped(specs: Sequence[Spec], plan: Plan, watcher: Watcher) -> list[KernelRun]:
    """In the place of `netlab.kernels.matrix.play`: a signal comes while the second is played."""
    watcher.ended(OLD)
    os.kill(os.getpid(), signal.SIGTERM)
    watcher.meanwhile()
    raise AssertionError("it was not stopped")


def stopped(*more: str) -> int:
    return cli.main(["matrix", "--kernel", "host", "debian:sid", *more])


@pytest.fixture(autouse=True)
def no_kernel_is_booted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels_matrix, "play", play_one_and_be_stopped)


def test_a_signal_keeps_the_kernels_that_have_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stopped("--output", str(tmp_path)) == 143
    out, err = capsys.readouterr()
    assert "6.1.0-56 (host): 1 passed, 0 s\n" in out
    assert "stopped: 1 of 2 had not ended\n" in out
    assert err.endswith("netlab: stopped: 1 of 2 had not ended\n")
    assert [run.machine.release for run in stored.runs([str(tmp_path)])] == ["6.1.0-56"]


def test_a_signal_leaves_whole_records(capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped("--json") == 143
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["scenario"] == "port-open"


def pasted(command: str) -> list[str]:
    """The releases that `netlab compare` finds by what was printed."""
    program, name, *words = shlex.split(command)
    assert (program, name) == ("netlab", "compare")
    return [run.machine.release for run in stored.runs(words)]


def test_the_command_compares_what_was_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETLAB_CACHE", str(tmp_path))
    for run in (OLD, NEW):
        kernels_matrix.store(run)
    older = replace(NEW, machine=replace(NEW.machine, release="6.17.9"))
    kernels_matrix.store(older)  # debian:sid as it was last month
    assert pasted(compare_command([OLD, NEW, HALF], None)) == ["6.1.0-56", "6.18.1"]


def test_the_command_names_the_folder_where_it_has_just_these(tmp_path: Path) -> None:
    folder = tmp_path / "of two words"
    folder.mkdir()
    for run in (OLD, NEW):
        run.write(folder / kernels_matrix.file_name(run))
    command = compare_command([OLD, NEW], folder)
    assert command == f"netlab compare {shlex.quote(str(folder))}"
    assert pasted(command) == ["6.1.0-56", "6.18.1"]
    HALF.write(folder / "from-before.jsonl")
    assert compare_command([OLD, NEW], folder) == "netlab compare 6.1.0-56 6.18.1"


@pytest.mark.parametrize("runs", [[OLD], [OLD, HALF], [OLD, OLD]])
def test_there_is_no_command_where_there_are_no_two(runs: list[KernelRun]) -> None:
    assert compare_command(runs, None) == ""
