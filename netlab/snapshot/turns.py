# SPDX-License-Identifier: GPL-2.0-or-later
"""Long work that two processes do in turns: Python computes with one processor at a time.

The second one is a fork, which has everything that the work is about, and goes through the jobs by
itself. So nothing passes between the two but what it has made of its own. It ends with this
process, however that ends; and where it cannot be, or ends too early, this one does everything.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Generic, TypeVar

from netlab.model import outside

Job = TypeVar("Job")
Result = TypeVar("Result")
#: Bytes by which the fork may be ahead of who reads what it has made.
AHEAD = outside.MIB


def in_turns(
    function: Callable[[Job], Result], jobs: Iterable[Job], pays: bool, every: int = 2
) -> Iterator[tuple[Job, Result]]:
    """Each job, and what `function` makes of it, in order.

    If the work `pays` for a fork, this process does every so many-th job, and the fork the others.
    The jobs must be the same wherever they are gone through, and results are pickled.
    """
    jobs = iter(jobs)
    with contextlib.closing(_Other(function, jobs, every)) as other:
        if pays:
            other.begin()
        for number, job in enumerate(jobs):
            yield job, other.result(job) if number % every else function(job)


class _Other(Generic[Job, Result]):
    """Who does the other jobs: a fork, or this process where there is none."""

    def __init__(self, function: Callable[[Job], Result], jobs: Iterator[Job], every: int) -> None:
        self._function, self._jobs, self._every = function, jobs, every
        self._process = 0
        self._results: BinaryIO | None = None

    def begin(self) -> None:
        """Fork, if there is a processor for it. With threads, a fork is not safe."""
        from netlab.linux.syscalls import die_with_parent  # 5 ms

        with contextlib.suppress(OSError):
            if len(os.sched_getaffinity(0)) < 2 or threading.active_count() > 1:
                return
            parent, (here, there) = os.getpid(), os.pipe()
            with os.fdopen(there, "wb") as pipe:
                self._results = os.fdopen(here, "rb")
                with contextlib.suppress(OSError):  # it may have as much as it may have
                    fcntl.fcntl(there, fcntl.F_SETPIPE_SZ, AHEAD)
                self._process = os.fork()
                if self._process:
                    return
                try:
                    die_with_parent()
                    if os.getppid() == parent:
                        self._work(pipe)
                finally:
                    os._exit(0)  # whatever it is: the other comes to it as well, and can tell

    def _work(self, pipe: BinaryIO) -> None:
        """In the fork: do the other jobs."""
        assert self._results is not None
        self._results.close()  # so that nobody reads what is written when the other has stopped
        gc.disable()  # it would copy whatever it looks at
        for number, job in enumerate(self._jobs):
            if number % self._every:
                pickle.dump(self._function(job), pipe, pickle.HIGHEST_PROTOCOL)
                pipe.flush()

    def result(self, job: Job) -> Result:
        """What is made of a job."""
        if self._results is not None:
            try:
                result: Result = pickle.load(self._results)
                return result
            except (EOFError, OSError, pickle.UnpicklingError):
                self.close()
        return self._function(job)

    def close(self) -> None:
        """End the fork."""
        if self._results is not None:
            self._results.close()
            self._results = None
        if self._process:
            with contextlib.suppress(OSError):
                os.kill(self._process, signal.SIGKILL)
                os.waitpid(self._process, 0)
            self._process = 0
