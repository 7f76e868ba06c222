# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/baselines: what differs is told until somebody accepts it, and nothing is no success."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netlab.model.kernel_run import KernelRun, Machine

from ..build import evidence
from .shell import PATIENCE

SCRIPT = Path(__file__).parents[2] / "scripts" / "baselines"
SIMPLE = Machine("debian:sid", "7.3.4-amd64", "#1 SMP", "x86_64", 250, "virtual")


class Weekly:
    """A folder of runs, and one of baselines."""

    def __init__(self, folder: Path) -> None:
        self._runs, self._baselines = folder / "runs", folder / "baselines"
        self._runs.mkdir()

    def play(self, *pairs: str, error: str = "") -> None:
        """Store what a kernel did: scenarios that ended in these pairs."""
        plays = [evidence(f"number-{number}", pair) for number, pair in enumerate(pairs)]
        KernelRun(SIMPLE, tuple(plays), done=True, error=error).write(self._runs / "run.jsonl")

    def check(self, *words: str) -> tuple[int, str]:
        """The exit code, and what was printed."""
        done = subprocess.run(
            [SCRIPT, self._runs, self._baselines, *words],
            env={**os.environ, "NETLAB_VENV": str(Path(sys.executable).parents[1])},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def weekly(tmp_path: Path) -> Weekly:
    return Weekly(tmp_path)


def test_what_differs_is_told_until_it_is_accepted(weekly: Weekly) -> None:
    weekly.play("SYN_SENT/LISTEN")
    code, said = weekly.check()
    assert code == 0
    assert "debian:sid: no baseline yet, so nothing was compared" in said
    code, said = weekly.check()
    assert (code, "as recorded" in said) == (0, True)
    weekly.play("CLOSED/LISTEN")
    for _ in range(2):
        code, said = weekly.check()
        assert code == 1
        assert "number-0: the pair is CLOSED/LISTEN on 7.3.4-amd64" in said
        assert "debian:sid: still the old baseline" in said
    assert weekly.check("--accept")[0] == 0
    assert weekly.check()[0] == 0


def test_what_is_new_is_recorded_as_soon_as_the_rest_is_as_it_was(weekly: Weekly) -> None:
    weekly.play("SYN_SENT/LISTEN")
    assert weekly.check()[0] == 0
    weekly.play("SYN_SENT/LISTEN", "ESTABLISHED/ESTABLISHED")
    assert weekly.check()[0] == 0
    weekly.play("SYN_SENT/LISTEN")
    code, said = weekly.check()
    assert code == 3
    assert "NOT COMPARED 1 of 2 scenarios of the baseline was not played: number-1" in said


def test_half_a_run_is_neither_recorded_nor_compared_as_a_whole_one(weekly: Weekly) -> None:
    weekly.play("SYN_SENT/LISTEN", error="the guest stopped")
    assert weekly.check()[0] == 3
    weekly.play("SYN_SENT/LISTEN")
    assert "no baseline yet" in weekly.check()[1]


def test_no_run_is_no_success(weekly: Weekly) -> None:
    code, said = weekly.check()
    assert code == 3
    assert "no run (*.jsonl) in" in said
