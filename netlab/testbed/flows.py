# SPDX-License-Identifier: GPL-2.0-or-later
"""The connections of one lab: each is followed in the tables of both ends, by its addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from netlab import scheduler
from netlab.linux.procnet import Row, TcpTable, ends
from netlab.model.errors import LabError
from netlab.model.tcp import State
from netlab.model.vocabulary import Family, Side
from netlab.testbed.connection import Flow, Rows, index

Endpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Which:
    """Which of several connections is meant: all of it must fit."""

    name: str = ""
    port: int | None = None  # of either end
    program: object = None  # which holds or has held one of its ends
    number: int = -1  # of those that fit, in order; from the last one if negative

    def fits(self, flow: Flow) -> bool:
        """True if this connection may be meant."""
        return (
            self.name in ("", flow.name)
            and self.port in (None, flow.client[1], flow.server[1])
            and (self.program is None or self.program in flow.holders.values())
        )


LATEST = Which()


class Between(Protocol):
    """What is between the two hosts, and may translate the ends of a connection."""

    def look(self, client: Endpoint, server: Endpoint) -> list[tuple[Endpoint, Endpoint]]:
        """Find a connection, given its ends as the client has them: both on each link, from the
        client's own to the server's.
        """

    def origin(self, client: Endpoint, server: Endpoint) -> tuple[Endpoint, Endpoint]:
        """Both ends as the client has them, from those that the server has."""

    def tracked(self, links: Sequence[tuple[Endpoint, Endpoint]]) -> dict[str, str]:
        """The state of a connection in each table on the way, by its ends on each link."""


class _Cable:
    """Nothing is between them."""

    def look(self, client: Endpoint, server: Endpoint) -> list[tuple[Endpoint, Endpoint]]:
        return [(client, server)]

    def origin(self, client: Endpoint, server: Endpoint) -> tuple[Endpoint, Endpoint]:
        return client, server

    def tracked(self, links: Sequence[tuple[Endpoint, Endpoint]]) -> dict[str, str]:
        return {}


_NOTHING = _Cable()


class FlowTracker:
    """Every connection that was opened; the hosts register what they open.

    `began`: when the lab was built, in seconds on the clock of `scheduler.now`. `usual`: the
    client's and the server's end of the connection to assume before there is one.
    """

    def __init__(self, began: float, usual: tuple[Endpoint, Endpoint]) -> None:
        self._began = began
        self._usual = usual
        #: Who on a side holds the socket of an inode: a program or a word, None where unknown.
        self.holders: dict[Side, Callable[[int], object]] = {}
        self._followed: dict[Side, set[tuple[str, str]]] = {side: set() for side in Side}
        #: What is on the way and may translate.
        self.way: Between = _NOTHING
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
        ends = (local, remote) if side is Side.CLIENT else self.way.origin(remote, local)
        flow = self._flows.get(ends) or Flow(*ends, self._began)
        flow.see(*self.way.look(*ends)[-1])
        if begins:
            self._flows.pop(ends, None)
            flow.begun.append((side, scheduler.now() - self._began))
        self._flows[ends] = flow
        flow.adopted = False
        for each in Side:
            self._followed[each].add(flow.key(each))
        flow.name = name or flow.name
        return flow

    def named(self, name: str = "") -> Flow:
        """The connection of that name, or the one opened last. Raises `LabError` if none has it."""
        return self.chosen(Which(name))

    def chosen(self, which: Which) -> Flow:
        """The connection that is meant, as far as any is known: until one is seen, what listens at
        the server's port stands for it.

        Where nothing is asked for, those of programs count only if nobody else has opened one.
        Raises `LabError` if none has the name.
        """
        flows = self.all(which)
        if which == LATEST:
            announced = [flow for flow in self._flows.values() if not flow.adopted]
            flows = announced or flows
        if -len(flows) <= which.number < len(flows):
            return flows[which.number]
        if which.name:
            raise LabError(f"no connection is called {which.name!r}")
        client, (address, port) = self._usual
        usual = client, (address, which.port or port)
        standing = self._flows.get(usual) or self.register(Side.CLIENT, *usual)
        standing.adopted = True
        return standing

    def all(self, which: Which) -> list[Flow]:
        """All connections that fit, in the order in which they were opened or first seen."""
        return [flow for flow in self._flows.values() if flow.is_seen and which.fits(flow)]

    def sample(self) -> list[list[Row]]:
        """Read both tables once, and note the state of every connection; returns the rows read.

        Where programs run, connections between the hosts that nobody has announced are followed
        from the first sample that shows them.
        """
        at = scheduler.now()
        read, indexed = [], []
        strangers = []  # the sides where there are any
        for side, table in self._tables.items():
            rows = table.sample(at)
            read.append(rows)
            indexed.append((side, index(rows)))
            if table.strangers:
                strangers.append(side)
                self._adopt(*indexed[-1])
        flows = self._flows.values()
        if self.way is not _NOTHING:
            self._follow(at)
        for side, found in indexed:
            for flow in flows:
                flow.sample(at, side, found)
        for side in strangers:
            for flow in flows:
                self._ask(side, flow)
        return read

    def _follow(self, at: float) -> None:
        """Find every connection on the way, where its ends may have other names by now."""
        for flow in self._flows.values():
            if flow.is_seen:
                links = self.way.look(flow.client, flow.server)
                flow.see(*links[-1])
                self._followed[Side.SERVER].add(flow.key(Side.SERVER))
                flow.note(at, self.way.tracked(links))

    def _adopt(self, side: Side, rows: Rows) -> None:
        """Follow what goes on between the hosts; not what one has with itself."""
        new = rows.keys() - self._followed[side]
        for key in sorted(new, key=lambda each: rows[each].inode):  # as they were opened, mostly
            if not key[1]:
                continue  # a listener
            local, remote = map(ends, key)
            self._followed[side].add(key)
            if local[0] != remote[0]:
                self.register(side, local, remote).adopted = True

    def _ask(self, side: Side, flow: Flow) -> None:
        """Find out who holds one end, as soon as somebody does: once it is closed nobody knows."""
        row = flow.rows[side]
        if side in flow.holders or row is None or not row.inode:
            return
        if row.state is not State.LISTEN:
            holder = self.holders[side](row.inode)
            if holder is not None:
                flow.holders[side] = holder
