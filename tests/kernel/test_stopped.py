# SPDX-License-Identifier: GPL-2.0-or-later
"""A netlab that is stopped for seconds (SIGSTOP) says nothing wrong when it goes on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .tools import wait

#: Seconds: a moment within each hold, and longer than any hold tolerates.
HOLD, STOPPED, TOLERATED = 2.0, 3.0, 1.0
#: Frozen by loss, by nothing but a timer, and by an application that does not call.
NAMES = ("client-closes-first", "never-accepted", "syn-dropped", "user-timeout")


def played(*words: str, stops: int) -> list[dict[str, Any]]:
    """The records of a run that is stopped so often while its pairs are held."""
    command = [sys.executable, "-m", "netlab", "run", "--json", f"--hold={HOLD}", *words]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with run:
        wait(lambda: namespaces(run.pid) >= 2 or None)  # a lab is there
        for _ in range(stops):
            time.sleep(HOLD / 2)
            run.send_signal(signal.SIGSTOP)
            time.sleep(STOPPED)
            run.send_signal(signal.SIGCONT)
        assert run.stdout is not None
        return [json.loads(line) for line in run.stdout]


def namespaces(process: int) -> int:
    """How many network namespaces a process holds."""
    found = 0
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):  # it is closed by now
            found += os.readlink(descriptor).startswith("net:")
    return found


@pytest.mark.parametrize("stops", [1, 3])
def test_no_stop_makes_a_failure_and_none_is_proven_across_it(stops: int) -> None:
    runs = played(*NAMES, stops=stops)
    assert sorted(run["scenario"] for run in runs) == [*NAMES]
    for run in runs:
        assert run["outcome"] in ("pass", "error"), run
        if run["outcome"] == "pass":
            assert run["gap_s"] <= TOLERATED
            assert run["held_s"] >= HOLD
            assert run["samples"] > 2
        else:
            assert "this machine was too busy: " in run["reason"]
    stopped = [run for run in runs if run["lost_s"] > STOPPED / 2 or run["disturbed"]]
    assert stopped, "the stop met no lab"
