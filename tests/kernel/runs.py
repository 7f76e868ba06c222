# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab run`` as a process of its own: to be watched, and to be killed."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from netlab import scheduler
from netlab.model.evidence import Evidence
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, needs

from . import tools

#: How often a run is killed (NETLAB_KILLS=100 for the full number), and how many at a time.
KILLS, AT_ONCE = int(os.environ.get("NETLAB_KILLS", "10")), 5
#: A run of all scenarios that is recorded takes that long when nobody kills it.
LENGTH = 4.5


Process = subprocess.Popen[str]


class Runs:
    """Runs whose files must all be below one folder, and whose processes all carry a mark."""

    def __init__(self, folder: Path, mark: str, through: Sequence[str] = ()) -> None:
        self.folder = folder
        places = {name: folder / name for name in ("HOME", "TMPDIR")}
        for place in places.values():
            place.mkdir()
        self._places = places.values()
        self._home = places["HOME"]
        self._captures = folder / "captures"
        self._through = through  # what enters another place first
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
            **{name: str(place) for name, place in places.items()},
            "NETLAB_TEST_MARK": mark,
            # Python's byte code is no trace of a run: whoever imports first writes it.
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @contextlib.contextmanager
    def start(self, *options: str, command: str = "run") -> Iterator[Process]:
        """A run, in a process group of its own, of all scenarios if none is named; or another
        command.
        """
        with subprocess.Popen(
            [*self._through, sys.executable, "-m", "netlab", command, *options],
            env=self._environment,
            cwd=self._home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def finish(self, *options: str) -> tuple[int, str]:
        """Let a run come to its end; returns its exit code and what it printed."""
        with self.start(*options) as process:
            printed, _ = process.communicate()
            return process.returncode, printed

    def start_recorded(self, *options: str) -> contextlib.AbstractContextManager[Process]:
        """A run that records everything, too."""
        return self.start("--pcap", str(self._captures), *options)

    def kill_at(self, moment: float, group: bool) -> tuple[int, int]:
        """Kill a run after so many seconds; returns how many namespaces it had, and its exit code.

        Either netlab itself is killed, and none of its children: to end those is its own affair.
        Or its whole process group is.
        """
        with self.start_recorded() as process:
            scheduler.wait(process.poll, scheduler.now() + moment)
            held = namespaces_of(process.pid)
            kill(process, group)
            process.communicate()
            return held, process.returncode

    def kill_many(self) -> None:
        """Kill as many runs as the test is asked for, at moments spread over all of a run."""
        moments = [LENGTH * (number + random.random()) / KILLS for number in range(KILLS)]
        random.shuffle(moments)
        plays = [
            partial(self.kill_at, moment, number % 2 > 0) for number, moment in enumerate(moments)
        ]
        killed = [found for _, found in scheduler.side_by_side(plays, AT_ONCE)]
        assert any(held > 0 for held, _ in killed), f"none had a lab when it was killed: {killed}"
        assert any(code == -9 for _, code in killed), f"none was killed before its end: {killed}"

    def files(self) -> list[Path]:
        """Everything that the runs have left where nobody asked them to write."""
        return sorted(path for place in self._places for path in place.rglob("*"))


def kill(process: Process, group: bool = False) -> None:
    """End a run at once, alone or with its process group, which is its own."""
    if process.poll() is None:
        (os.killpg if group else os.kill)(process.pid, signal.SIGKILL)


def not_passed(printed: str, family: Family) -> dict[str, object]:
    """Of what ``netlab run --json`` printed: the scenarios that should have passed, and why they
    did not. Those that make no sense in this family, or on this kernel, are left out.
    """
    runs = {run.scenario: run for run in map(Evidence.from_json, printed.splitlines())}
    expected = [
        each.name
        for each in catalogue.everything(slow=False)
        if each.family in (None, family) and not any(map(needs.missing, each.needs))
    ]
    others = {name: runs.get(name) for name in expected}
    return {
        name: "was not played" if run is None else run.failure or run.reason
        for name, run in others.items()
        if run is None or run.outcome != "pass"
    }


def namespaces_of(process: int) -> int:
    """How many network namespaces a process holds by descriptors."""
    found = set()
    with contextlib.suppress(OSError):  # it has just ended
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(os.readlink(descriptor))
    return sum(name.startswith("net:[") for name in found)


def networks_of(process: int) -> set[str]:
    """The locks by which a process claims networks for its labs, as the kernel lists them:
    ``00:0d:36 0 0``, of a byte of a file of tracefs's.
    """
    held = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{process}/fdinfo").iterdir():
            with contextlib.suppress(OSError):
                held |= _claims(descriptor.read_text())
    return held


def networks_left(of: set[str], mark: str) -> set[str]:
    """Which of these claims stand and are not those of a netlab without `mark`: a number that one
    process gives back may be the next one's at once.
    """
    others = {int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()}
    taken = set[str]().union(*(networks_of(each) for each in others - {*tools.marked(mark)}))
    return (of & _claims(Path("/proc/locks").read_text())) - taken


def _claims(listed: str) -> set[str]:
    return set(re.findall(r"OFDLCK ADVISORY +WRITE +-?\d+ (\S+ \d+ \d+)", listed))
