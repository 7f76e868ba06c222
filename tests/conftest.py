# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests side by side: which stay together, in which order, and which have the machine to
themselves.

``./scripts/test`` plays tests in several processes, pytest-xdist's workers. `GROUPS` has those that
one worker plays one after the other: so one at a time keeps a core busy, one at a time plays
everything side by side, and all others mostly wait. A test marked `alone` waits until every other
worker is between two tests, and all wait for its end. Nobody waits for one that is marked `apart`.
The time that a test waits for its turn is none of pytest-timeout's.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from netlab.pytest_plugin import ScenarioItem, is_scenario, share

from . import programs

#: A test must not fail because the machine is busy with something else.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

#: Beginnings of tests' names, by what unites those that one worker must have. The first groups
#: begin first, each with a worker of its own, because they take longest.
GROUPS: dict[str, tuple[str, ...]] = {
    "keeps a core busy: not two at a time, for the others measure": (
        "tests/kernel/test_kernels.py",
        "tests/kernel/test_kernels_boot.py",  # with a kernel that the one before has fetched
        "tests/kernel/test_kernels_bisect.py",  # with two that the one before has fetched
        "tests/kernel/test_kernels_warp.py",
        "tests/unit/",
    ),
    "plays everything side by side: not two at a time, and what they share is played once": (
        "tests/audit/test_clients.py",
        "tests/audit/test_planted.py",
        "tests/cli/test_freeze.py::test_every_",
        "tests/cli/test_teach.py::test_every_",
        "tests/kernel/test_atlas.py",
        "tests/kernel/test_causes.py",
        "tests/kernel/test_fsm.py",
        "tests/kernel/test_harm.py",
        "tests/kernel/test_judges.py",
        "tests/kernel/test_namespaces.py",
        "tests/kernel/test_network.py",
        "tests/kernel/test_production.py",
        "tests/kernel/test_recording.py",
        "tests/kernel/test_rootless.py",
        "tests/kernel/test_network.py",
        "tests/kernel/test_score.py",
        "tests/kernel/test_traces.py",
    ),
    "plays all pages side by side": ("tests/cli/test_transcripts.py::test_a_transcript_",),
    "measures every timer once": ("tests/kernel/test_timers.py",),
    "goes on with pairs that were frozen together": (
        "tests/kernel/test_controller.py::test_a_frozen_",
    ),
    "looks at one report": ("tests/cli/test_report.py",),
    "looks at one site": ("tests/site/test_site.py",),
    "looks at the same pages for man": ("tests/site/test_manual.py",),
    "plays what is wrong once": ("tests/kernel/test_refusals.py",),
}
#: All that are marked `alone`. They come last: whoever is alone first waits for all others to end
#: what they do, and the fewer times that happens, the better.
ALONE = (
    "tests/cli/test_fleet.py::test_five_faults_",
    "tests/kernel/test_capture.py::test_a_hundred_thousand_",
    "tests/kernel/test_capture.py::test_times_are_on_the_clock_of_samples",
    "tests/kernel/test_namespaces.py::test_hundreds_of_labs_",
    "tests/kernel/test_recording.py::test_ten_thousand_packets_",
    "tests/kernel/test_traces.py::test_a_run_that_is_killed_",
    "tests/kernel/test_tracing.py::test_where_records_were_lost_",
)
LAST = "alone"


def group(nodeid: str) -> str:
    """What a test belongs to; its own name, if to nothing."""
    if nodeid.startswith(ALONE):
        return LAST
    return next((why for why, names in GROUPS.items() if nodeid.startswith(names)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests are only shared out (``-n``), keep those together that belong together."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # untyped
        """Groups first, so that no worker is left with one, and those that are alone last."""

        def _split_scope(self, nodeid: str) -> str:
            if is_scenario(nodeid):
                return f"scenarios {share(nodeid, self.numnodes)}"  # as netlab's plugin plays them
            return group(nodeid)

        def _assign_work_unit(self, node: Any) -> None:
            following = min(self.workqueue, key=self._place)
            self.workqueue.move_to_end(following, last=False)
            super()._assign_work_unit(node)

        def _place(self, scope: str) -> tuple[int, int]:
            number = ORDER.get(scope, len(GROUPS))
            return number, -len(self.workqueue[scope])

    return ByGroup(config, log)


ORDER = {why: number for number, why in enumerate(GROUPS)} | {LAST: len(GROUPS) + 1}


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


#: A shell starts what it puts in the background with Ctrl-C ignored, and so does many a CI: what
#: tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Only workers have somebody to wait for."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored, and netlab leaves it so
    if hasattr(config, "workerinput"):
        config.stash[ROOM] = Room()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give back what was opened."""
    if ROOM in config.stash:
        config.stash[ROOM].close()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: the programs of ``@pytest.mark.needs``."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            programs.need(name)


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
