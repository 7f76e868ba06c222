# SPDX-License-Identifier: GPL-2.0-or-later
"""The interface of every fault: installed, seen to take effect, recorded, removed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar, Self

from netlab.model import evidence


class Fault(ABC):
    """Something that is done to packets from its creation on. As a context manager it is removed
    at the end; what it did stays readable.
    """

    kind: ClassVar[str]  # its word in the language
    counts: bool = True  # whether it counts the packets that meet it
    name: str

    @abstractmethod
    def remove(self) -> None:
        """Remove it; harmless if that was already done."""

    @property
    def packets(self) -> int:
        """The number of packets that have met it so far."""
        return 0

    @property
    @abstractmethod
    def in_force(self) -> bool:
        """True until it is removed."""

    @property
    def ends_by_itself(self) -> bool:
        """True if it acts on a certain number of packets, and lets the rest pass."""
        return False

    @property
    @abstractmethod
    def record(self) -> evidence.FaultRecord:
        """Its description, and what it has done so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()
