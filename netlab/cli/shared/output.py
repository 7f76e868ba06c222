# SPDX-License-Identifier: GPL-2.0-or-later
"""Output written while labs are open, so that a slow reader, or one that stopped, delays none.

All labs live in one thread, and a write to a full pipe, or to a terminal that Ctrl-S has stopped,
would stop that thread, and with it every clock that a scenario is judged by. So a separate
thread writes, from an unbounded queue. It holds no stream's lock: a process may end while that
thread is still stuck in a write.
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

from netlab.linux import threads
from netlab.model.errors import LabError

#: Seconds in which nothing is read, after which a run that was stopped gives up on its reader.
PATIENCE = 5.0
LOOK = 0.5  # seconds between two looks


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
        """True if the reader has gone: nothing more will be written.

        A pipe without a reader reports it (POLLERR) before anything more is written to it.
        """
        if self._error is not None or self._descriptor is None:
            return self._error is not None
        poller = select.poll()
        poller.register(self._descriptor, 0)
        return bool(poller.poll(0))

    @property
    def idle(self) -> bool:
        """True if nothing waits to be written."""
        return self._pieces.empty()

    def write(self, text: str) -> None:
        """Write a text later."""
        self._pieces.put(text)

    def start(self) -> None:
        """Begin to write. Further calls do nothing."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="netlab-output", daemon=True)
            with contextlib.suppress(RuntimeError):  # too many processes: `finish` writes
                threads.start(thread)
                self._thread = thread

    def finish(self, asked_to_end: Callable[[], bool] = lambda: False) -> None:
        """Return when all of it is written; or, where this process is asked to end, when nothing
        was read for `PATIENCE` seconds, or the reader has gone.

        Raises BrokenPipeError if the reader has gone, `LabError` if the stream cannot be
        written for another reason (a full disk).
        """
        self.start()
        self._pieces.put(None)
        if self._thread is None:
            self._write_all()
        else:
            self._wait_for(self._thread, asked_to_end)
        if self._error is None or asked_to_end():
            return
        if isinstance(self._error, BrokenPipeError):
            raise self._error
        raise LabError(f"standard output cannot be written: {self._error.strerror}")

    def _wait_for(self, thread: threading.Thread, asked_to_end: Callable[[], bool]) -> None:
        stuck = 0.0
        while thread.is_alive() and stuck < PATIENCE:
            before = self._written
            thread.join(LOOK)
            stuck = stuck + LOOK if asked_to_end() and self._written == before else 0.0

    def _run(self) -> None:
        # The main thread takes all signals, so that it wakes up for them.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._write_all()

    def _write_all(self) -> None:
        while (text := self._pieces.get()) is not None:
            if self._stream is not None and self._error is None:
                try:
                    self._put(self._stream, text)
                except OSError as error:
                    self._error = error

    def _put(self, stream: TextIO, text: str) -> None:
        if self._descriptor is None:  # not a file: its owner collects the text
            stream.write(text)
            return
        data = text.encode(stream.encoding or "utf-8", stream.errors or "replace")
        while data:
            try:
                size = os.write(self._descriptor, data)
            except BlockingIOError:  # another process made it non-blocking
                select.select([], [self._descriptor], [])
                continue
            data = data[size:]
            self._written += size


def _descriptor(stream: TextIO | None) -> int | None:
    """The descriptor below a stream, which is flushed first; None if it has none."""
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):  # io.UnsupportedOperation is both
            stream.flush()
            return stream.fileno()
    return None
