# SPDX-License-Identifier: GPL-2.0-or-later
"""The content of the screen as plain data: the two ends, packets, faults, counters, the log."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from netlab.linux.procnet import Row
from netlab.live.controller import Controller, LogEntry
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import Side
from netlab.packets.sightings import Packet
from netlab.scenario.steps import kind_of
from netlab.testbed.tape import Tape

#: The most telling counters, which come first. Other TCP counters follow by name; IP's are not
#: shown.
TELLING = (
    "TCPSynRetrans",
    "TcpRetransSegs",
    "TCPTimeouts",
    "TCPLossProbes",
    "TCPLostRetransmit",
    "ListenOverflows",
    "ListenDrops",
    "TCPReqQFullDrop",
    "TcpOutRsts",
    "TcpEstabResets",
    "TcpAttemptFails",
    "TCPAbortOnData",
    "TCPAbortOnClose",
    "TCPAbortOnTimeout",
    "TCPChallengeACK",
    "TCPDelivered",
    "TcpActiveOpens",
    "TcpPassiveOpens",
    "TW",
)
PREFIXES = ("TCP", "Tcp", "Listen", "Syncookies", "TW", "IcmpInDestUnreachs", "Icmp6InDestUnreachs")
#: Settings, gauges, and counters that every segment increments: true, but no news.
QUIET = frozenset(
    {"TcpRtoAlgorithm", "TcpRtoMin", "TcpRtoMax", "TcpMaxConn", "TcpCurrEstab", "TcpInSegs",
     "TcpOutSegs", "TCPOrigDataSent", "TCPAutoCorking"}
)  # fmt: skip
LAST = 200  # notes and packets: more than a screen has lines
REARMED = 0.05  # seconds; a countdown that has grown by more was restarted


@dataclass(frozen=True, slots=True)
class EndView:
    """One end of the connection on view."""

    side: Side
    address: str
    state: State
    lasts: float  # seconds in that state
    row: Row | None
    share: float  # of the timer's time that remains, 0 to 1
    application: str


@dataclass(frozen=True, slots=True)
class InForce:
    """One fault."""

    name: str
    what: str
    packets: int | None  # None: it holds packets


@dataclass(frozen=True, slots=True)
class Counted:
    """One counter, at both ends."""

    name: str
    client: int
    server: int
    fresh: bool  # it has changed since the last look


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is shown."""

    elapsed: float  # seconds on the lab's clock
    ends: tuple[EndView, EndView]
    faults: tuple[InForce, ...]
    removed: int
    counters: tuple[Counted, ...]
    notes: tuple[LogEntry, ...]
    packets: tuple[Packet, ...]  # the latest, oldest first
    no_packets: str  # the reason, if packets cannot be seen
    missed: int  # packets that came too fast to be seen


class ViewBuilder:
    """Builds views of a controller. Faults and counters are read less often than the ends: each
    read costs a query to the kernel, and no eye could follow it.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._full: dict[Side, tuple[float, float]] = {}  # countdown: at its start, and now
        self._counters: tuple[Counted, ...] = ()
        self._packets: dict[str, int] = {}
        self.count()

    def count(self) -> None:
        """Ask the kernel for all counters."""
        lab = self._controller.lab
        self._packets = {record.name: record.packets for record in lab.faults}
        client, server = (host.counters.read() for host in lab.hosts)
        last = {each.name: (each.client, each.server) for each in self._counters}
        found = []
        for name in client.keys() & server.keys():
            counts = client[name], server[name]
            if any(counts) and name.startswith(PREFIXES) and name not in QUIET:
                found.append(Counted(name, *counts, fresh=last.get(name) != counts))
        order = {name: number for number, name in enumerate(TELLING)}
        found.sort(key=lambda each: (order.get(each.name, math.inf), each.name))
        self._counters = tuple(found)

    @property
    def packets(self) -> dict[str, int]:
        """The packets that each fault has dropped so far, by its name."""
        return dict(self._packets)

    def look(self) -> View:
        """The view of this moment."""
        controller = self._controller
        in_force = controller.session.in_force
        tape = controller.lab.tape
        faults = [
            InForce(name, kind_of(step).described(step),
                    self._packets.get(name, 0) if kind_of(step).counts(step) else None)
            for name, step in in_force.items()
        ]  # fmt: skip
        return View(
            elapsed=controller.lab.elapsed(),
            ends=(self._end(Side.CLIENT), self._end(Side.SERVER)),
            faults=tuple(faults),
            removed=len(self._packets) - len(in_force),
            counters=self._counters,
            notes=tuple(controller.notes[-LAST:]),
            packets=self._last(tape) if tape else (),
            no_packets=controller.lab.no_tape,
            missed=tape.missed if tape else 0,
        )

    def _last(self, tape: Tape) -> tuple[Packet, ...]:
        """The latest packets; those of connections not on view are marked as not ours."""
        flow = self._controller.flow
        ends = {(flow.client, flow.server), (flow.server, flow.client)}
        known = flow.client[1] != 0
        return tuple(
            replace(packet, ours=False)
            if known and packet.source[1] and (packet.source, packet.destination) not in ends
            else packet
            for _, packet in tape.since()[-LAST:]
        )

    def _end(self, side: Side) -> EndView:
        controller, flow = self._controller, self._controller.flow
        row = flow.rows[side]
        (address, port), _ = flow.ends(side)
        shown = f"[{address}]" if ":" in address else address
        return EndView(
            side=side,
            address=f"{shown}:{port}" if port else address,
            state=flow.state(side),
            lasts=controller.lab.elapsed() - self._since(side),
            row=row,
            share=self._share(side, row),
            application=controller.applications[side],
        )

    def _since(self, side: Side) -> float:
        since = self._controller.lab.elapsed()
        state = self._controller.flow.state(side)
        for interval in reversed(self._controller.flow.timelines[side].intervals()):
            if interval.state is not state:
                break
            since = interval.since
        return since

    def _share(self, side: Side, row: Row | None) -> float:
        """The share of a timer's time that is left, 0 to 1, since it was first seen armed."""
        if row is None or row.timer is Timer.NONE:
            self._full.pop(side, None)
            return 0.0
        full, last = self._full.get(side, (0.0, 0.0))
        if row.remaining > last + REARMED:
            full = row.remaining
        self._full[side] = full, row.remaining
        return min(1.0, row.remaining / full) if full else 0.0
