# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults of a connection that is kept, between one request and the next. Who asks only once does
not meet them.
"""

from __future__ import annotations

from netlab.audit.faults.base import AuditFault
from netlab.audit.partners.base import Talk
from netlab.audit.scene import Scene
from netlab.audit.served import Served
from netlab.model.tcp import ACK, DATA, FIN, RST, SYN
from netlab.model.vocabulary import Side

DOWN = 2.0  # seconds that a restart takes


class _AfterTheFirst(AuditFault):
    """What happens once the first request is answered."""

    between = True
    meets = "a second request, after the first reply"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Do it with the first; what comes afterwards is answered."""
        if len([each for talks in scene.conversations for each in talks.heard]) == 1:
            self.idle(scene, conversation, talk)
        else:
            self.again(scene, conversation, talk)

    def idle(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Answer the first request, and let it happen."""
        raise NotImplementedError

    def again(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """A further request has come."""
        conversation.reply(talk)


class IdleThenCut(_AfterTheFirst):
    """The cable is pulled while nothing is sent."""

    name = "idle-then-cut"
    does = "after the first reply everything is lost, in both directions"
    answers = False

    def idle(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Lose what the client sends next, and all else once the reply has arrived."""
        scene.lose(DATA, SYN, to=Side.SERVER)
        scene.lose(FIN, RST, to=Side.SERVER, bites=False)
        conversation.reply(talk)

        def cut() -> None:
            scene.lose(ACK, to=Side.SERVER, bites=False)
            scene.lose(to=Side.CLIENT, bites=False)

        scene.when(lambda: conversation.delivered, cut)


class IdleThenClosed(_AfterTheFirst):
    """The server closes what was idle for too long."""

    name = "idle-then-closed"
    does = "the server closes the connection with the last byte of its first reply (FIN)"

    def idle(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Close with the last byte, so that no request can come before it."""
        conversation.reply(talk, ends=True)

    def again(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Where it is closed, the kernel answers by itself, and no program sees it."""
        scene.bite()
        if conversation is scene.conversations[0]:
            conversation.heard.pop()
            conversation.then(conversation.reset)
        else:
            conversation.reply(talk)


class NatForgot(_AfterTheFirst):
    """A NAT or a firewall on the way forgets a connection that was idle."""

    name = "nat-forgot"
    does = "after the first reply this connection's packets are lost; new connections pass"
    meets = "a second request on the connection of the first"
    answers = False

    def idle(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Lose what is of this connection."""
        port = conversation.client_port
        scene.lose(DATA, to=Side.SERVER, port=port)
        scene.lose(FIN, RST, to=Side.SERVER, port=port, bites=False)
        conversation.reply(talk)

        def forget() -> None:
            scene.lose(ACK, to=Side.SERVER, port=port, bites=False)
            scene.lose(to=Side.CLIENT, port=port, bites=False)

        scene.when(lambda: conversation.delivered, forget)


class ServerMoved(_AfterTheFirst):
    """The server is gone, and another one has its address, which knows of no connection."""

    name = "server-moved"
    does = "after the first reply another server has the address, and knows of no connection"
    meets = "a second request on the connection of the first"

    def idle(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Lose what comes next until the old one is gone without a word, and the first after
        that: TCP sends it again, and meets the new one.
        """
        port = conversation.client_port
        held = scene.lose(DATA, to=Side.SERVER, port=port)
        conversation.reply(talk)

        def move() -> None:
            conversation.vanish()
            scene.lose(DATA, to=Side.SERVER, port=port, first=1)
            held.remove()

        scene.when(lambda: conversation.over or conversation.delivered, move)


class ServerRestarted(IdleThenClosed):
    """The server's program ends, and is back after a while."""

    name = "server-restarted"
    does = f"after the first reply the server ends (FIN), and is back after {DOWN:g} s"

    def idle(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Refuse for a while, and then serve again."""
        scene.stop_listening()
        conversation.reply(talk, ends=True)
        scene.after(DOWN, scene.listen)
        scene.when(lambda: scene.connections() > 1, scene.bite)
