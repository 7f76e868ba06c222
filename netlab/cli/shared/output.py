# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing while labs are open, so that whoever reads slowly, or not at all, delays none of them.

All labs live in one thread, and a write to a full pipe, or to a terminal that Ctrl-S has stopped,
would stop that thread, and with it every clock that a scenario is judged by. So a thread of its
own writes, from a queue without an end. It holds no lock of a stream's: a process may end while
that thread is still stuck in a write.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import threading
from collections.abc import Callable
from typing import TextIO

from netlab.model.errors import NetlabError

#: Seconds without anything being read, after which nobody waits for a reader of what was stopped.
PATIENCE = 5.0
LOOK = 0.5


class Output:
    """A stream that is written to in the background, in order.

    Without root a process must have one thread when it enters its user namespace (see
    `netlab.linux.privileges`), so what comes before `start` waits in the queue.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream  # None: the shell closed it (>&-), and nothing is written
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None
        self._written = 0
        self._descriptor = _descriptor(stream)

    @property
    def gone(self) -> bool:
        """Whether whoever read it has gone away: nothing more will be written.

        A pipe without a reader says so itself (POLLERR), before anything more is written to it.
        """
        if self._error is not None or self._descriptor is None:
            return self._error is not None
        poller = select.poll()
        poller.register(self._descriptor, 0)
        return bool(poller.poll(0))

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be written."""
        return self._pieces.empty()

    def write(self, text: str) -> None:
        """Write a text later."""
        self._pieces.put(text)

    def start(self) -> None:
        """Begin to write. Once is enough, and more often is no mistake."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="netlab-output", daemon=True)
            self._thread.start()

    def finish(self, asked_to_end: Callable[[], bool] = lambda: False) -> None:
        """Return when all of it is written; or, where this process is asked to end, when nobody
        has read anything for `PATIENCE`, or nobody is there any more.

        Raises BrokenPipeError where the reader has gone, `NetlabError` where the stream cannot be
        written for another reason (a full disk).
        """
        self.start()
        assert self._thread is not None
        self._pieces.put(None)
        stuck = 0.0
        while self._thread.is_alive() and stuck < PATIENCE:
            before = self._written
            self._thread.join(LOOK)
            stuck = stuck + LOOK if asked_to_end() and self._written == before else 0.0
        if self._error is None or asked_to_end():
            return
        if isinstance(self._error, BrokenPipeError):
            raise self._error
        raise NetlabError(f"standard output cannot be written: {self._error.strerror}")

    def _run(self) -> None:
        # All signals are the main thread's, so that it wakes up for them.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while (text := self._pieces.get()) is not None:
            if self._stream is not None and self._error is None:
                try:
                    self._put(self._stream, text)
                except OSError as error:
                    self._error = error

    def _put(self, stream: TextIO, text: str) -> None:
        if self._descriptor is None:  # it is no file: somebody collects what is written
            stream.write(text)
            return
        data = text.encode(stream.encoding or "utf-8", stream.errors or "replace")
        while data:
            try:
                size = os.write(self._descriptor, data)
            except BlockingIOError:  # whoever has the other end has made it so
                select.select([], [self._descriptor], [])
                continue
            data = data[size:]
            self._written += size


def _descriptor(stream: TextIO | None) -> int | None:
    """The descriptor below a stream, which has nothing left to write then."""
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):  # io.UnsupportedOperation is both
            stream.flush()
            return stream.fileno()
    return None
