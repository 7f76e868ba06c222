# SPDX-License-Identifier: GPL-2.0-or-later
"""The states one end of a connection was seen in over time: samples condensed to intervals."""

from __future__ import annotations

from netlab.linux.procnet import Row
from netlab.model.evidence import Interval
from netlab.model.tcp import State, Timer

_ABSENT = Row("", "", State.CLOSED, 0, 0, Timer.NONE, 0.0, 0, 0, 0)


class Timeline:
    """Collects the samples of one end; consecutive equal ones become one interval.

    All is compared but the timer's countdown and the kernel's name for the socket, so a
    retransmission starts a new interval. Times go in as seconds on the clock of `scheduler.now`
    and come out as seconds since `origin`.
    """

    def __init__(self, origin: float) -> None:
        self._origin = origin
        self._past: list[Interval] = []
        self._key: tuple[object, ...] | None = None
        self._row = _ABSENT
        self._last: Row | None = None  # to compare what has not changed by identity
        self._since = self._until = 0.0
        self._samples = 0

    def add(self, at: float, row: Row | None) -> None:
        """Take one sample; None where the connection is not listed."""
        row = row or _ABSENT
        if row is self._last:
            self._until = at
            self._samples += 1
            return
        self._last = row
        key = row[2:6] + row[7:10]
        if key == self._key:
            self._until = at
            self._samples += 1
            return
        if self._key is not None:
            self._past.append(self._current())
        self._key, self._row = key, row
        self._since = self._until = at
        self._samples = 1

    def _current(self) -> Interval:
        row = self._row
        return Interval(
            state=row.state,
            since=round(self._since - self._origin, 6),
            until=round(self._until - self._origin, 6),
            samples=self._samples,
            timer=row.timer,
            remaining=row.remaining,
            retransmits=row.retransmits,
            probes=row.probes,
            tx_queue=row.tx_queue,
            rx_queue=row.rx_queue,
            inode=row.inode,
        )

    def intervals(self) -> tuple[Interval, ...]:
        """All intervals so far, in order."""
        return (*self._past, self._current()) if self._key is not None else ()
