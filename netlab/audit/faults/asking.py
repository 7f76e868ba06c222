# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults between a request and its reply."""

from __future__ import annotations

from netlab.audit.faults.base import AuditFault
from netlab.audit.partners.base import Talk
from netlab.audit.scene import Scene
from netlab.audit.served import Served
from netlab.model.auditing import Until
from netlab.model.tcp import ACK, DATA, FIN
from netlab.model.vocabulary import Side

LATER = 1.0  # seconds: TCP has sent a request again by then, three times


class SilentServer(AuditFault):
    """A deadlock, a stopped process: the request is read, and nothing comes of it."""

    name = "silent-server"
    does = "the request is read, and nothing is answered"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Say nothing."""
        scene.bite()


class RequestLost(AuditFault):
    """The way there breaks while the request is sent."""

    name = "request-lost"
    does = "the request is lost, however often it is sent"

    def settled(self, scene: Scene) -> None:
        """Lose it."""
        scene.lose(DATA, to=Side.SERVER)


class RequestAckLost(AuditFault):
    """The request arrives, the ACK of it does not: TCP sends it again, and the server must not
    see it twice.
    """

    name = "request-ack-lost"
    does = f"the ACK of the request is lost; its reply comes after {LATER:g} s"

    def settled(self, scene: Scene) -> None:
        """Lose what has nothing but the ACK."""
        scene.lose(ACK, to=Side.CLIENT)

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Answer when the client has sent it again."""
        conversation.pause(LATER)
        conversation.reply(talk)


class ReplyLost(AuditFault):
    """The way back breaks while the reply is sent."""

    name = "reply-lost"
    does = "the reply is lost, however often it is sent"
    meets = "a reply"

    def settled(self, scene: Scene) -> None:
        """Lose what carries data, and what comes after that."""
        scene.lose(DATA, FIN, to=Side.CLIENT)


def half(talk: Talk) -> bytes:
    """The first half of a reply."""
    return talk.reply[: max(1, len(talk.reply) // 2)]


class HalfThenSilence(AuditFault):
    """The server is stuck in the middle of its reply."""

    name = "half-then-silence"
    does = "half of the reply comes, and no more"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Send half of it."""
        scene.bite()
        conversation.send(half(talk))


class HalfThenFin(AuditFault):
    """The server ends in the middle of its reply, and its kernel says goodbye."""

    name = "half-then-fin"
    does = "half of the reply comes, and then the end of the connection (FIN)"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Send half of it, and close."""
        scene.bite()
        conversation.send(half(talk))
        conversation.then(conversation.close)


class HalfThenRst(AuditFault):
    """The server dies in the middle of its reply."""

    name = "half-then-rst"
    does = "half of the reply comes, and then a RST"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Send half of it, and abort once it has arrived."""
        scene.bite()
        conversation.send(half(talk))
        scene.when(lambda: conversation.over or conversation.delivered, conversation.reset)


class RstWithoutReply(AuditFault):
    """The server dies with the request in its hands."""

    name = "rst-without-reply"
    does = "the request is read, and answered by a RST"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Abort."""
        scene.bite()
        conversation.then(conversation.reset)


class RstOnce(RstWithoutReply):
    """The server dies with the first request in its hands, and is back at once: who asks again has
    a reply.
    """

    name = "rst-once"
    does = "the first request is read, and answered by a RST; all that come after it are answered"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Abort the first time."""
        if scene.bitten is None:
            super().answer(scene, conversation, talk)
        else:
            conversation.reply(talk)


class ClosedWithoutReply(AuditFault):
    """The server closes with the request in its hands."""

    name = "closed-without-reply"
    does = "the request is read, and the connection closed without a word (FIN)"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Close."""
        scene.bite()
        conversation.then(conversation.close)


class WindowClosed(AuditFault):
    """The server reads nothing, and its buffer is full: it is alive, and takes no byte."""

    name = "window-closed"
    does = "the server's window is closed: its kernel answers every probe, and takes no data"

    def settled(self, scene: Scene) -> None:
        """Have everything that it sends say so."""
        scene.lab.close_window(to=Side.CLIENT, name="window-closed")

        def waits() -> bool:
            return any(row.tx_queue for row in scene.held_rows())

        scene.when(waits, scene.bite)


class OneByteASecond(AuditFault):
    """A server that dribbles: no wait for a single byte is long, and all of it takes hours."""

    name = "one-byte-a-second"
    does = "the reply comes byte by byte, one a second"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Dribble it."""
        scene.bite()
        conversation.reply(talk, every=1.0)

    def until(self, scene: Scene, at: float) -> Until | None:
        """When the last byte has come, of one `at` so many seconds."""
        left = max((len(talk) for talk in scene.conversations if not talk.over), default=0)
        return Until(at + left, f"{left} bytes are still to come, one a second") if left else None


class FinLost(AuditFault):
    """The end of the connection is not heard, whoever ends it."""

    name = "fin-lost"
    does = "every FIN is lost, in both directions"
    meets = "the end of a connection (FIN)"

    def settled(self, scene: Scene) -> None:
        """Lose them."""
        for side in Side:
            scene.lose(FIN, to=side)
