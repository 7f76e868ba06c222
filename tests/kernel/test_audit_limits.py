# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that go too far under a fault: each has a verdict, and nothing of an audit is left
behind, not even where it is killed.
"""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path

import pytest

from netlab import scheduler
from netlab.audit import faults, run
from netlab.audit.plan import AuditPlan
from netlab.model.errors import ScenarioError

from . import tools
from .runs import Runs, kill
from .test_audit import ASKS, PYTHON

CAP = 8.0  # seconds
DAEMON = """
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    os.wait()
    sys.exit(1)
"""


def otherwise(does: str) -> str:
    """A program that does its work, and when that fails does something else."""
    return f"import os, sys, time\ntry:\n    exec({ASKS!r})\nexcept OSError:\n    {does.strip()}\n"


#: Seconds from an audit's start at which it is killed: while it imports, builds, plays and tells.
MOMENTS = (0.3, 0.8, 1.3, 2.0, 3.0, 4.5)
#: Seconds from its first file on: cures are tried after two, for two.
AFTERWARDS = (0.0, 0.3, 2.6)


@pytest.mark.parametrize(
    ("does", "word", "says"),
    [
        ("while True: sys.stdout.write('x' * 65536)", "dies", "it wrote more than 64 MiB"),
        ("x = []\n    while True: x.append(bytearray(1 << 24))", "dies", "of memory, and netlab"),
        ("os.fork() or time.sleep(60)", "leaks", "it leaves behind python"),
        (DAEMON, "leaks", "it leaves behind python"),
        ("os.open('/dev/tty', os.O_RDWR)", "error", "/dev/tty"),
        ("os.kill(os.getpid(), 9)", "dies", "SIGKILL"),
    ],
    ids=["writes", "eats", "forks", "daemonizes", "needs-a-terminal", "kills-itself"],
)
def test_what_goes_too_far_under_a_fault_is_named(does: str, word: str, says: str) -> None:
    plan = AuditPlan((*PYTHON, otherwise(does)), talks="line", cap=CAP, promise=CAP)
    (cell,) = run.audit(plan, faults.chosen(["refused"]), run.sound(plan))
    found = {each.word: each.why for each in cell.judgements}
    assert says in found.get(word, ""), cell.why  # type: ignore[call-overload]


def test_who_needs_a_home_is_told_that_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    plan = AuditPlan((*PYTHON, "import os; os.environ['HOME']"), talks="line", cap=CAP)
    with pytest.raises(ScenarioError, match=r"(?s)fails already, with exit code 1.*'HOME'"):
        run.sound(plan)


def left(runs: Runs, mark: str, before: str) -> list[object]:
    """What is left of audits that were killed, once all that watches over them has ended. Without a
    process or a mount that holds it, there is no namespace.
    """
    mounts = {*Path("/proc/self/mountinfo").read_text().splitlines()} - {*before.splitlines()}
    groups = Path("/sys/fs/cgroup").rglob("netlab*")
    return [*tools.left_over(mark), *runs.files(), *mounts, *groups]


def test_an_audit_that_is_killed_leaves_nothing(tmp_path: Path, mark: str) -> None:
    runs = Runs(tmp_path, mark)
    words = ("--talks", "line", "--cap", "3s", "--", sys.executable, "-ISc")
    program = otherwise(DAEMON)
    mounts = Path("/proc/self/mountinfo").read_text()

    def killed_at(moment: float) -> int:
        with runs.start(*words, program, command="audit") as process:
            scheduler.wait(process.poll, scheduler.now() + moment)
            kill(process)
            process.communicate()
            return process.returncode

    plays = [partial(killed_at, moment) for moment in MOMENTS]
    codes = [code for _, code in scheduler.side_by_side(plays, 3)]
    assert codes.count(-9) >= len(MOMENTS) / 2, codes
    assert left(runs, mark, mounts) == []


#: Writes into its folder all the time, and answers whoever asks.
WRITES = """
import os, socket, sys
os.chdir(sys.argv[2])
door = socket.create_server(("", int(sys.argv[1])))
if not os.fork():
    for number in range(1 << 30):
        open(str(number % 1000), "w").close()
while True:
    talk, _ = door.accept()
    talk.recv(100)
    talk.sendall(b"hello\\n")
"""
#: Makes its program, and is not done with that soon.
BUILDS = """
clients:
  - {name: slow, command: "{built}/slow", talks: line,
     build: "sh -c 'while sleep 0.01; do mktemp; : > {built}/slow; done & sleep 1000'"}
  - {name: other, command: "{built}/slow", build: "false", talks: line}
"""
SLEEPS = ("sleep", "1000")
ALL = ("--fault", "silent-server", "--fault", "refused", "--cap", "2s")
#: What has files while it is played, by its words.
WITH_FILES = {
    "a certificate": ("--talks", "tls-http", "--", *SLEEPS),
    "a server": ("--server", "{server}", "--port", "7000", *ALL, "--cures", "--", *PYTHON, ASKS),
    "what is built": ("--clients", "{list}"),
    "what is built for one": ("--clients", "{list}", "slow"),
}


@pytest.mark.parametrize("kind", WITH_FILES)
def test_where_it_had_files_they_are_gone_too(kind: str, tmp_path: Path, mark: str) -> None:
    file = tmp_path / "clients.yaml"
    file.write_text(BUILDS)
    server = shlex.join([*PYTHON, WRITES, "{port}", "{folder}"])
    words = [{"{server}": server, "{list}": str(file)}.get(word, word) for word in WITH_FILES[kind]]
    mounts = Path("/proc/self/mountinfo").read_text()

    def killed(number: int) -> Runs:
        folder = tmp_path / str(number)
        folder.mkdir()
        runs = Runs(folder, mark)
        with runs.start(*words, command="audit") as process:
            scheduler.wait(lambda: runs.files() or process.poll(), scheduler.now() + tools.PATIENCE)
            assert runs.files(), process.communicate()[0]
            scheduler.wait(process.poll, scheduler.now() + AFTERWARDS[number])
            kill(process, group=number % 2 > 0)
            process.communicate()
            assert process.returncode == -9
        return runs

    plays = [partial(killed, number) for number in range(len(AFTERWARDS))]
    done = [runs for _, runs in scheduler.side_by_side(plays, len(plays))]
    assert [left(runs, mark, mounts) for runs in done] == [[]] * len(plays)
