# SPDX-License-Identifier: GPL-2.0-or-later
"""The server's end of a lab while a program is audited: it serves, and a fault decides how.

Nothing here waits: `Scene.step` does what can be done now, and is called again and again.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Protocol

from netlab import scheduler
from netlab.audit.partners import base
from netlab.audit.partners.base import Talk
from netlab.audit.served import HeardRequest, Served, waiting
from netlab.linux.procnet import Row, ends
from netlab.model.auditing import Asked
from netlab.model.errors import LabError
from netlab.model.tcp import ANY, Segment, State
from netlab.model.vocabulary import Side
from netlab.testbed.connection import Connection
from netlab.testbed.faults.base import Fault
from netlab.testbed.flows import Which
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

BACKLOG = 128


class Director(Protocol):
    """Who decides what the program meets: a fault."""

    def begin(self, scene: Scene) -> None:
        """Before there is a program."""

    def settled(self, scene: Scene) -> None:
        """Before its first request."""

    def accepted(self, scene: Scene, conversation: Served) -> None:
        """A connection was accepted."""

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """A request has come."""


class Scene:
    """A lab in which a program is audited, and what it meets there."""

    def __init__(self, lab: Lab, protocol: base.Protocol, fault: Director, port: int) -> None:
        self.lab, self.protocol, self.fault, self.port = lab, protocol, fault, port
        self.conversations: list[Served] = []
        self.accepting = True
        self.at_once = 0  # connections that it had at the same time, at most
        self.settled = False
        self._listener: socket.socket | None = None
        self._fillers: list[Connection] = []
        self._filled = 0
        self._waiting: list[tuple[Callable[[], object], Callable[[], object]]] = []
        self._dues: list[float] = []
        self._losses: list[Fault] = []
        self._bitten: float | None = None

    def begin(self) -> None:
        """Set the fault up, before there is a program."""
        self.fault.begin(self)
        if self.protocol.asks_at_once:
            self.settle()

    def settle(self) -> None:
        """From now on, what the client says is a request: greeting and login are over."""
        if not self.settled:
            self.settled = True
            self.fault.settled(self)

    def close(self) -> None:
        """Let go of every connection."""
        for conversation in self.conversations:
            conversation.close()
        for filler in self._fillers:
            filler.discard()
        self.stop_listening()

    # --- words for faults

    @property
    def client(self) -> Host:
        """The program's host."""
        return self.lab.client

    @property
    def server(self) -> Host:
        """The other one."""
        return self.lab.server

    def listen(self, backlog: int = BACKLOG) -> None:
        """Take connections at the port, in the kernel's queue at least. Raises `LabError`."""
        with self.server.namespace:
            listener = socket.socket(self.lab.family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        try:
            listener.bind((self.server.address, self.port))
            listener.listen(backlog)
        except OSError as error:
            listener.close()
            raise LabError(f"port {self.port} cannot be served: {error.strerror}") from None
        self.server.expect_strangers()
        self._listener = listener
        scheduler.STIRS.follow(listener.fileno())

    def stop_listening(self) -> None:
        """Refuse connections from now on."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def fill(self, count: int) -> None:
        """Have so many connections of others wait to be accepted."""
        self._filled += count
        for _ in range(count):
            self._fillers.append(self.client.connect(self.port))

    def make_room(self) -> None:
        """End those connections of others."""
        while self._fillers:
            self._fillers.pop().discard()
        if self._listener is not None:
            self._listener.listen(BACKLOG)

    def lose(
        self,
        *segments: Segment,
        to: Side,
        port: int | None = None,
        longer: int | None = None,
        first: int | None = None,
        bites: bool = True,
    ) -> Fault:
        """Lose these segments on their way to a side from now on. Where it `bites`, the first one
        that is lost is when the fault has met the program.
        """
        drop = self.lab.drop(*segments or (ANY,), to=to, port=port, longer=longer, first=first)
        return self.count(drop) if bites else drop

    def count(self, fault: Fault) -> Fault:
        """The first packet that meets this is when the fault has met the program."""
        self._losses.append(fault)
        return fault

    def bite(self) -> None:
        """The fault has met the program now, unless it has before."""
        if self._bitten is None:
            self._bitten = scheduler.now()

    def when(self, condition: Callable[[], object], action: Callable[[], object]) -> None:
        """Do this once that is so."""
        self._waiting.append((condition, action))

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do this so many seconds from now."""
        due = scheduler.now() + seconds
        self._dues.append(due)
        self.when(lambda: scheduler.now() >= due, action)

    def rows(self, *states: State) -> list[Row]:
        """The program's sockets to the port, in one of these states."""
        fillers = {filler.local[1] for filler in self._fillers}
        return [
            row
            for row in self.client.table.read()
            if row.state in states
            and ends(row.remote)[1] == self.port
            and ends(row.local)[1] not in fillers
        ]

    def held_rows(self) -> list[Row]:
        """Those that a process holds, and that are open."""
        return [row for row in self.rows(State.ESTABLISHED) if row.inode]

    def when_opened(self, action: Callable[[], object]) -> None:
        """Do this once the program has begun to open a connection, however short."""
        self.when(self.connections, action)

    def connections(self) -> int:
        """The number of connections that the program has opened to the port."""
        self.lab.sample()
        return self.lab.context.flows.number(Which(port=self.port)) - self._filled

    def is_opening(self) -> bool:
        """True while the program waits for a connection."""
        return bool(self.rows(State.SYN_SENT))

    # --- turns

    def step(self) -> None:
        """Do what can be done now."""
        self._accept()
        self.at_once = max(self.at_once, sum(not each.over for each in self.conversations))
        for conversation in self.conversations:
            if not conversation.over:
                conversation.step()
        for each in [each for each in self._waiting if each[0]()]:
            self._waiting.remove(each)
            each[1]()

    def _accept(self) -> None:
        while self._listener is not None and self.accepting:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            number = len(self.conversations) + 1
            try:
                talk = Served(sock, self.protocol.session(), number, self._hear)
            except OSError:  # it is gone already
                sock.close()
                continue
            self.conversations.append(talk)
            self.fault.accepted(self, talk)

    def _hear(self, conversation: Served, talk: Talk) -> None:
        if talk.is_request:
            self.fault.answer(self, conversation, talk)
            return
        if conversation.session.settled:
            self.settle()
        conversation.reply(talk)

    def dues(self) -> list[float]:
        """When something is to be done though nothing stirs, in seconds on the scheduler's clock;
        also what is past.
        """
        return [*self._dues, *(each.due for each in self.conversations if not each.over)]

    # --- what there was

    @property
    def bitten(self) -> float | None:
        """When the fault has met the program, in seconds on the scheduler's clock."""
        if self._bitten is None and any(loss.packets for loss in self._losses):
            self._bitten = scheduler.now()
        return self._bitten

    def queued(self, began: float) -> tuple[Asked, ...]:
        """Every request that has come whole to the kernel, in connections that nobody has accepted:
        a server that goes on does all that they ask. Looked for at the end, because they are
        accepted for it; `began`: when the program did, in seconds.
        """
        found: list[list[HeardRequest]] = []
        while self._listener is not None and not self.accepting:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                break
            number = len(self.conversations) + len(found) + 1
            with contextlib.closing(sock), contextlib.closing(self.protocol.session()) as session:
                if heard := waiting(sock, session, number):
                    found.append(heard)
        return tuple(each.asked(began) for heard in found for each in heard)

    def asked(self, began: float) -> tuple[Asked, ...]:
        """Every request that has come whole, in order; `began`: when the program did, in
        seconds.
        """
        heard = [each for talk in self.conversations for each in talk.heard]
        return tuple(each.asked(began) for each in sorted(heard, key=lambda each: each.at))
