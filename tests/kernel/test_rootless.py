# SPDX-License-Identifier: GPL-2.0-or-later
"""Without root, netlab enters a user namespace of its own and works the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import netlab
from netlab.model.evidence import Evidence
from netlab.model.tcp import State
from netlab.model.vocabulary import Family
from netlab.packets.sightings import packets
from netlab.scenario import catalogue

from . import tools
from .runs import not_passed

NOBODY = 65534
PACKAGE = Path(netlab.__file__).parent
#: What netlab needs to play scenarios below a folder of its own: itself, and what it imports.
SOURCES = (PACKAGE.parent, Path(pytest.__file__).parents[1])


class Somebody:
    """An ordinary user with a home, a Python, and netlab where that Python finds it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._become: list[str] = []
        if tools.is_root():
            os.chown(home, NOBODY, NOBODY)
            identity = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            # env, because setpriv itself still executes what only root may.
            self._become = [tools.program("setpriv"), *identity, "env"]
        self._environment = {
            "HOME": str(home),
            "TMPDIR": str(home),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, SOURCES)),
        }
        self.python = [self._find_python()]
        if self.run(*self.python, "-c", "import netlab.testbed.lab, netlab.cli").returncode:
            self._environment["PYTHONPATH"] = str(self._copy())
        where = "from netlab.scenario import catalogue; print(catalogue.home(), end='')"
        self.probes = f"{self.run(*self.python, '-c', where).stdout}/probes"

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a program as that user, at home."""
        return subprocess.Popen(
            [*self._become, *command],
            env=self._environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program as that user to its end."""
        with self.start(*command) as process:
            printed, complaints = process.communicate()
            return subprocess.CompletedProcess(command, process.returncode, printed, complaints)

    @property
    def pytest(self) -> list[str]:
        """What runs pytest with netlab's plugin, and writes nothing into the checkout."""
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        return [*self.python, "-m", "pytest", *options, "--rootdir", str(self.home)]

    def _find_python(self) -> str:
        """A Python of this version that the user may execute: packages are compiled for it."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        for candidate in (sys.executable, f"/usr/bin/python{version}", "/usr/bin/python3"):
            asked = self.run(candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
            if asked.stdout.strip() == version:
                return candidate
        pytest.skip(f"no Python {version} that an ordinary user may execute: install python3")

    def _copy(self) -> Path:
        """What netlab consists of, where the user can read it."""
        copied = self.home / "copied"
        everything_but = shutil.ignore_patterns("mypy*", "ruff*", "hypothesis*", "_mypy*")
        shutil.copytree(SOURCES[1], copied, ignore=everything_but)
        shutil.copytree(PACKAGE, copied / "netlab", dirs_exist_ok=True)
        shutil.copytree(catalogue.home(), copied / "netlab" / "scenarios", dirs_exist_ok=True)
        for path in (copied, *copied.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return copied


@pytest.fixture(scope="module")
def somebody() -> Iterator[Somebody]:
    # Not in tmp_path: pytest lets nobody else into its folders.
    with tempfile.TemporaryDirectory() as home:
        yield Somebody(Path(home))


def assert_all_pass(done: subprocess.CompletedProcess[str], family: Family) -> None:
    assert not_passed(done.stdout, family) == {}
    assert (done.returncode, done.stderr) == (0, "")


def test_every_scenario_passes_without_root(somebody: Somebody, netlab_family: Family) -> None:
    options = ["--ipv6"] if netlab_family is Family.IPV6 else []
    done = somebody.run(*somebody.python, "-m", "netlab", "run", "--json", *options)
    assert_all_pass(done, netlab_family)


def test_every_scenario_passes_in_somebody_elses_user_namespace(somebody: Somebody) -> None:
    # As in a container: root of a user namespace, but not of the network one lives in.
    enter = [tools.program("unshare"), "--user", "--map-root-user"]
    done = somebody.run(*enter, *somebody.python, "-m", "netlab", "run", "--json")
    assert_all_pass(done, Family.IPV4)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_pytest_plays_scenarios_without_root(somebody: Somebody, workers: tuple[str, ...]) -> None:
    done = somebody.run(*somebody.pytest, somebody.probes, *workers)
    assert re.search(r"^\d+ passed in", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert done.returncode == 0


def test_the_commands_that_freeze_prints_work_for_the_same_user(somebody: Somebody) -> None:
    if os.geteuid() == 0 and not tools.is_root():
        pytest.skip("this pytest is in the user namespace already that the commands enter")
    for name in ("nsenter", "ss", "nft"):
        tools.program(name)
    freeze = somebody.start(*somebody.python, "-m", "netlab", "freeze", "synack-dropped")
    try:
        assert freeze.stdout is not None
        shown = {}
        for line in freeze.stdout:
            if found := re.match(r"  (client|server) +(nsenter .* (ss|nft) .*)", line):
                side, command, tool = found.groups()
                shown[side, tool] = somebody.run("sh", "-c", command)
            if len(shown) == 3:  # ss at both ends, nft at the one with the rule
                break
    finally:
        freeze.send_signal(signal.SIGINT)
        _, complaint = freeze.communicate()
    assert {place: done.stderr for place, done in shown.items() if done.returncode} == {}
    assert "SYN-SENT" in shown["client", "ss"].stdout
    assert "SYN-RECV" in shown["server", "ss"].stdout
    assert "drop" in shown["client", "nft"].stdout
    assert complaint == "netlab: stopped; nothing is left behind\n"
    assert freeze.returncode == 130


def test_packets_are_recorded_without_root_and_states_are_sampled(
    somebody: Somebody, netlab_family: Family
) -> None:
    command = [*somebody.python, "-m", "netlab", "run", "--json", "synack-dropped"]
    options = ["--ipv6"] if netlab_family is Family.IPV6 else []
    done = somebody.run(*command, "--pcap", str(somebody.home / "captures"), *options)
    assert done.returncode == 0, done.stderr
    run = Evidence.from_json(done.stdout)
    assert run.recording is not None
    assert not run.recording.traced
    assert run.recording.events == ()
    assert run.recording.missed == 0
    assert run.client.transitions[-1].after is State.ESTABLISHED
    assert not any(each.traced for each in (*run.client.transitions, *run.server.transitions))
    dropped = [frame for frame in run.recording.frames if frame.seen == "dropped"]
    assert len(dropped) == sum(fault.packets for fault in run.faults) >= 2
    story = packets(run.recording)
    assert sum(packet.dropped is not None for packet in story) == len(dropped)
    assert all(packet.sent is not None and packet.arrived is not None for packet in story)
    assert (somebody.home / "captures" / "synack-dropped.pcapng").stat().st_size > 0


# --- where it is forbidden: in a user namespace of the test's own, never on the host

SETTING = "user.max_user_namespaces"
FORBID = "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all $0 $@"


@pytest.fixture
def forbidden(somebody: Somebody) -> list[str]:
    """What runs a command for somebody who may not have user namespaces."""
    tools.program("setpriv")
    command = [tools.program("unshare"), "--user", "--map-root-user", "sh", "-c", FORBID]
    asked = somebody.run(*command, "cat", "/proc/sys/user/max_user_namespaces")
    assert asked.stdout == "0\n", asked.stderr
    return command


def test_netlab_says_in_a_sentence_which_setting_forbids_it(
    somebody: Somebody, forbidden: list[str]
) -> None:
    done = somebody.run(*forbidden, *somebody.python, "-m", "netlab", "run")
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"{SETTING}=0" in done.stderr


def test_the_doctor_names_the_setting(somebody: Somebody, forbidden: list[str]) -> None:
    done = somebody.run(*forbidden, *somebody.python, "-m", "netlab", "doctor", "--json")
    needed = [each for each in map(json.loads, done.stdout.splitlines()) if each["needed"]]
    (missing,) = [each for each in needed if not each["good"]]
    assert f"{SETTING}=0" in missing["fix"]
    assert done.returncode == 3


def test_pytest_says_which_setting_forbids_it_and_nothing_of_netlabs_inside(
    somebody: Somebody, forbidden: list[str]
) -> None:
    done = somebody.run(*forbidden, *somebody.pytest, somebody.probes)
    assert f"{SETTING}=0" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert ".py:" not in done.stdout
    assert done.returncode == 1
