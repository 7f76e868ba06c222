# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets held on the wire, so that those of both ends can cross (as sch_plug on an interface).

The neighbour entry of the peer holds them: without a hardware address, packets queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netlab.model import evidence
from netlab.testbed.faults.base import Fault
from netlab.testbed.host import Host


class Plug(Fault):
    """Holds what these hosts send on the wire until it is removed."""

    kind = "plug"
    counts = False

    def __init__(self, name: str, hosts: Sequence[Host], clock: Callable[[], float]) -> None:
        self.name = name
        self.hosts = tuple(hosts)
        self._clock = clock
        for host in self.hosts:
            host.plug()
        self._installed = clock()
        self._removed: float | None = None

    @property
    def in_force(self) -> bool:
        """True until it lets the packets go."""
        return self._removed is None

    def remove(self) -> None:
        """Let the packets go, each side's in the order they were sent. What one of them calls forth
        at once overtakes those of its own side that are still held.
        """
        if self._removed is None:
            for host in self.hosts:
                host.unplug()
            self._removed = self._clock()

    @property
    def record(self) -> evidence.FaultRecord:
        """Its description; it drops nothing."""
        whose = "both ends" if len(self.hosts) > 1 else str(self.hosts[0].side)
        return evidence.FaultRecord(
            name=self.name,
            kind=self.kind,
            does=f"keeps packets of {whose} on the wire",
            sides=tuple(host.side for host in self.hosts),
            hook=None,
            rules="\n".join(
                f"ip neigh replace {host.peer.address} dev eth0 nud incomplete"
                for host in self.hosts
            ),
            packets=0,
            bytes=0,
            installed=self._installed,
            removed=self._removed,
            counts=False,
        )
