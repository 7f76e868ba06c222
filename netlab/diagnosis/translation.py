# SPDX-License-Identifier: GPL-2.0-or-later
"""What connection tracking says of the way between two ends: who is whose, and what has passed.

Each host that translates knows one step: the addresses before it, and those behind it. An entry is
asked by the four-tuple that a socket has, local endpoint first; behind a NAT, the other end's is
not its mirror image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netlab.snapshot.records import ConntrackEntry, FourTuple, Snapshot

#: Translations that one connection may meet in a row; a loop has no end.
MOST = 8


def mirrored(ends: FourTuple) -> FourTuple:
    """The same connection from the other side."""
    return ends[1], ends[0]


@dataclass(frozen=True, slots=True)
class Tracked:
    """A connection, as a host on its way has it."""

    host: str
    #: None: this host tracks others between the same two addresses, and not this one.
    entry: ConntrackEntry | None


class Translations:
    """Everything that the hosts of some snapshots track."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._entries: dict[FourTuple, list[Tracked]] = {}
        self._between: dict[tuple[str, str], set[str]] = {}  # hosts, by the two addresses
        self._leads: dict[FourTuple, set[FourTuple]] = {}
        for snapshot in snapshots:
            listed = [sample.tracking for sample in snapshot.samples if sample.tracking]
            for entry in listed[-1].entries if listed else ():
                self._learn(snapshot.name, entry, listed[-1].whole)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def _learn(self, host: str, entry: ConntrackEntry, whole: bool) -> None:
        tracked = Tracked(host, entry)
        for ends in (entry.original, entry.reply):
            self._entries.setdefault(ends, []).append(tracked)
            if whole:
                self._between.setdefault((ends[0][0], ends[1][0]), set()).add(host)
        if entry.reply != mirrored(entry.original):
            self._leads.setdefault(entry.original, set()).add(entry.reply)
            self._leads.setdefault(entry.reply, set()).add(entry.original)

    def other_end(self, ends: FourTuple) -> FourTuple | None:
        """The four-tuple of a socket's other end; None where nothing is translated, or where two
        hosts translate the same one differently, as behind two NATs.
        """
        at = ends
        for _ in range(MOST):
            leads = self._leads.get(at, ())
            if len(leads) > 1:
                return None
            if not leads:
                return None if at == ends else mirrored(at)
            at = mirrored(*leads)
        return None

    def of(self, ends: FourTuple) -> Sequence[Tracked]:
        """What the hosts on a connection's way have of it, asked from either end."""
        known = self._entries.get(ends) or self._entries.get(mirrored(ends)) or []
        having = {tracked.host for tracked in known}
        others = self._between.get((ends[0][0], ends[1][0]), set())
        return [*known, *(Tracked(host, None) for host in sorted(others - having))]
