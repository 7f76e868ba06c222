# SPDX-License-Identifier: GPL-2.0-or-later
"""Looks at a host, each diagnosed with the one before: what moved between the two is not stuck.

A look at 10,000 sockets takes 0.08 s of one core. So nothing is done for a socket that is well but
to see that it is, and only who holds a stuck one is looked up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from netlab import scheduler
from netlab.diagnosis.rank import diagnose
from netlab.model.findings import BY_COUNTERS, Diagnosis, Finding
from netlab.model.tcp import State
from netlab.snapshot import collect
from netlab.snapshot.crowd import changed
from netlab.snapshot.holders import Holders
from netlab.snapshot.owners import processes
from netlab.snapshot.records import Sample, Snapshot, Socket

#: Seconds by which the two clocks may differ between two looks: with more, somebody set the clock,
#: or the machine slept, and what seems not to have moved had no time to.
STEP = 1.0


@dataclass(frozen=True, slots=True)
class WatchLook:
    """One look, and what it shows together with the one before."""

    at: float  # seconds since the epoch
    sockets: int
    seconds: float  # that it took
    diagnosis: Diagnosis | None  # None: there is none before that it could be compared with

    def findings(self) -> Iterator[Finding]:
        """What is stuck: as ``netlab diagnose`` counts it for its exit code."""
        for finding in self.diagnosis.findings if self.diagnosis else ():
            if finding.connections or finding.confidence >= BY_COUNTERS:
                yield finding


class LiveLooks:
    """The looks at the namespace that this thread is in."""

    def __init__(self) -> None:
        self._name = os.uname().nodename
        self._holders = Holders()
        self._before: tuple[Sample, float] | None = None  # the last one, and when it was

    def look(self) -> WatchLook:
        """Look now. Raises `LabError` if the counters cannot be read."""
        began = scheduler.now()
        self._holders.look()
        sample = self._with_listeners(collect.sample(owners=False))
        diagnosis = None
        if self._before is not None and _apart(*self._before, sample, began):
            both = Snapshot((self._before[0], sample), self._name)
            diagnosis = diagnose([both], holders=self._held)
        self._before = sample, began
        assert sample.at is not None
        return WatchLook(sample.at, len(sample.sockets), scheduler.now() - began, diagnosis)

    def _with_listeners(self, sample: Sample) -> Sample:
        """Name the processes that listen: the rules ask whether there is one."""
        return replace(sample, sockets=changed(sample.sockets, self._named))

    def _named(self, socket: Socket) -> Socket:
        if socket.state is not State.LISTEN:
            return socket
        return replace(socket, owner=self._holders.owner(socket.inode))

    def _held(self, socket: Socket) -> Iterator[tuple[str, str]]:
        return processes(socket.owner or self._holders.owner(socket.inode))


def _apart(before: Sample, then: float, sample: Sample, now: float) -> bool:
    """Whether the same time has passed on both clocks."""
    assert before.at is not None
    assert sample.at is not None
    return abs((sample.at - before.at) - (now - then)) < STEP
