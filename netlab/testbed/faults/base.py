# SPDX-License-Identifier: GPL-2.0-or-later
"""What every fault is: installed, seen to bite, recorded, removed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar, Self

from netlab.model import evidence


class Fault(ABC):
    """Something that is done to packets from now on. As a context manager it is removed at the
    end; what it did stays readable.
    """

    kind: ClassVar[str]  # its word in the language
    counts: ClassVar[bool] = True  # whether it can say how many packets met it
    name: str

    @abstractmethod
    def remove(self) -> None:
        """Take it away; harmless when that was done already."""

    @property
    def packets(self) -> int:
        """How many packets met it so far."""
        return 0

    @property
    @abstractmethod
    def record(self) -> evidence.FaultRecord:
        """What it is, and what it has done so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()
