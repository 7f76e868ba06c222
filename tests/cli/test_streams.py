# SPDX-License-Identifier: GPL-2.0-or-later
"""Standard streams that are full or closed: one sentence, an exit code, and never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .shell import NETLAB, PATIENCE, environment

FULL = "netlab: standard output cannot be written: No space left on device\n"
COMMANDS = (
    "",
    "help",
    "help run",
    "list",
    "show synack-dropped",
    "schema",
    "kernel-config",
    "atlas FIN_WAIT2/ESTABLISHED",
    "teach --list",
    "completion bash",
    "doctor",
    "snapshot",
    "watch --for 10ms",
    "run port-open",
    "run --json port-open",
    "atlas --json SYN_SENT",
    "matrix --kernel host --hold 10ms port-open",
)


def through_a_shell(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command line of a shell, in which $netlab is netlab."""
    return subprocess.run(
        ["/bin/sh", "-c", command, "sh", *arguments],
        capture_output=True,
        text=True,
        env=environment(netlab=" ".join(NETLAB)),
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_sentence(command: str, tmp_path: Path) -> None:
    done = through_a_shell(f"NETLAB_CACHE={tmp_path} $netlab {command} > /dev/full")
    assert done.stderr.endswith(FULL), done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert done.returncode == 3


@pytest.mark.parametrize("closed", ["2>&-", "2> /dev/full", "<&-", "<&- 2>&-"])
def test_where_nobody_can_be_told_the_command_is_obeyed_all_the_same(closed: str) -> None:
    done = through_a_shell(f"$netlab list port-open {closed}")
    assert (done.returncode, done.stdout.count("port-open")) == (0, 1)
    played = through_a_shell(f"$netlab run port-open {closed}")
    assert (played.returncode, played.stdout.count("PASS")) == (0, 1)
    assert through_a_shell(f"$netlab run no-such-scenario {closed}").returncode == 2
    assert "no-such" not in through_a_shell(f"$netlab run no-such-scenario {closed}").stdout


@pytest.mark.parametrize("command", ["list", "run port-open", "run no-such-scenario"])
def test_all_streams_closed_is_no_trouble(command: str) -> None:
    done = through_a_shell(f"$netlab {command} <&- >&- 2>&-")
    assert done.returncode == (2 if "no-such" in command else 0)


EARLY = """
import runpy, sys

class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == "netlab.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Impatient())
runpy.run_module("netlab", run_name="__main__")
"""


def test_ctrl_c_counts_from_the_first_moment() -> None:
    """Imports take a tenth of a second, in which a person may change their mind."""
    done = subprocess.run(
        [sys.executable, "-c", EARLY], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "netlab: stopped; nothing is left behind\n")
