# SPDX-License-Identifier: GPL-2.0-or-later
"""What is asked of the sockets of a crowd that are at rest: how many are where, in one walk.

Of a million of them there may be as many endpoints, so that only those are counted to which other
sockets lead as well: nobody asks about the rest.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import compress
from typing import TypeAlias

from netlab.model.tcp import State
from netlab.snapshot.crowd import Batch, Crowd, Rows, restless
from netlab.snapshot.records import Endpoint, Socket
from netlab.snapshot.turns import in_turns

FOR_TWO = 200_000  # sockets from which on two processes count them
LIVELY = 3.0  # seconds: a SYN that was lost twice has been repeated twice by then
TIME_WAIT = 60.0  # seconds (TCP_TIMEWAIT_LEN)
CALM = (State.ESTABLISHED, State.TIME_WAIT)  # states of what is at rest
#: How many connections in each state a local port, or a remote endpoint, has.
Census: TypeAlias = Mapping[State, Counter[int | Endpoint]]


@dataclass(slots=True)
class Resting:
    """The counts of what is at rest, named as those of all sockets are."""

    number: int = 0
    used_here: Counter[int] = field(default_factory=Counter)
    used_there: Counter[int] = field(default_factory=Counter)
    census: Census = field(default_factory=lambda: {state: Counter() for state in CALM})
    lively: Counter[int | Endpoint | str] = field(default_factory=Counter)
    returns: bool = False  # whether any leads to an address of its own host

    @classmethod
    def of(cls, sockets: Sequence[Socket], addresses: Set[str]) -> Resting:
        """The counts of a host's sockets; `addresses`: its own."""
        endpoints = {socket.remote: socket.remote for socket in restless(sockets)}
        hosts = {address for address, _ in endpoints}

        def counted(batches: Sequence[Batch]) -> Resting:
            counts = cls()
            for batch in batches:
                counts._count(batch.rows(), endpoints, hosts, addresses)
            return counts

        batches = sockets.batches if isinstance(sockets, Crowd) else ()
        half = len(batches) // 2
        both = in_turns(counted, (batches[:half], batches[half:]), pays=len(sockets) >= FOR_TWO)
        (_, counts), (_, others) = both
        counts._add(others)
        return counts

    def _add(self, others: Resting) -> None:
        self.number += others.number
        self.used_here.update(others.used_here)
        self.used_there.update(others.used_there)
        for state, counts in others.census.items():
            self.census[state].update(counts)
        self.lively.update(others.lively)
        self.returns = self.returns or others.returns

    def _count(
        self,
        rows: Rows,
        endpoints: Mapping[Endpoint, Endpoint],
        hosts: Set[str],
        own: Set[str],
    ) -> None:
        here, states = rows.local_ports, rows.states
        self.number += len(here)
        self.used_here.update(here)
        self.used_there.update(rows.remote_ports)
        lively = established = [state is State.ESTABLISHED for state in states]
        if rows.heard is not None and rows.remaining is not None:
            lively = [*map(is_lively, states, rows.heard, rows.remaining)]
        self.lively.update(compress(here, lively))
        self.lively.update(filter(hosts.__contains__, compress(rows.remote_addresses, lively)))
        asked = [*map(endpoints.get, rows.remotes)]  # each endpoint once in memory
        if not own.isdisjoint(rows.remote_addresses):
            self.returns = True
            asked = [
                to if to[0] in own else one for one, to in zip(asked, rows.remotes, strict=True)
            ]
        self.lively.update(filter(None, compress(asked, lively)))
        ended = map(operator.not_, established)
        for state, some in zip(CALM, (established, [*ended]), strict=True):
            self.census[state].update(compress(here, some))
            self.census[state].update(filter(None, compress(asked, some)))


def is_lively(state: State, heard: float | None, remaining: float | None) -> bool:
    """Whether a connection at rest heard from the other end, or has ended in good order, just now;
    `heard`: seconds since, None of a listing without figures.
    """
    if state is State.TIME_WAIT:
        return (remaining or 0.0) > TIME_WAIT - LIVELY
    return heard is None or heard < LIVELY


def near(sockets: Sequence[Socket], addresses: Set[str]) -> tuple[list[Socket], set[int]]:
    """The sockets of a host that may be two ends of one connection: those that are not at rest,
    those that lead to its own `addresses`, and those that these lead to; and the local ports of
    the others.
    """
    found = [*restless(sockets)]
    batches = sockets.batches if isinstance(sockets, Crowd) else ()
    inward = [[to in addresses for to in batch.rows().remote_addresses] for batch in batches]
    for batch, some in zip(batches, inward, strict=True):
        found += compress(batch.sockets(), some) if True in some else ()
    ends = {socket.remote for socket in found}
    ports: set[int] = set()
    for batch, some in zip(batches, inward, strict=True):
        rows = batch.rows()
        met = [not inside and end in ends for inside, end in zip(some, rows.locals, strict=True)]
        found += compress(batch.sockets(), met) if True in met else ()
        others = (not (inside or met) for inside, met in zip(some, met, strict=True))
        ports.update(compress(rows.local_ports, others))
    return found, ports
