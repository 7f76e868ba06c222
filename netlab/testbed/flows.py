# SPDX-License-Identifier: GPL-2.0-or-later
"""The connections of one lab: each is followed in the tables of both ends, by its addresses."""

from __future__ import annotations

from collections.abc import Iterator

from netlab import scheduler
from netlab.linux.procnet import Row, TcpTable
from netlab.model.errors import LabError
from netlab.model.vocabulary import Family, Side
from netlab.testbed.connection import Flow, index

Endpoint = tuple[str, int]


class FlowTracker:
    """Every connection that was opened; the hosts register what they open.

    `began`: when the lab was built, in seconds on the clock of `scheduler.now`. `usual`: the
    client's and the server's end of the connection to assume before there is one.
    """

    def __init__(self, began: float, usual: tuple[Endpoint, Endpoint]) -> None:
        self._began = began
        self._usual = usual
        #: The client's addresses, and those that the server sees instead where a router translates.
        self.translated: dict[str, str] = {}
        self._tables: dict[Side, TcpTable] = {}
        self._flows: dict[tuple[Endpoint, Endpoint], Flow] = {}

    def open_table(self, side: Side, family: Family) -> TcpTable:
        """Watch one side from now on, whose own sockets are of this family. Call it inside that
        side's namespace.
        """
        table = self._tables[side] = TcpTable("tcp" if family is Family.IPV4 else "tcp6")
        return table

    def register(
        self, side: Side, local: Endpoint, remote: Endpoint, name: str = "", begins: bool = False
    ) -> Flow:
        """Follow the connection with these ends from now on.

        `begins`: it is being opened, and thus becomes the one opened last, even as a new
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
        """The client's end as the server sees it. A NAT keeps a port that is free."""
        return self.translated.get(client[0], client[0]), client[1]

    def _client(self, seen: Endpoint) -> Endpoint:
        """The client's own end, from the one that the server sees."""
        own = {other: address for address, other in self.translated.items()}
        return own.get(seen[0], seen[0]), seen[1]

    def named(self, name: str = "") -> Flow:
        """The connection of that name, or the one opened last. Raises `LabError` if none has it."""
        if not self._flows:
            return self.register(Side.CLIENT, *self._usual)
        flows = [flow for flow in self._flows.values() if name in ("", flow.name)]
        if not flows:
            raise LabError(f"no connection is called {name!r}")
        return flows[-1]

    def sample(self) -> Iterator[list[Row]]:
        """Read both tables once, and note the state of every connection; yield the rows read."""
        at = scheduler.now()
        for side, table in self._tables.items():
            rows = table.sample(at)
            indexed = index(rows)
            for flow in self._flows.values():
                flow.sample(at, side, indexed)
            yield rows
