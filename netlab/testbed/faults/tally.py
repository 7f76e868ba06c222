# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts what each fault of a lab does, in all and while a pair is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netlab.model.evidence import FaultRecord
from netlab.testbed.faults.base import Fault


class Tally:
    """The packets of each fault, as they were when a hold began and when they were last looked at.

    What a fault does after the last look, when the pair is already healing, does not count.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults  # the lab's own list, which grows
        self._before: dict[Fault, int] = {}
        self._latest: dict[Fault, int] = {}

    def forget(self) -> None:
        """No pair is held yet."""
        self._before = {}

    def begin(self) -> None:
        """A hold begins now, perhaps anew."""
        self.look()
        self._before = self._latest

    def look(self) -> None:
        """Ask the kernel what they have counted by now."""
        self._latest = {fault: fault.packets for fault in self._faults}

    def in_all(self, fault: Fault) -> int:
        """The packets that it had met by the last look."""
        return self._latest.get(fault, 0)

    def while_held(self, fault: Fault) -> int | None:
        """Those of them that it met while the pair was held; None if it was not there then."""
        before = self._before.get(fault)
        return None if before is None else self.in_all(fault) - before

    def records(self) -> tuple[FaultRecord, ...]:
        """The record of every fault, with what it has done by now."""
        return tuple(
            replace(fault.record, while_held=self.while_held(fault)) for fault in self._faults
        )
