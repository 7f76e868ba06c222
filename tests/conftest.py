# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests side by side: which stay together, and which have the machine to themselves.

``./scripts/test`` plays tests in several processes, pytest-xdist's workers. `TOGETHER` has those
that one worker plays one after the other. A test marked `alone` waits until every other worker is
between two tests, and all wait for its end. One marked `apart` plays in a virtual machine for
minutes: nobody waits for it. The time that a test waits for its turn is none of pytest-timeout's.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from netlab.pytest_plugin import ScenarioItem, share

EVERYTHING = "plays everything side by side: not two at a time, and what they share is played once"
COMMANDS = "plays everything side by side, as a command or a lesson"
#: The beginning of tests' names, and what unites those that one worker must have.
TOGETHER = {
    "tests/kernel/test_atlas.py": EVERYTHING,
    "tests/kernel/test_causes.py": EVERYTHING,
    "tests/kernel/test_fsm.py": EVERYTHING,
    "tests/kernel/test_judges.py": EVERYTHING,
    "tests/kernel/test_namespaces.py": EVERYTHING,
    "tests/kernel/test_production.py": EVERYTHING,
    "tests/kernel/test_recording.py": EVERYTHING,
    "tests/kernel/test_score.py": EVERYTHING,
    "tests/kernel/test_traces.py": EVERYTHING,
    "tests/kernel/test_kernels_boot.py": "boots other kernels",
    "tests/kernel/test_timers.py": "measures every timer once",
    "tests/kernel/test_lines.py": "plays what is wrong once",
    "tests/kernel/test_rootless.py": COMMANDS,
    "tests/cli/test_freeze.py::test_every_": COMMANDS,
    "tests/cli/test_teach.py::test_every_": COMMANDS,
    "tests/cli/test_report.py": "looks at one report",
    "tests/unit/test_atlas.py": "searches the model once",
}


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests are only shared out (``-n``), keep those together that belong together."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # untyped
        """Groups first, the largest before the others, so that no worker is left with one."""

        def _split_scope(self, nodeid: str) -> str:
            if nodeid.split("::", maxsplit=1)[0].endswith(".yaml"):
                return f"scenarios {share(nodeid, self.numnodes)}"  # as netlab's plugin plays them
            groups = (why for name, why in TOGETHER.items() if nodeid.startswith(name))
            return next(groups, nodeid)

    return ByGroup(config, log)


class Room:
    """Where any number of tests may be, or one that is alone; shared by all workers.

    Who is alone closes the door behind the others, and waits until they have left: so it comes to
    its turn, however many more there are. Both locks are the kernel's (flock) on what is there
    anyway; they are gone with the process that holds them.
    """

    def __init__(self) -> None:
        self._door = os.open(__file__, os.O_RDONLY | os.O_CLOEXEC)
        self._floor = os.open(Path(__file__).parent, os.O_RDONLY | os.O_CLOEXEC)
        self._inside = False

    def enter(self, alone: bool) -> None:
        """Wait for one's turn; whoever is inside already stays there."""
        if self._inside:
            return
        fcntl.flock(self._door, fcntl.LOCK_EX)
        fcntl.flock(self._floor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._door, fcntl.LOCK_UN)
        self._inside = True

    def leave(self) -> None:
        """Let others in."""
        fcntl.flock(self._floor, fcntl.LOCK_UN)
        self._inside = False

    def close(self) -> None:
        """Give the descriptors back, and the locks with them."""
        os.close(self._door)
        os.close(self._floor)


ROOM = pytest.StashKey[Room]()


def pytest_configure(config: pytest.Config) -> None:
    """Only workers have somebody to wait for."""
    if hasattr(config, "workerinput"):
        config.stash[ROOM] = Room()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give back what was opened."""
    if ROOM in config.stash:
        config.stash[ROOM].close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Around everything of a test, its fixtures too; around scenarios as long as they follow each
    other, because the first one starts them all.
    """
    room = item.config.stash.get(ROOM, None)
    if room is None or item.get_closest_marker("apart"):
        return (yield)
    room.enter(alone=item.get_closest_marker("alone") is not None)
    try:
        return (yield)
    finally:
        if not (isinstance(item, ScenarioItem) and isinstance(nextitem, ScenarioItem)):
            room.leave()
