# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings about a whole host, or about everything that goes from it to one destination."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netlab.diagnosis import wording
from netlab.diagnosis.causes import Cause
from netlab.diagnosis.observed import Destination, ObservedHost
from netlab.diagnosis.rules import HostCandidate, Rules
from netlab.model.findings import Finding, StuckConnection
from netlab.snapshot.records import written


def of_destinations(host: ObservedHost, rules: Rules) -> Iterator[Finding]:
    """Findings from connections taken together, each of which may be healthy."""
    for destination in host.destinations():
        for candidate in rules.of_destination(destination):
            yield _of_destination(candidate, destination)


def _of_destination(candidate: HostCandidate, destination: Destination) -> Finding:
    told = tuple(wording.of_destination(text, destination) for text in candidate.evidence)
    connections = tuple(
        StuckConnection(socket.local, socket.remote, (socket.state,))
        for socket in destination.sockets
    )
    return replace(
        _finding(candidate.cause.advising(destination.remote[1], here=False), candidate, told),
        service=written(destination.remote),
        port=destination.remote[1] or None,
        connections=connections,
    )


def of_host(host: ObservedHost, rules: Rules) -> Iterator[Finding]:
    """Findings from the counters of a host alone."""
    for candidate in rules.of_host(host):
        told = tuple(wording.of_host(text, host) for text in candidate.evidence)
        yield _finding(candidate.cause, candidate, told)


def _finding(cause: Cause, candidate: HostCandidate, evidence: tuple[str, ...]) -> Finding:
    return Finding(
        cause=cause.id,
        title=cause.title,
        confidence=candidate.confidence,
        scenario=cause.scenario,
        next=cause.next,
        confirm=cause.confirm,
        fix=cause.fix,
        evidence_for=evidence,
    )
