# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults while a connection is opened."""

from __future__ import annotations

from netlab.audit.faults.base import AuditFault
from netlab.audit.scene import Scene
from netlab.model.tcp import ACK, SYN, State
from netlab.model.vocabulary import Side

STORM = 2.5  # seconds: a client's SYN is sent again once or twice meanwhile
OTHERS = 4  # connections that wait in a short queue


class SynLost(AuditFault):
    """A firewall that says nothing, or a host that is off."""

    name = "syn-lost"
    does = "every SYN is lost"
    meets = "a connection"
    answers = False

    def begin(self, scene: Scene) -> None:
        """Lose them."""
        scene.listen()
        scene.lose(SYN, to=Side.SERVER)


class SynAckLost(AuditFault):
    """The way back is broken."""

    name = "syn-ack-lost"
    does = "every SYN-ACK is lost"
    meets = "a connection"
    answers = False

    def begin(self, scene: Scene) -> None:
        """Lose them."""
        scene.listen()
        scene.lose(SYN | ACK, to=Side.CLIENT)


class ThirdAckLost(AuditFault):
    """The client takes the connection for open, and the server does not, until data comes."""

    name = "third-ack-lost"
    does = "the ACK that completes the handshake is lost, again and again"
    meets = "a connection"

    def begin(self, scene: Scene) -> None:
        """Lose bare ACKs for as long as the server has not seen the connection open."""
        scene.listen()
        drop = scene.lose(ACK, to=Side.SERVER)

        def is_open() -> bool:
            states = {row.state for row in scene.server.table.read()}
            return bool(states - {State.LISTEN, State.SYN_RECV})  # half-closed by now, perhaps

        scene.when(is_open, drop.remove)


class Refused(AuditFault):
    """The server's program does not run."""

    name = "refused"
    does = "nobody listens: the SYN is answered by a RST"
    meets = "a connection"
    answers = False

    def begin(self, scene: Scene) -> None:
        """Do not listen."""
        scene.when_opened(scene.bite)


class Unreachable(AuditFault):
    """A router says that there is no way. The first time, connect(2) has the socket locked, and the
    kernel only notes it: poll(2) tells of it (over IPv4), and who blocks hears the second time.
    """

    name = "unreachable"
    does = "a router answers every SYN with 'host unreachable'; who blocks is told 1 s later"
    meets = "a connection"
    answers = False

    def begin(self, scene: Scene) -> None:
        """Have it answered so."""
        scene.listen()
        reject = scene.lab.reject(SYN, with_="host-unreachable", to=Side.SERVER, port=scene.port)
        scene.count(reject)


class NeverAccepted(AuditFault):
    """The server's program is stuck: its kernel connects, and takes the request."""

    name = "never-accepted"
    does = "the server's kernel connects, and its program never accepts"
    meets = "a connection"

    def begin(self, scene: Scene) -> None:
        """Listen, and do not accept."""
        scene.accepting = False
        scene.listen()
        scene.when_opened(scene.bite)


class QueueFull(AuditFault):
    """The server accepts nothing, and has no room for one more."""

    name = "queue-full"
    does = "the server's accept queue is full, and stays so"
    meets = "a connection"
    answers = False

    def begin(self, scene: Scene) -> None:
        """Fill it with a connection of somebody else."""
        scene.accepting = False
        scene.listen(backlog=0)
        scene.fill(1)
        scene.when(scene.is_opening, scene.bite)


class ConnectionStorm(AuditFault):
    """Everybody connects at once, and the server catches up after a while."""

    name = "connection-storm"
    does = f"the accept queue is full of others' connections for {STORM:g} s more"
    meets = "a connection"

    def begin(self, scene: Scene) -> None:
        """Fill the queue, and accept once the program has waited."""
        scene.accepting = False
        scene.listen(backlog=OTHERS - 1)
        scene.fill(OTHERS)

        def accept() -> None:
            scene.make_room()
            scene.accepting = True

        def begin() -> None:
            scene.bite()
            scene.after(STORM, accept)

        scene.when(scene.is_opening, begin)
