# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults of a wire that carries packets, but not all of them, or not at once."""

from __future__ import annotations

from netlab.audit.faults.base import AuditFault
from netlab.audit.scene import Scene
from netlab.model.vocabulary import Side

NARROW = 1280  # bytes
#: What becomes of a packet hangs on what it is, and on this: some of every exchange are lost, from
#: the first SYN on.
SEED = 9


class MtuBlackHole(AuditFault):
    """A tunnel on the way, and a firewall that loses the ICMP which would tell of it."""

    name = "mtu-black-hole"
    does = f"packets of more than {NARROW} bytes are lost, and nobody says so"
    meets = f"a packet of more than {NARROW} bytes"

    def begin(self, scene: Scene) -> None:
        """Lose them, in both directions."""
        scene.listen()
        for side in Side:
            scene.lose(to=side, longer=NARROW)


class DelayedWire(AuditFault):
    """The other end of the world, or a buffer that is full."""

    name = "delay-300ms"
    does = "every packet comes 300 ms later"
    meets = "a connection"

    def begin(self, scene: Scene) -> None:
        """Delay them, in both directions."""
        scene.lab.wire.delay("300ms")
        scene.listen()
        scene.when_opened(scene.bite)


class LossyWire(AuditFault):
    """Wireless, or an overloaded link."""

    name = "loss-5"
    does = "5 % of all packets are lost"
    meets = "one packet in twenty"
    share = "5%"

    def begin(self, scene: Scene) -> None:
        """Lose them, in both directions."""
        scene.count(scene.lab.wire.loss(self.share, seed=SEED))
        scene.listen()


class HardlyWorkingWire(LossyWire):
    """A link that hardly works."""

    name = "loss-20"
    does = "20 % of all packets are lost"
    meets = "one packet in five"
    share = "20%"
