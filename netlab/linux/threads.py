# SPDX-License-Identifier: GPL-2.0-or-later
"""Threads, in a process where a signal may raise an exception between any two instructions.

Python raises it in the main thread only, but in code of its library, too. Where that comes between
taking a lock and the ``with`` that is to release it (`threading.Condition`, and with it every
Event, Queue and Future), the lock stays taken; where it comes between a thread's start and the note
that there is one (`concurrent.futures`), nobody tells the thread to end. Either way the process
never ends. So signals wait while a thread is started, and `Workers` uses only what C makes in one
step.
"""

from __future__ import annotations

import _thread
import contextlib
import queue
import signal
import threading
from collections.abc import Callable, Iterator

#: What raises an exception in this process: the signals that ask it to end, and their echo.
RAISING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM})


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Have signals that ask this process to end wait until the body is over.

    Threads begun in the body never take such a signal, nor do programs that they start. A thread
    that does take it has Python raise its exception in the main thread, whatever that one blocks.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, RAISING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start(thread: threading.Thread) -> None:
    """Start a thread that takes no signals. Raises RuntimeError where no more are allowed."""
    with undisturbed():
        thread.start()


class Task:
    """Something that is being done by another thread."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._under_way = _thread.allocate_lock()
        self._under_way.acquire()
        self.error: OSError | None = None  #: what it raised

    @property
    def done(self) -> bool:
        """True once it is over."""
        return not self._under_way.locked()

    def run(self) -> None:
        """Do it."""
        try:
            self._work()
        except OSError as error:
            self.error = error
        finally:
            del self._work  # the last reference: nothing may stay open because of a name
            self._under_way.release()

    def wait(self) -> None:
        """Return when it is over."""
        with self._under_way:
            pass


class Workers:
    """At most so many threads, begun as they are needed, which end with the process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads = self._unfinished = 0
        self._lock = _thread.allocate_lock()
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()

    def do(self, work: Callable[[], object]) -> Task:
        """Have something done by one of them, or here and now if none can be begun."""
        task = Task(work)
        with undisturbed(), self._lock:
            self._unfinished += 1
            if self._threads < min(self._unfinished, self._most):
                with contextlib.suppress(RuntimeError):  # too many processes
                    _thread.start_new_thread(self._run, ())
                    self._threads += 1
            if self._threads:
                self._tasks.put(task)
                return task
            self._unfinished -= 1
        task.run()
        return task

    def _run(self) -> None:
        while True:
            task = self._tasks.get()
            task.run()
            del task
            with self._lock:
                self._unfinished -= 1
