# SPDX-License-Identifier: GPL-2.0-or-later
"""Closes sockets that the kernel is slow to close, while the caller goes on.

Closing an nfnetlink socket soon after a table was deleted blocks until the kernel has freed the
table, and that takes a grace period: 10 ms, four times what the whole lab costs
(`nft_rcv_nl_event` in ``net/netfilter/nf_tables_api.c``). One thread waits for all of them. It is
enough, because one grace period covers everything that was deleted before it began. The thread ends
with the last socket, so a process has no second thread while there is nothing to close.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from functools import cache

from netlab.linux import threads

#: At most this many may wait, each with its namespace; the caller closes any more, and waits.
LIMIT = 32


class Closer:
    """A thread that closes things, and lives as long as there is something to close."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], object]] = deque()
        self._works = False
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def hand_over(self, close: Callable[[], object]) -> None:
        """Have `close` called soon, or call it at once if too many wait or no thread starts."""
        with threads.undisturbed(), self._lock:
            here = len(self._waiting) >= LIMIT or not self._is_at_work()
            if not here:
                self._waiting.append(close)
        if here:
            close()

    def finish(self) -> None:
        """Return when everything is closed, and the thread has ended."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _is_at_work(self) -> bool:
        if not self._works:
            thread = threading.Thread(target=self._work, name="netlab-closing")
            try:
                thread.start()
            except RuntimeError:  # too many processes, or the interpreter is about to end
                return False
            self._works, self._thread = True, thread
        return True

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._works = False
                    return
                close = self._waiting[0]  # it counts until it is closed
            with contextlib.suppress(OSError):  # no caller is left who could handle it
                close()
            del close  # the last reference: nothing may stay open because of a name
            with self._lock:
                self._waiting.popleft()


@cache
def _closer() -> Closer:
    return Closer()


def later(close: Callable[[], object]) -> None:
    """Have a socket closed without waiting for it."""
    _closer().hand_over(close)


def beside(close: Callable[[], object]) -> None:
    """Have something closed by a thread of its own, which lives for some milliseconds and which no
    fork waits for: the next program would start so much later, after every lab. It must be
    something that a child does not inherit once its closing has begun, such as a socket.
    """
    try:
        threads.start(threading.Thread(target=close, name="netlab-closing-beside"))
    except RuntimeError:  # too many processes, or the interpreter is about to end
        close()


def finish() -> None:
    """Wait until everything that was handed over is closed, and the thread has ended."""
    _closer().finish()


# With a second thread, a process cannot fork safely, and the child would inherit sockets that
# keep the parent's namespaces.
os.register_at_fork(before=finish, after_in_child=_closer.cache_clear)
