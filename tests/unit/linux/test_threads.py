# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads that a signal's exception cannot leave half started, and what they are given to do."""

from __future__ import annotations

import _thread
import errno
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from netlab.linux import threads
from netlab.linux.threads import Workers, undisturbed

PATIENCE = 10.0


class Ended(Exception):
    """What the handler of a signal raises here."""


@pytest.fixture
def hearing() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        raise Ended

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_a_signal_waits_until_the_body_is_over(number: signal.Signals) -> None:
    reached = False
    with pytest.raises(Ended), undisturbed():  # noqa: PT012 - where it is raised is the point
        signal.raise_signal(number)
        reached = True
    assert reached
    assert not threads.RAISING & signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_thread_takes_no_signals() -> None:
    masks = []
    thread = threading.Thread(
        target=lambda: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    )
    threads.start(thread)
    thread.join()
    assert masks[0] >= threads.RAISING


def test_so_many_work_at_once_and_no_more() -> None:
    workers, gate = Workers(3), threading.Event()
    here: list[int] = []

    def work() -> None:
        here.append(threading.get_ident())
        gate.wait(PATIENCE)

    tasks = [workers.do(work) for _ in range(5)]
    deadline = time.monotonic() + PATIENCE
    while len(here) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)  # a fourth would be here by then
    assert len({*here}) == len(here) == 3
    assert not any(task.done for task in tasks)
    gate.set()
    for task in tasks:
        task.wait()
    assert all(task.done for task in tasks)
    assert len(here) == 5


def test_one_that_is_idle_does_what_comes_next() -> None:
    workers = Workers(3)
    seen = set()
    for _ in range(20):
        workers.do(lambda: seen.add(threading.get_ident())).wait()
        time.sleep(0.002)
    assert len(seen) <= 2  # one may not have come back yet


def test_what_it_raised_is_known() -> None:
    def work() -> None:
        raise OSError(errno.ENOMEM, "no memory")

    task = Workers(1).do(work)
    task.wait()
    assert task.error is not None
    assert task.error.errno == errno.ENOMEM


def test_where_no_thread_can_begin_it_is_done_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*arguments: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", none)
    here: list[int] = []
    task = Workers(4).do(lambda: here.append(threading.get_ident()))
    assert task.done
    assert here == [threading.get_ident()]
