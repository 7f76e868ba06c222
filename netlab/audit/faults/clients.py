# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that misbehave: the faults of a server. Each is a class with a name, found by that."""

from __future__ import annotations

from typing import ClassVar

from netlab import scheduler
from netlab.audit.visitor import Visitor

SEVERAL, MANY = 10, 200
SMALL = 4096  # bytes of a buffer that is soon full
ITS_PORT = 50000  # the one that a NAT gives out twice


class ServerFault:
    """What somebody does to a server. Give it a `name`, and say what is done."""

    name: ClassVar[str] = ""
    does: ClassVar[str] = "nobody misbehaves"
    meets: ClassVar[str] = "a server that serves"
    #: The server is to let go of those who misbehave, sooner or later.
    lets_go: ClassVar[bool] = True
    #: Their kernels still answer what has no data: keepalive probes and the like.
    answers: ClassVar[bool] = True

    def misbehave(self, visitor: Visitor) -> None:
        """Do it."""


class ClientVanishes(ServerFault):
    """A laptop that is closed, a train in a tunnel."""

    name = "client-vanishes"
    does = "a client connects, asks for a half, and is gone without a word"
    answers = False

    def misbehave(self, visitor: Visitor) -> None:
        """Be gone: its host answers nothing any more."""
        client = visitor.connect()
        client.say(visitor.opening[: len(visitor.opening) // 2])
        for side in ("client", "server"):
            visitor.lab.drop("ANY", to=side, port=client.port)
        client.vanish()


class ClientDribbles(ServerFault):
    """A bad line, or somebody with bad intentions."""

    name = "client-dribbles"
    does = "a client says a byte of its request each second, and never all of it"
    lets_go = False

    def misbehave(self, visitor: Visitor) -> None:
        """Dribble from now on."""
        client = visitor.connect()
        first = visitor.opening[:1]
        client.say(first)
        next_at = scheduler.now() + 1.0

        def dribble() -> None:
            nonlocal next_at
            if scheduler.now() >= next_at:
                next_at += 1.0
                client.say(b"x")

        visitor.meanwhile(dribble)


class ClientNeverReads(ServerFault):
    """A client that is stuck: it asks, and its buffer is full."""

    name = "client-never-reads"
    does = "a client asks again and again, and reads nothing"
    lets_go = False  # it is there, and its kernel answers every probe

    def misbehave(self, visitor: Visitor) -> None:
        """Ask for as long as more of it goes."""
        client = visitor.connect(buffer=SMALL)
        visitor.meanwhile(lambda: client.say(visitor.opening * 20))
        visitor.wait(1.0)


class ClientHalfCloses(ServerFault):
    """A client that says that it has said all, and waits."""

    name = "client-half-closes"
    does = "a client asks and sends its FIN, and waits for the server's"

    def misbehave(self, visitor: Visitor) -> None:
        """Ask, and half-close."""
        client = visitor.connect()
        client.say(visitor.opening)
        client.half_close()
        visitor.meanwhile(client.hear)


class ClientSaysNothing(ServerFault):
    """A client that is stuck, or a port scanner."""

    name = "client-says-nothing"
    does = "a client connects, and says nothing"

    def misbehave(self, visitor: Visitor) -> None:
        """Connect."""
        visitor.connect()


class ClientResets(ServerFault):
    """Clients whose users have lost patience."""

    name = "client-resets"
    does = f"{SEVERAL} clients ask, and reset the connection at once"

    def misbehave(self, visitor: Visitor) -> None:
        """Ask, and abort."""
        for _ in range(SEVERAL):
            client = visitor.connect()
            client.say(visitor.opening)
            client.reset()


class ClientsFlood(ServerFault):
    """Everybody comes at once."""

    name = "clients-flood"
    does = f"{MANY} clients ask at once, and close after the others were served"

    def misbehave(self, visitor: Visitor) -> None:
        """Have them all connect, ask and read. They leave when the others were served."""
        clients = [visitor.begin() for _ in range(MANY)]

        def go_on() -> None:
            for client in clients:
                client.ask_once(visitor.opening)
                client.hear()

        def leave() -> None:
            for client in clients:
                client.close()

        visitor.meanwhile(go_on)
        visitor.afterwards(leave)


class ClientsBehindNat(ServerFault):
    """A NAT forgets a client, and gives its port to the next one."""

    name = "clients-behind-nat"
    does = "a client is gone without a word, and the next one comes from the same port"

    def misbehave(self, visitor: Visitor) -> None:
        """Connect, be gone, and connect again from there."""
        visitor.connect(source_port=ITS_PORT).vanish()
        again = visitor.connect(source_port=ITS_PORT)
        again.say(visitor.opening)
        visitor.meanwhile(again.hear)
        visitor.wait(1.0)
        again.close()
