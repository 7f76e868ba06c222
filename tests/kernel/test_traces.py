# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever ends a run, and whenever: nothing of it stays, and nothing of the host's was touched."""

from __future__ import annotations

import contextlib
import fcntl
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import netlab
from netlab import scheduler
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue

from . import tools
from .runs import Runs, kill, not_passed

#: Sysctls that count by themselves, and those that are not to be read.
COUNTING = re.compile(r"/(nf_conntrack_count|flush|stable_secret)$")
#: What the kernel counts down: the lifetimes of addresses and routes that a router announced.
LIFETIME = re.compile(r"\b\d+sec\b")
#: Seconds that a reader does something else: longer than most scenarios last.
SLOW = 6.0
NAMES = Path("/run/netns")
PACKAGE = Path(netlab.__file__).parent


@pytest.fixture
def runs(tmp_path: Path, mark: str) -> Runs:
    return Runs(tmp_path, mark)


def host() -> dict[str, str]:
    """Everything of the host that a run could have changed, under names for a complaint.

    Namespaces are not among it: those of other tests come and go. They have a test of their own.
    """
    found = {
        "links": asked("ip", "-o", "link"),
        "addresses": LIFETIME.sub("", asked("ip", "-o", "address")),
        "routes": asked("ip", "route", "show", "table", "all"),
        "routes of IPv6": LIFETIME.sub("", asked("ip", "-6", "route", "show", "table", "all")),
        "rules": tools.uncounted(asked("nft", "list", "ruleset")),
        "instances of tracefs": str(tools.abandoned_instances()),
        "names of namespaces": str(sorted(NAMES.iterdir()) if NAMES.exists() else "no folder"),
    }
    for path in sorted(Path("/proc/sys/net").rglob("*")):
        if path.is_file() and not COUNTING.search(str(path)):
            with contextlib.suppress(OSError):  # only to be written
                found[str(path)] = path.read_bytes().decode()
    for folder in (PACKAGE, catalogue.home()):
        for path in sorted(folder.rglob("*")):
            if "__pycache__" not in path.parts:
                found[str(path)] = f"{path.stat().st_size} bytes of {path.stat().st_mtime_ns}"
    return found


def asked(name: str, *arguments: str) -> str:
    command = [tools.program(name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def changed(before: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """What is otherwise than before, after all the time there is."""

    def difference() -> dict[str, tuple[str | None, str | None]]:
        after = host()
        return {
            name: (before.get(name), after.get(name))
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        }

    tools.wait(lambda: None if difference() else True)
    return difference()


@pytest.mark.alone  # others load modules, and change what is looked at
def test_a_run_that_is_killed_at_any_moment_leaves_nothing(runs: Runs, mark: str) -> None:
    if not tools.is_root():
        pytest.skip("who is not root cannot list the host's rules, nor change them")
    with runs.start_recorded("syn-dropped") as process:
        process.communicate()  # loads kernel modules, and they bring sysctls
    assert tools.left_over(mark) == []
    before = host()
    runs.kill_many()
    assert tools.left_over(mark) == []
    assert changed(before) == {}
    assert runs.files() == []


def test_two_runs_at_once_do_not_meet_and_leave_nothing(runs: Runs, mark: str) -> None:
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: runs.finish("--json"), range(2)))
    for code, printed in both:
        assert not_passed(printed, Family.IPV4) == {}
        assert code == 0
    assert tools.left_over(mark) == []
    assert runs.files() == []


def test_a_slow_reader_of_a_run_does_not_change_what_is_measured(runs: Runs) -> None:
    with runs.start("--json") as process:
        assert process.stdout is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)  # as if a lot more were printed
        scheduler.wait(process.poll, scheduler.now() + SLOW)
        printed, _ = process.communicate()
    assert not_passed(printed, Family.IPV4) == {}


#: A scenario of the user's own, which lasts long enough to be killed in.
OWN = """\
# The client's SYN is lost.
source: a test
steps:
  - server: listen
  - drop: {segment: SYN, to: server}
  - client: connect
expect:
  pair: {client: SYN_SENT, server: LISTEN}
  hold: 30s
  healed: {client: ESTABLISHED, server: ESTABLISHED}
"""


def test_a_table_of_this_kernel_that_is_killed_leaves_none_of_the_users_files(
    runs: Runs, mark: str
) -> None:
    own = runs.folder / "own.yaml"
    own.write_text(OWN)
    with runs.start(str(own), "--kernel", "host", command="matrix") as process:
        written = tools.wait(lambda: own.name in {each.name for each in runs.files()} or None)
        kill(process)
        process.communicate()
    assert (written, process.returncode) == (True, -9)
    assert tools.left_over(mark) == []
    assert [each for each in runs.files() if "TMPDIR" in each.parts] == []
