# SPDX-License-Identifier: GPL-2.0-or-later
"""Follows the connections between two hosts: samples both tables, notes each end's state."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from netlab import scheduler
from netlab.linux.procnet import TcpTable
from netlab.model.errors import LabError
from netlab.model.vocabulary import USUAL_PORT, Family, Side
from netlab.testbed.connection import Flow, index
from netlab.testbed.recorder import Recorder
from netlab.testbed.tape import Tape

T = TypeVar("T")
PORT = USUAL_PORT

Endpoint = tuple[str, int]


class Watch:
    """What is known of the connections of one lab. The hosts tell it what they open."""

    def __init__(self, family: Family, network: int) -> None:
        self.family = family
        self.network = network
        self.began, self.began_realtime = scheduler.now(), time.time_ns()
        self.recorder: Recorder | None = None
        self.tape: Tape | None = None
        #: Addresses of the client, and what the server sees instead of them: a router translates.
        self.translated: dict[str, str] = {}
        self._tables: dict[Side, TcpTable] = {}
        self._flows: dict[tuple[Endpoint, Endpoint], Flow] = {}

    def elapsed(self) -> float:
        """Seconds since the lab was begun: the clock of its evidence."""
        return round(scheduler.now() - self.began, 6)

    def address(self, side: Side, extra: int = 0) -> str:
        """The address of one side; `extra` counts further ones."""
        return side.address(self.family, self.network, extra)

    def open_table(self, side: Side) -> TcpTable:
        """Watch one side from now on. To be called inside its namespace."""
        table = self._tables[side] = TcpTable()
        return table

    def register(
        self, side: Side, local: Endpoint, remote: Endpoint, name: str = "", begins: bool = False
    ) -> Flow:
        """From now on, follow the connection with these ends.

        `begins`: it is opened now, and so is the one that was begun last, also when it is a new
        incarnation of the same four numbers.
        """
        ends = (local, remote) if side is Side.CLIENT else (self._client(remote), local)
        flow = self._flows.get(ends) or Flow(*ends, self.began, seen_from=self._seen(ends[0]))
        if begins:
            self._flows.pop(ends, None)
            flow.begun.append((side, scheduler.now() - self.began))
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

    def flow(self, name: str = "") -> Flow:
        """The connection of that name, or the one that was begun last. Raises `LabError`."""
        if not self._flows:  # nobody has connected: what a connection to the usual port would see
            client, server = map(self.address, Side)
            return self.register(Side.CLIENT, (client, 0), (server, PORT))
        flows = [flow for flow in self._flows.values() if name in ("", flow.name)]
        if not flows:
            raise LabError(f"no connection is called {name!r}")
        return flows[-1]

    def sample(self) -> None:
        """Read both tables once, and note the state of every connection that is followed."""
        at = scheduler.now()
        for side, table in self._tables.items():
            rows = table.read()
            indexed = index(rows)
            for flow in self._flows.values():
                flow.sample(at, side, indexed)
            if self.recorder is not None:
                self.recorder.sampled(rows)
        if self.recorder is not None:
            self.recorder.drain()
        if self.tape is not None:
            self.tape.drain()

    def wait(self, condition: Callable[[], T | None], patience: float) -> T | None:
        """Look at `condition` for up to `patience` seconds, sampling both ends each time."""

        def look() -> T | None:
            found = condition()
            self.sample()
            return found

        return scheduler.wait(look, scheduler.now() + patience)
