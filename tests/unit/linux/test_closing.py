# SPDX-License-Identifier: GPL-2.0-or-later
"""What closes slowly is closed by a thread: in order, boundedly, and never beside a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.linux import closing
from netlab.linux.closing import LIMIT, Closer

PATIENCE = 30.0  # seconds, for a thread to do what it does at once


class Slow:
    """Things whose closing takes as long as the test wants."""

    def __init__(self, closer: Closer) -> None:
        self.closed: list[tuple[int, int]] = []  # its number, and the thread that closed it
        self._closer = closer
        self._begun, self._go = threading.Event(), threading.Event()

    def hold_up(self) -> None:
        """Keep the thread busy until `go`."""
        self._closer.hand_over(self._block)
        assert self._begun.wait(PATIENCE)

    def go(self) -> None:
        """Let it close."""
        self._go.set()

    def hand_over(self, number: int) -> None:
        """One more to be closed."""
        self._closer.hand_over(lambda: self.closed.append((number, threading.get_ident())))

    def _block(self) -> None:
        self._begun.set()
        assert self._go.wait(PATIENCE)


@pytest.fixture
def closer() -> Closer:
    return Closer()


@pytest.fixture
def slow(closer: Closer) -> Iterator[Slow]:
    made = Slow(closer)
    yield made
    made.go()
    closer.finish()


def test_nobody_waits_for_what_is_handed_over_and_it_is_closed_in_order(
    closer: Closer, slow: Slow
) -> None:
    slow.hold_up()
    for number in range(3):
        slow.hand_over(number)
    assert slow.closed == []
    slow.go()
    closer.finish()
    assert [number for number, _ in slow.closed] == [0, 1, 2]
    assert threading.get_ident() not in {thread for _, thread in slow.closed}


def test_who_hands_over_too_much_closes_it_himself(closer: Closer, slow: Slow) -> None:
    slow.hold_up()
    for number in range(1, LIMIT):  # with the one that is being closed they are as many as may be
        slow.hand_over(number)
    assert (len(closer), slow.closed) == (LIMIT, [])
    for number in (LIMIT, LIMIT + 1):
        slow.hand_over(number)
        assert slow.closed[-1] == (number, threading.get_ident())
        assert len(closer) == LIMIT
    slow.go()
    closer.finish()
    assert len(slow.closed) == LIMIT + 1
    assert len(closer) == 0


def test_one_thread_closes_and_ends_with_the_last(closer: Closer, slow: Slow) -> None:
    before = set(threading.enumerate())
    for _ in range(2):  # a thread that has ended is replaced
        slow.hold_up()
        for number in range(5):
            slow.hand_over(number)
        assert len(set(threading.enumerate()) - before) == 1
        slow.go()
        closer.finish()
        assert set(threading.enumerate()) == before


def test_where_no_thread_can_start_it_is_closed_at_once(
    closer: Closer, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    slow.hand_over(1)
    assert slow.closed == [(1, threading.get_ident())]
    monkeypatch.undo()
    slow.hand_over(2)
    closer.finish()
    assert slow.closed[-1][0] == 2
    assert len(closer) == 0


def test_what_cannot_be_closed_keeps_nothing_else_from_it(closer: Closer, slow: Slow) -> None:
    def fail() -> None:
        raise OSError("no such luck")

    slow.hold_up()
    closer.hand_over(fail)
    slow.hand_over(1)
    slow.go()
    closer.finish()
    assert [number for number, _ in slow.closed] == [1]


def test_a_process_forks_with_everything_closed_and_its_child_can_close_too() -> None:
    reading, writing = os.pipe()
    begun, go = threading.Event(), threading.Event()

    def close() -> None:
        begun.set()
        assert go.wait(PATIENCE)
        os.close(writing)

    closing.later(close)
    assert begun.wait(PATIENCE)
    os.register_at_fork(before=go.set)  # the last one registered is the first to be called
    child = os.fork()
    if child == 0:
        open_still = Path(f"/proc/self/fd/{writing}").exists()
        closed: list[int] = []
        closing.later(lambda: closed.append(1))
        closing.finish()
        os._exit(10 * open_still + len(closed))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert os.read(reading, 1) == b""  # neither of them has the other end
    os.close(reading)
