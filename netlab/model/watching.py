# SPDX-License-Identifier: GPL-2.0-or-later
"""What became of a finding while a host was watched; frozen plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from netlab.model.findings import Finding


class Turn(StrEnum):
    """What a finding did."""

    BEGAN = "began"
    GREW = "grew"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two findings of different looks the same one."""

    cause: str
    port: int | None  # of the service
    process: str  # the name of the one that is at fault, without its number; '' if unknown


@dataclass(frozen=True, slots=True)
class Standing:
    """A finding that has begun and has not ended."""

    key: Key
    finding: Finding  # as it was last seen
    since: float  # seconds since the epoch, by the sockets' own figures or its first look
    number: int  # connections at the last look
    most: int  # connections at any look

    def to_json(self) -> dict[str, Any]:
        """The finding as plain data for JSON."""
        finding = self.finding
        return {
            "since": round(self.since, 3),
            "cause": self.key.cause,
            "port": self.key.port,
            "process": self.key.process,
            "connections": self.number,
            "most": self.most,
            "title": finding.title,
            "service": finding.service,
            "confidence": finding.confidence,
            "also": list(finding.also),
            "owners": list(finding.owners),
            "confirm": finding.confirm,
            "fix": finding.fix,
        }


@dataclass(frozen=True, slots=True)
class Happened:
    """A finding that began, grew or ended."""

    turn: Turn
    at: float  # seconds since the epoch: the look that shows it
    standing: Standing

    def to_json(self) -> dict[str, Any]:
        """The change as plain data for JSON."""
        return {"event": str(self.turn), "at": round(self.at, 3), **self.standing.to_json()}
