# SPDX-License-Identifier: GPL-2.0-or-later
"""The faults of an audit: each one is a class with a name, found by that.

What a fault does not say otherwise is as it is without one: the server listens, accepts, reads and
answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from netlab.audit.partners.base import Talk
    from netlab.audit.scene import Scene
    from netlab.audit.served import Served
    from netlab.model.auditing import Until


class AuditFault:
    """Something that happens to a client. Give it a `name`, and override what is otherwise."""

    name: ClassVar[str] = ""
    does: ClassVar[str]  # in one line
    #: What of the program it is that this meets: who does nothing of the kind never sees the fault.
    meets: ClassVar[str] = "a request"
    #: The server's kernel still answers what has no data: keepalive probes and the like.
    answers: ClassVar[bool] = True
    #: It comes between two requests: who asks only once does not meet it.
    between: ClassVar[bool] = False

    def begin(self, scene: Scene) -> None:
        """Before there is a program."""
        scene.listen()

    def settled(self, scene: Scene) -> None:
        """Before the program's first request, after greeting and login."""

    def accepted(self, scene: Scene, conversation: Served) -> None:
        """A connection was accepted."""

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """A request has come whole."""
        conversation.reply(talk)

    def until(self, scene: Scene, at: float) -> Until | None:
        """When this fault itself ends what hangs, seen `at` so many seconds; None: it does not."""
        return None


class Sound(AuditFault):
    """Nothing: what the others are compared with."""

    name = ""
    does = "nothing is wrong"

    def answer(self, scene: Scene, conversation: Served, talk: Talk) -> None:
        """Answer as a sound server does."""
        scene.bite()
        conversation.reply(talk)
