# SPDX-License-Identifier: GPL-2.0-or-later
"""The connections of one lab: each is followed in the tables of both ends, by its addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Protocol

from netlab import scheduler
from netlab.linux.procnet import Row, TcpTable
from netlab.linux.procnet import ends as readable
from netlab.model.errors import LabError
from netlab.model.tcp import State
from netlab.model.vocabulary import Family, Side
from netlab.observe.openings import Opening, Openings
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

    @property
    def place(self) -> str:
        """Where it is looked for, to go on with after "connection": `` to port 80 of nginx``."""
        port = "" if self.port is None else f" to port {self.port}"
        return port + ("" if self.program is None else f" of {self.program}")


LATEST = Which()
LISTED, LONGEST = 8, 60  # connections in a failure, and characters of who holds one


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
        self._openings: list[tuple[Side, Openings]] = []
        self._flows: list[Flow] = []
        self._latest: dict[tuple[Endpoint, Endpoint], Flow] = {}  # with these ends
        #: Those that samples look for: a program's that is over rests, until somebody asks for it.
        self._awake: dict[Flow, None] = {}
        self._asked_for: set[Flow] = set()
        self._last: tuple[float, list[tuple[Side, Rows]]] = began, []  # sample

    def open_table(self, side: Side, family: Family) -> TcpTable:
        """Watch one side from now on, whose own sockets are of this family. Call it inside that
        side's namespace.
        """
        table = self._tables[side] = TcpTable("tcp" if family is Family.IPV4 else "tcp6")
        return table

    def watch(self, side: Side, openings: Openings) -> None:
        """Follow from now on what one side opens, however short it is."""
        self._openings.append((side, openings))

    def register(
        self, side: Side, local: Endpoint, remote: Endpoint, name: str = "", begins: bool = False
    ) -> Flow:
        """Follow the connection with these ends from now on.

        `begins`: it is being opened, and thus becomes the one opened last, even as a new
        incarnation of the same four-tuple.
        """
        ends = self._ends(side, local, remote)
        flow = self._latest.get(ends)
        if flow is None or (begins and flow.adopted):
            flow = self._follow(ends)
        elif begins:
            self._flows.remove(flow)
            self._flows.append(flow)
        if begins:
            flow.begun.append((side, scheduler.now() - self._began))
        flow.adopted = False
        flow.name = name or flow.name
        self._wake(flow)
        return flow

    def _follow(self, ends: tuple[Endpoint, Endpoint], adopted: bool = False) -> Flow:
        """A new connection, also in the place of one that had the same ends."""
        flow = Flow(*ends, self._began)
        flow.see(*self.way.look(*ends)[-1])
        flow.adopted = adopted
        if ends in self._latest:
            self._latest[ends].is_past = True
        self._latest[ends] = flow
        self._flows.append(flow)
        self._look_for(flow)
        return flow

    def _look_for(self, flow: Flow) -> None:
        self._awake[flow] = None
        for side in Side:
            self._followed[side].add(flow.key(side))

    def _wake(self, flow: Flow) -> None:
        """Have samples look for it from the last one on."""
        if flow not in self._awake:
            self._look_for(flow)
            at, indexed = self._last
            for side, found in indexed:
                flow.sample(at, side, found)

    def _rest(self) -> None:
        """Look no longer for what is over: what has the same ends later is another connection."""
        for flow in [each for each in self._awake if each.adopted and each.is_over]:
            if flow.is_seen and flow not in self._asked_for:
                del self._awake[flow]
                if not flow.is_past:
                    for side in Side:
                        self._followed[side].discard(flow.key(side))

    def _ends(self, side: Side, local: Endpoint, remote: Endpoint) -> tuple[Endpoint, Endpoint]:
        """The client's and the server's end of a connection, from those that one side sees."""
        return (local, remote) if side is Side.CLIENT else self.way.origin(remote, local)

    def named(self, name: str = "") -> Flow:
        """The connection of that name, or the one opened last. Raises `LabError` if none has it."""
        return self.chosen(Which(name))

    def chosen(self, which: Which) -> Flow:
        """The connection that is meant, as far as any is known: until one is seen, what listens at
        the server's port stands for it.

        Where nothing is asked for, those of programs count only if nobody else has opened one.
        Raises `LabError` if none has the name, and where programs have opened too many to know
        which it is.
        """
        flows = self._fitting(which)
        announced = [flow for flow in self._flows if not flow.adopted]  # or stands for one
        if which == LATEST and announced:
            flows = announced
        elif not which.name:
            self._know_all()
        if -len(flows) <= which.number < len(flows):
            return self._given(flows[which.number])
        if which.name:
            raise LabError(f"no connection is called {which.name!r}")
        client, (address, port) = self._usual
        usual = client, (address, which.port or port)
        standing = self._latest.get(usual) or self._follow(usual)
        standing.adopted = True
        return standing

    def all(self, which: Which) -> list[Flow]:
        """All connections that fit, in the order in which they were opened or first seen.

        Raises `LabError` where some are missing, because there were too many.
        """
        self._know_all()
        return [self._given(flow) for flow in self._fitting(which)]

    def number(self, which: Which) -> int:
        """How many connections fit. Nobody looks for them on that account: there may be a hundred
        thousand. Raises as `all`.
        """
        self._know_all()
        return len(self._fitting(which))

    def _fitting(self, which: Which) -> list[Flow]:
        return [flow for flow in self._flows if flow.is_seen and which.fits(flow)]

    def instead(self, which: Which) -> tuple[str, tuple[str, ...]]:
        """Why no connection is meant, in words, and lines about those that were seen; '' and none
        where there is one.
        """
        fitting = self._fitting(which)
        if -len(fitting) <= which.number < len(fitting):
            return "", ()
        if fitting:
            seen = f"{_counted(fitting, 'connection')}{which.place}"
            return f"there is no number {which.number} among {seen}", _listed(fitting)
        others = self._fitting(Which())
        why = f"no connection{which.place} has been seen between the hosts"
        return why + (f", but {_counted(others, 'other')}" if others else ""), _listed(others)

    def _know_all(self) -> None:
        missed = sum(openings.missed for _, openings in self._openings)
        if missed:
            raise LabError(
                f"programs have opened so many connections while nobody looked that {missed} SYNs "
                "could not be kept, and which those were is not known: call lab.sample() meanwhile"
            )

    def _given(self, flow: Flow) -> Flow:
        """The connection, which is looked for as long as there is this lab: somebody has it."""
        self._asked_for.add(flow)
        self._wake(flow)
        return flow

    def sample(self) -> list[list[Row]]:
        """Read both tables once, and note the state of every connection; returns the rows read.

        Where programs run, connections between the hosts that nobody has announced are followed
        from the first sample that shows them, and those that are over by then, too.
        """
        self._rest()
        for side, openings in self._openings:
            for opening in openings.read():
                self._opened(side, opening)
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
        if self.way is not _NOTHING:
            self._find_on_the_way(at)
        for side, found in indexed:
            for flow in self._awake:
                flow.sample(at, side, found)
        self._last = at, indexed
        for side in strangers:
            for flow in self._awake:
                self._ask(side, flow)
        return read

    def _opened(self, side: Side, opening: Opening) -> None:
        """Follow what a SYN opens, unless it is one that is followed already, by a sample or by
        who announced it, or the same SYN once more.
        """
        ends = self._ends(side, opening.local, opening.remote)
        flow = self._latest.get(ends)
        known = flow is not None and flow.opened.get(side, opening.sequence) == opening.sequence
        if flow is None or (flow.adopted and not known):
            flow = self._follow(ends, adopted=True)
        flow.opened[side] = opening.sequence

    def _find_on_the_way(self, at: float) -> None:
        """Find every connection on the way, where its ends may have other names by now."""
        for flow in self._awake:
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
            local, remote = map(readable, key)
            self._followed[side].add(key)
            ends = self._ends(side, local, remote)
            if local[0] != remote[0] and self._latest.get(ends) not in self._awake:
                self._follow(ends, adopted=True)

    def _ask(self, side: Side, flow: Flow) -> None:
        """Find out who holds one end, as soon as somebody does: once it is closed nobody knows."""
        row = flow.rows[side]
        if side in flow.holders or row is None or not row.inode:
            return
        if row.state is not State.LISTEN:
            holder = self.holders[side](row.inode)
            if holder is not None:
                flow.holders[side] = holder


def _counted(flows: Sequence[Flow], word: str) -> str:
    return f"1 {word}" if len(flows) == 1 else f"{len(flows)} {word}s"


def _listed(flows: Sequence[Flow]) -> tuple[str, ...]:
    lines = []
    for number, flow in enumerate(flows[:LISTED]):
        holders = "".join(
            f", {side} {shorten(str(holder), LONGEST)}" for side, holder in flow.holders.items()
        )
        lines.append(f"number {number}: {flow}{holders}")
    return (*lines, f"and {len(flows) - LISTED} more") if len(flows) > LISTED else tuple(lines)
