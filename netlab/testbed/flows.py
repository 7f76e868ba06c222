# SPDX-License-Identifier: GPL-2.0-or-later
"""The connections of one lab: each is followed in the tables of both ends, by its addresses."""

from __future__ import annotations

from collections.abc import Iterator

from netlab import scheduler
from netlab.linux.procnet import Row, TcpTable
from netlab.model.errors import LabError
from netlab.model.vocabulary import Side
from netlab.testbed.connection import Flow, index

Endpoint = tuple[str, int]


class FlowTracker:
    """Every connection that was opened. The hosts tell it what they open.

    `began`: when the lab was, on the clock of the scheduler. `usual`: client's and server's end of
    the connection that is meant before there is any.
    """

    def __init__(self, began: float, usual: tuple[Endpoint, Endpoint]) -> None:
        self._began = began
        self._usual = usual
        #: Addresses of the client, and what the server sees instead of them: a router translates.
        self.translated: dict[str, str] = {}
        self._tables: dict[Side, TcpTable] = {}
        self._flows: dict[tuple[Endpoint, Endpoint], Flow] = {}

    def open_table(self, side: Side) -> TcpTable:
        """Watch one side from now on. To be called inside its namespace."""
        table = self._tables[side] = TcpTable()
        return table

    def register(
        self, side: Side, local: Endpoint, remote: Endpoint, name: str = "", begins: bool = False
    ) -> Flow:
        """From now on, follow the connection with these ends.

        `begins`: it is opened now, and so is the one that was begun last, also when it is a new
        incarnation of the same four-tuple.
        """
        ends = (local, remote) if side is Side.CLIENT else (self._client(remote), local)
        flow = self._flows.get(ends) or Flow(*ends, self._began, seen_from=self._seen(ends[0]))
        if begins:
            self._flows.pop(ends, None)
            flow.begun.append((side, scheduler.now() - self._began))
        self._flows[ends] = flow
        flow.name = name or flow.name
        return flow

    def _seen(self, client: Endpoint) -> Endpoint:
        """The client's end as the server sees it. A NAT leaves a port that is free as it is."""
        return self.translated.get(client[0], client[0]), client[1]

    def _client(self, seen: Endpoint) -> Endpoint:
        """The end that the client itself has, of what the server sees."""
        own = {other: address for address, other in self.translated.items()}
        return own.get(seen[0], seen[0]), seen[1]

    def named(self, name: str = "") -> Flow:
        """The connection of that name, or the one that was begun last. Raises `LabError`."""
        if not self._flows:
            return self.register(Side.CLIENT, *self._usual)
        flows = [flow for flow in self._flows.values() if name in ("", flow.name)]
        if not flows:
            raise LabError(f"no connection is called {name!r}")
        return flows[-1]

    def sample(self) -> Iterator[list[Row]]:
        """Read both tables once, and note the state of every connection; yields what was read."""
        at = scheduler.now()
        for side, table in self._tables.items():
            rows = table.read()
            indexed = index(rows)
            for flow in self._flows.values():
                flow.sample(at, side, indexed)
            yield rows
