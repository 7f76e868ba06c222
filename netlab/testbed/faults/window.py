# SPDX-License-Identifier: GPL-2.0-or-later
"""A window that is closed: segments arrive, and say that their sender has no room."""

from __future__ import annotations

from collections.abc import Callable

from netlab.linux import nftables
from netlab.linux.expression import Rule
from netlab.linux.nftables import Table
from netlab.model import evidence
from netlab.model.vocabulary import Hook
from netlab.testbed.faults.base import Fault
from netlab.testbed.host import Host


class ClosedWindow(Fault):
    """Every segment that arrives at a host has a window of 0, from its SYN on: its TCP asks with
    probes, each is answered, and so no limit of retries ends it.
    """

    kind = "window"

    def __init__(self, host: Host, name: str, clock: Callable[[], float]) -> None:
        self.name, self.host = name, host
        self._clock = clock
        self.table = Table(name, Hook.INPUT, (Rule(host.family, window=0),))
        nftables.install(host.firewall, [self.table])
        self._installed = clock()
        self._removed: float | None = None
        self._final = 0

    @property
    def packets(self) -> int:
        """The number of segments whose window it has closed."""
        if self._removed is not None:
            return self._final
        return nftables.counters(self.host.firewall, self.name)[0].packets

    @property
    def in_force(self) -> bool:
        """True until windows are as they were sent."""
        return self._removed is None

    def remove(self) -> None:
        """Have segments arrive as they were sent."""
        if self._removed is None:
            self._final = self.packets
            nftables.remove(self.host.firewall, [self.name])
            self._removed = self._clock()

    @property
    def record(self) -> evidence.FaultRecord:
        """Its description, and the segments that it has changed."""
        return evidence.FaultRecord(
            name=self.name,
            kind=self.kind,
            does=f"closes the window of all that arrives at {self.host.side}",
            sides=(self.host.side,),
            hook=Hook.INPUT,
            rules=self.table.text,
            packets=self.packets,
            bytes=0,
            installed=self._installed,
            removed=self._removed,
        )
