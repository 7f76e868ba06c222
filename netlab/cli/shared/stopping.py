# SPDX-License-Identifier: GPL-2.0-or-later
"""Ctrl-C, and the signal of a CI whose time is over: what has ended by then is kept.

A signal is only noted when it comes, and checked between two turns of the labs, so that no record
is lost or half written. In a terminal Ctrl-C also reaches the programs in the labs, and what a
scenario does after that is no longer its own doing: it counts as not ended.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds. timeout(1) sends its signal twice, at once; a person who presses Ctrl-C again means it.
AGAIN = 1.0


class Stopped(BaseException):
    """A signal has asked this process to end. Like KeyboardInterrupt, it is nobody's mistake: who
    keeps the trouble of one kernel or one scenario apart lets it pass.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number  # as shells report it


class Stop:
    """Records whether this process was asked to end."""

    def __init__(self) -> None:
        self._number = 0
        self._since = 0.0

    @property
    def asked(self) -> bool:
        """True if a signal has come."""
        return self._number != 0

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells report it; 0 without a signal."""
        return 128 + self._number if self._number else 0

    def check(self) -> None:
        """Raise `Stopped` if a signal has come."""
        if self._number:
            raise Stopped(self._number)

    def note(self, number: int, frame: FrameType | None) -> None:
        """The handler of all these signals. Raises KeyboardInterrupt for a late second Ctrl-C."""
        now = time.monotonic()
        if not self._number:
            self._number, self._since = number, now
        elif number == signal.SIGINT and now - self._since > AGAIN:
            raise KeyboardInterrupt


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """Note signals instead of dying from them; ignored ones (nohup, ``&``) stay ignored."""
    stop = Stop()
    before: dict[signal.Signals, Any] = {}
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, stop.note)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
