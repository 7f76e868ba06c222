# SPDX-License-Identifier: GPL-2.0-or-later
"""Two processes come to what one does, whatever becomes of the other."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netlab.snapshot.turns import in_turns

HERE = os.getpid()


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none of the threads of who plays the tests."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr(threading, "active_count", lambda: 1)


def who(job: int) -> tuple[int, bool]:
    """Some work, and whether it was done here."""
    return job * job, os.getpid() == HERE


def children() -> set[str]:
    """The processes that this one has begun, and has not waited for since they ended."""
    tasks = Path("/proc/self/task").iterdir()
    return {child for task in tasks for child in (task / "children").read_text().split()}


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    """Every fork ends, and is waited for; those of other tests are not asked about."""
    before = children()
    yield
    assert children() <= before


@pytest.mark.parametrize("number", [0, 1, 2, 3, 40])
@pytest.mark.parametrize("every", [2, 5])
def test_results_come_in_order(number: int, every: int) -> None:
    done = [*in_turns(who, iter(range(number)), pays=True, every=every)]
    assert done == [(job, (job * job, job % every == 0)) for job in range(number)]


def test_results_may_be_larger_than_a_pipe() -> None:
    done = [*in_turns(bytes, [3_000_000] * 4, pays=True)]
    assert [len(result) for _, result in done] == [3_000_000] * 4


def refuse(*_: object) -> int:
    raise OSError(errno.EAGAIN, "no more")


@pytest.mark.parametrize(
    ("owner", "name", "instead"),
    [
        (os, "fork", refuse),
        (os, "pipe", refuse),
        (os, "sched_getaffinity", refuse),
        (os, "sched_getaffinity", lambda process: {3}),
        (threading, "active_count", lambda: 2),
    ],
)
def test_who_cannot_have_another_does_it_alone(
    owner: Any, name: str, instead: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(owner, name, instead)
    done = [*in_turns(who, range(5), pays=True)]
    assert done == [(job, (job * job, True)) for job in range(5)]
    assert os.listdir("/proc/self/fd") == before


def test_what_does_not_pay_is_done_alone() -> None:
    assert all(here for _, (_, here) in in_turns(who, range(5), pays=False))


@pytest.mark.parametrize("at", [1, 3, 7])
def test_what_the_other_does_not_come_to_is_done_here(at: int) -> None:
    def dies(job: int) -> bytes:
        if job == at and os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)
        return bytes(100_000 + job)

    done = [*in_turns(dies, range(10), pays=True)]
    assert [(job, len(result)) for job, result in done] == [(n, 100_000 + n) for n in range(10)]


def test_half_a_result_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(result: bytes, pipe: Any, protocol: int) -> None:
        pipe.write(dumps(result, protocol)[:-5])

    dumps = pickle.dumps
    monkeypatch.setattr(pickle, "dump", half)
    assert [len(result) for _, result in in_turns(bytes, [9, 100, 9], pays=True)] == [9, 100, 9]


def test_an_error_is_told_as_without_it() -> None:
    def fails(job: int) -> int:
        if job == 3:
            raise ValueError(job)
        return job

    with pytest.raises(ValueError, match="3"):
        for _ in in_turns(fails, range(9), pays=True):
            pass


def test_who_stops_in_the_middle_leaves_nobody() -> None:
    jobs = in_turns(who, range(1 << 40), pays=True)
    assert [next(jobs)[1][1] for _ in range(4)] == [True, False, True, False]
    jobs.close()  # type: ignore[attr-defined]


def has_ended(process: int) -> bool:
    """Whether it is gone, or would be if its parent asked."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


ENDLESS = """
import os, time
from netlab.snapshot.turns import in_turns
os.sched_getaffinity = lambda process: {0, 1}
def work(job):
    while job == 3:  # without looking up
        pass
    return os.getpid()
jobs = in_turns(work, range(9), pays=True)
print(next(jobs)[1], next(jobs)[1], flush=True)
time.sleep(60)
"""


def test_it_ends_with_who_forked_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        own, other = map(int, process.stdout.readline().split())
        assert own == process.pid != other
        process.kill()
    deadline = time.monotonic() + 5
    while not has_ended(other):
        assert time.monotonic() < deadline
        time.sleep(0.01)
