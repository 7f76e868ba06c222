# SPDX-License-Identifier: GPL-2.0-or-later
"""The result of a diagnosis: what is stuck, why, and what to do; frozen plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from netlab.model.tcp import State

#: From here on (0 to 1), a finding without a connection counts like one with some.
BY_COUNTERS = 0.5


class StuckConnection(NamedTuple):
    """One connection of a finding. The first state is that of the end at `local`."""

    local: tuple[str, int]
    remote: tuple[str, int]
    states: tuple[State, ...]  # of one end, or of both
    translated: bool = False  # its ends were matched by their ports: a NAT changed an address

    def to_json(self) -> dict[str, Any]:
        """The connection as plain data for JSON."""
        return {
            "local": list(self.local),
            "remote": list(self.remote),
            "states": [str(state) for state in self.states],
            "translated": self.translated,
        }


class Alternative(NamedTuple):
    """Another cause that fits the same connections, and the scenario that makes it."""

    cause: str
    title: str
    scenario: str


@dataclass(frozen=True, slots=True)
class OtherEnd:
    """What the unknown end may show, and the causes that this would mean, the likeliest first."""

    shows: str
    causes: tuple[str, ...]
    titles: tuple[str, ...]

    @property
    def means(self) -> str:
        """The causes with their titles, in a line."""
        pairs = zip(self.causes, self.titles, strict=True)
        return " or ".join(f"{cause} ({title})" for cause, title in pairs)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data for JSON."""
        return {"shows": self.shows, "means": self.means, "causes": list(self.causes)}


@dataclass(frozen=True, slots=True)
class Finding:
    """Connections that are stuck for the same reason, the evidence, and what to do."""

    cause: str  # an id of causes.yaml
    title: str
    confidence: float  # 0 to 1
    scenario: str  # the one that recreates it
    next: str  # what will happen if nothing is done
    confirm: str  # what to check to be sure
    fix: str
    also: tuple[str, ...] = ()  # ids that this evidence cannot tell apart from it, likelier first
    alternatives: tuple[Alternative, ...] = ()  # those of `also`, and then those that fit less
    service: str = ""  # where its connections go: port 443 here, 10.0.0.2:443
    port: int | None = None  # of the service
    owners: tuple[str, ...] = ()  # processes, as the snapshot names them
    hosts: tuple[str, ...] = ()  # where its ends are, if several hosts were looked at
    programs: tuple[str, ...] = ()  # their names at the end that it is about, most sockets first
    oldest: float | None = None  # seconds for which one of them has been stuck, by its own figures
    evidence_for: tuple[str, ...] = ()
    evidence_against: tuple[str, ...] = ()
    other_end: tuple[OtherEnd, ...] = ()  # where only one end is known
    more: str = ""  # the command that shows what this listing does not, where that matters
    connections: tuple[StuckConnection, ...] = ()

    @property
    def less_likely(self) -> tuple[str, ...]:
        """Ids of causes that fit as well, but less than those of `also`."""
        return tuple(each.cause for each in self.alternatives[len(self.also) :])

    def to_json(self) -> dict[str, Any]:
        """The finding as plain data for JSON."""
        return {
            "cause": self.cause,
            "also": list(self.also),
            "less_likely": list(self.less_likely),
            "confidence": self.confidence,
            "title": self.title,
            "service": self.service,
            "owners": list(self.owners),
            "hosts": list(self.hosts),
            "evidence_for": list(self.evidence_for),
            "evidence_against": list(self.evidence_against),
            "next": self.next,
            "confirm": self.confirm,
            "more": self.more,
            "fix": self.fix,
            "scenario": self.scenario,
            "other_end": [end.to_json() for end in self.other_end],
            "connections": [connection.to_json() for connection in self.connections],
        }


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, the most important first, and the number of healthy sockets."""

    findings: tuple[Finding, ...]
    healthy: int  # sockets without a finding
    sockets: int  # all that were judged
    notes: tuple[str, ...] = ()  # what readers left out, each with its snapshot's name
    unseen: tuple[str, ...] = ()  # what the evidence cannot show, likewise

    @property
    def is_bad(self) -> bool:
        """Whether a connection is stuck, or the counters of a host say that some are."""
        return any(f.connections or f.confidence >= BY_COUNTERS for f in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The diagnosis as plain data for JSON."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "healthy": self.healthy,
            "sockets": self.sockets,
            "notes": [*self.notes, *self.unseen],
        }
