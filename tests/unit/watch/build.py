# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings of many looks."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.model.findings import Finding, StuckConnection
from netlab.model.tcp import State
from netlab.model.watching import Happened
from netlab.watch.changes import Changes


def finding(
    number: int = 1,
    cause: str = "not-closed",
    port: int | None = 80,
    process: str = "app",
    also: tuple[str, ...] = (),
    first: int = 0,
    oldest: float | None = None,
) -> Finding:
    """So many connections that are stuck, from the `first` client on."""
    clients = range(1000 + first, 1000 + first + number)
    return Finding(
        cause,
        "a title",
        0.9,
        "a-scenario",
        "next",
        "check",
        "close it\nand more",
        also=also,
        service=f"port {port}",
        port=port,
        programs=(process,) if process else (),
        oldest=oldest,
        connections=tuple(
            StuckConnection(("10.0.0.2", port or 0), ("10.0.0.1", client), (State.CLOSE_WAIT,))
            for client in clients
        ),
    )


def watched(*looks: Sequence[Finding], changes: Changes | None = None) -> list[Happened]:
    """What is told of looks that are ten seconds apart, the first at 100."""
    changes = changes or Changes()
    told = [changes.look(100.0 + 10 * at, found) for at, found in enumerate(looks)]
    return [each for look in told for each in look]


def told(*looks: Sequence[Finding]) -> list[tuple[str, float, int]]:
    """The same in short: what happened, when, and how many connections there were."""
    return [(str(each.turn), each.at, each.standing.number) for each in watched(*looks)]
