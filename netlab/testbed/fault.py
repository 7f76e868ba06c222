# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults: what is done to packets, and how it is undone.

A fault is a context manager: leaving it takes it out of force. What it did stays readable.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol

from netlab.model import evidence
from netlab.model.errors import LabError
from netlab.testbed import nft
from netlab.testbed.host import Host
from netlab.testbed.nft import Counter, Table

_NOTHING = Counter(0, 0)
FIRST_RULE_LINE = 4  # in Table.text


class Liftable(Protocol):
    """Anything that can be in force and be undone."""

    name: str

    def lift(self) -> None:
        """Undo it; harmless when that was done already."""

    @property
    def record(self) -> evidence.Fault:
        """What it was and what it did."""


class _Undone:
    """The context manager that every fault is."""

    def lift(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.lift()


class Fault(_Undone):
    """Rules in force at one hook of one host."""

    def __init__(self, host: Host, table: Table, clock: Callable[[], float]) -> None:
        self.name = table.name
        self.host = host
        self.table = table
        self._clock = clock
        self._final: Counter | None = None
        if table.raw:
            _install_text(host, table)
        else:
            nft.install(host.firewall, [table])
        self._installed = clock()
        self._removed: float | None = None

    def __enter__(self) -> Fault:  # type: ignore[override]
        return self

    @property
    def where(self) -> str:
        """The place in words: ``client input``."""
        return f"{self.host.side} {self.table.hook}"

    @property
    def counter(self) -> Counter:
        """Packets and bytes that its rules matched, all together."""
        if self._final is not None:
            return self._final
        return sum(nft.counters(self.host.firewall, self.name), _NOTHING)

    @property
    def packets(self) -> int:
        """How many packets it dropped or rejected."""
        return self.counter.packets

    def lift(self) -> None:
        """Take the rules out of force; the counter keeps its last value."""
        if self._final is None:
            nft.disable(self.host.firewall, self.name)  # else something might yet be counted
            self._final = self.counter
            nft.remove(self.host.firewall, [self.name])
            self._removed = self._clock()

    @property
    def record(self) -> evidence.Fault:
        """What it was and what it did."""
        counter = self.counter
        return evidence.Fault(
            name=self.name,
            where=self.where,
            rules=self.table.text,
            packets=counter.packets,
            bytes=counter.bytes,
            installed=self._installed,
            removed=self._removed,
        )


class Hold(_Undone):
    """Packets that wait on the wire, so that both ends' can cross."""

    def __init__(self, name: str, hosts: Sequence[Host], clock: Callable[[], float]) -> None:
        self.name = name
        self.hosts = tuple(hosts)
        self._clock = clock
        for host in self.hosts:
            host.hold()
        self._installed = clock()
        self._removed: float | None = None

    def __enter__(self) -> Hold:  # type: ignore[override]
        return self

    def lift(self) -> None:
        """Let the packets go, each side's in the order they were sent."""
        if self._removed is None:
            for host in self.hosts:
                host.release()
            self._removed = self._clock()

    @property
    def record(self) -> evidence.Fault:
        """What it was; a hold drops nothing."""
        sides = " and ".join(str(host.side) for host in self.hosts)
        return evidence.Fault(
            name=self.name,
            where=f"{sides} neighbour",
            rules="\n".join(
                f"ip neigh replace {host.peer.address} dev eth0 nud incomplete"
                for host in self.hosts
            ),
            packets=0,
            bytes=0,
            installed=self._installed,
            removed=self._removed,
            drops=False,
        )


def _install_text(host: Host, table: Table) -> None:
    """Hand rules in nft's own language to the nft program, inside the namespace."""
    try:
        with host.namespace:
            done = subprocess.run(
                ["nft", "-f", "-"], input=table.text, capture_output=True, text=True, check=False
            )
    except FileNotFoundError:
        raise LabError(
            "a rule in nft's own language needs the nft program: install nftables, "
            "or say the rule with segment:, port:, first: and after:"
        ) from None
    if done.returncode:
        raise LabError(_complaint(table, done.stderr))


def _complaint(table: Table, said: str) -> str:
    """Nft's first complaint, with the rule it is about: line 4 of the text is the first one."""
    place = re.match(r"/dev/stdin:(\d+):[\d-]+: (.*)", said)
    if place is None:
        return f"nft refused {table.raw[0]!r}: {said.strip() or 'it gave no reason'}"
    number = int(place[1]) - FIRST_RULE_LINE
    rule = table.raw[number] if 0 <= number < len(table.raw) else table.raw[0]
    return f"nft refused {rule!r}: {place[2]}"
