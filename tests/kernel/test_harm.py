# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario files written to do harm (tests/harm) do none, as root and as an ordinary user; and what
they tried is in the record.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from netlab.model.errors import ScenarioError
from netlab.model.evidence import Evidence, ProgramRecord
from netlab.scenario.loader import load
from netlab.testbed.lab import Lab

from . import tools
from .somebody import Somebody

HARM = Path(__file__).parents[1] / "harm"
SECRET = "the-secret-of-whoever-plays-it"
LOCAL = ("127.0.0.1", 50999)  # a service of the machine
LEFT_BEHIND = "4242"  # seconds that no other program sleeps

#: What each program must have heard, in the words of the kernel and of the program that asked.
TRIED = {
    "becomes-root": r"uid=1000",
    "breaks-the-lab": r"(?s)not permitted.*not permitted.*not permitted",
    "enters-other-namespaces": r"(?s)denied.*denied",
    "escapes-from-the-root": r"not permitted",
    "fills-the-disk": r"(?s)No space left.*Read-only file system",
    "fills-the-memory": r"MemoryError",
    "fills-the-memory-by-many": r"",
    "fills-the-output": r"^y",
    "fills-the-shared-memory": r"No space left",
    "forges-packets": r"(?s)not supported.*not permitted",
    "kills-everything": r"",
    "loads-kernel-code": r"-1 1 -1 1",
    "makes-a-setuid-program": r"uid=1000",
    "makes-a-user-namespace": r"(?s)not permitted.*not permitted",
    "makes-device-nodes": r"not permitted",
    "mounts": r"(?s)superuser|not permitted|denied",
    "reaches-the-host-by-its-sockets": r"(?s)No such file.*refused.*refused.*not supported",
    "reads-the-disk": r"cannot open",
    "reads-the-environment": r"denied|No such file",
    "reads-the-homes": r"(?s)No such file.*No such file",
    "reads-the-keyring": r"-1 1",
    "reads-the-memory-of-netlab": r"(?s)denied.*denied|No such file",
    "reads-the-passwords": r"denied",
    "restarts-the-machine": r"(?s)-1 1.*(No such file|Read-only|denied)",
    "sets-the-clock": r"not permitted",
    "sets-the-core-pattern": r"Read-only|No such file",
    "sets-the-host-name": r"Read-only|No such file",
    "stays-behind": r"",
    "traces-processes": r"-1 1",
    "uses-all-processes": r"temporarily unavailable",
    "writes-beside-the-scenario": r"Read-only|denied",
    "writes-to-etc": r"Read-only|denied",
    "writes-to-the-terminal": r"\\x1b\]0;harm\\x07",
    "writes-to-tmp": r"netlab-was-here",
    "writes-to-usr": r"Read-only|denied",
}
#: What is no scenario, or no rule, and what is said of it.
REFUSED = {
    "expands-without-end": "aliases",
    "runs-code-by-a-tag": "expected text",
    "sets-a-sysctl-of-the-machine": "a sysctl of the network",
}
NO_RULE = ("includes-a-file-after-a-rule", "includes-a-file-in-a-rule")


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Whatever the machine had before the body, it has after it; and nobody has knocked."""
    with contextlib.ExitStack() as opened:
        doors = []
        for family, address in ((socket.AF_UNIX, "\0netlab-harm"), (socket.AF_INET, LOCAL)):
            door = opened.enter_context(socket.socket(family))
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):  # the same test, beside this one: it looks
                door.bind(address)
                door.listen()
                door.setblocking(False)
                doors.append(door)
        before = fingerprint()
        yield
        assert fingerprint() == before
        for door in doors:
            with pytest.raises(BlockingIOError):
                door.accept()


def fingerprint() -> dict[str, object]:
    return {
        "names": (os.uname().nodename, Path("/proc/sys/kernel/core_pattern").read_text()),
        "here": list(Path("/").glob("*/netlab-was-here")),
        "harm": {path.name: path.read_bytes() for path in HARM.iterdir()},
        "mounts": [
            line
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if line.split()[4] in ("/", "/etc", "/mnt", "/tmp", "/usr")  # others mount elsewhere
        ],
        "links": sorted(os.listdir("/sys/class/net")),
        "sleepers": [word for word in running() if word[:2] == ["sleep", LEFT_BEHIND]],
    }


def running() -> Iterator[list[str]]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_text(errors="replace").split("\0")


@pytest.fixture(scope="module", params=["root", "ordinary user"])
def played(
    request: pytest.FixtureRequest, somebody: Somebody, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Evidence]:
    """The record of each file, by its name, played by root or by an ordinary user."""
    if request.param == "root" and not tools.is_root():
        pytest.skip("needs root")
    names = [*TRIED, *NO_RULE]
    with guarded():
        if request.param == "root":
            files = [str(HARM / f"{name}.yaml") for name in names]
            command = [sys.executable, "-m", "netlab", "run", "--json", "--allow-programs", *files]
            environment = {**os.environ, "NETLAB_HARM": SECRET}
            done = subprocess.run(
                command, check=False, env=environment, capture_output=True, text=True
            )
        else:
            copied = somebody.home / "harm"
            shutil.copytree(HARM, copied, dirs_exist_ok=True)
            files = [str(copied / f"{name}.yaml") for name in names]
            done = somebody.run(
                "env", f"NETLAB_HARM={SECRET}", *somebody.python, "-m", "netlab", "run", "--json",
                "--allow-programs", *files,
            )  # fmt: skip
    runs = [Evidence.from_json(line) for line in done.stdout.splitlines()]
    assert len(runs) == len(names), done.stderr
    return {run.scenario: run for run in runs}


def program(run: Evidence) -> ProgramRecord:
    (found,) = run.programs
    return found


@pytest.mark.parametrize("name", TRIED)
def test_it_does_no_harm_and_what_it_tried_is_told(
    played: Mapping[str, Evidence], name: str
) -> None:
    told = program(played[name])
    assert re.search(TRIED[name], told.output), told
    assert SECRET not in told.output
    assert not re.search(r"^root:", told.output, re.MULTILINE)  # a line of /etc/shadow
    assert "uid=0" not in told.output
    assert "reached" not in told.output


@pytest.mark.parametrize(
    ("name", "code"), [("fills-the-output", -25), ("kills-everything", -15)]
)  # SIGXFSZ, SIGTERM
def test_it_ends_by_a_limit_or_by_itself(
    played: Mapping[str, Evidence], name: str, code: int
) -> None:
    assert program(played[name]).exit_code == code


def test_memory_has_a_limit_for_all_its_processes_together() -> None:
    text = load(HARM / "fills-the-memory-by-many.yaml").steps[1].arguments["command"]  # type: ignore[union-attr]
    with Lab() as lab:
        greedy = lab.client.run(text, confined=True)
        lab.wait(lambda: greedy.exit_code is not None, tools.PATIENCE)
        assert greedy.exit_code == -9


@pytest.mark.parametrize("name", NO_RULE)
def test_a_rule_includes_no_file(played: Mapping[str, Evidence], name: str) -> None:
    run = played[name]
    assert run.outcome == "error"
    assert "nft refused" in run.reason
    assert "root:" not in run.reason


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_before_anything_runs(name: str) -> None:
    with guarded(), pytest.raises(ScenarioError, match=re.escape(REFUSED[name])):
        load(HARM / f"{name}.yaml")


def test_every_file_is_asked_about() -> None:
    assert {path.stem for path in HARM.glob("*.yaml")} == {*TRIED, *REFUSED, *NO_RULE}
    assert len(TRIED) + len(REFUSED) + len(NO_RULE) >= 30
