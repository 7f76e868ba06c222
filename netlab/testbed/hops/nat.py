# SPDX-License-Identifier: GPL-2.0-or-later
"""Source NAT: what is behind it sees one address for everybody in front of it."""

from __future__ import annotations

from collections.abc import Iterator

from netlab.model.errors import LabError
from netlab.model.vocabulary import Side
from netlab.testbed.hops.base import HopPlan, Remembering


class Nat(Remembering):
    """Gives every connection its own address (masquerade), and one of `ports` if given (``40000``,
    ``40000-40010``); if no port is free, it drops what would open one. Otherwise as `Remembering`.
    """

    kind = "nat"

    def __init__(
        self,
        name: str = "",
        forgets: int | str | None = None,
        invalid: str = "drop",
        liberal: bool = False,
        strict: bool = True,
        ports: str = "",
    ) -> None:
        first, _, last = str(ports).partition("-")
        if ports and not 0 < _port(first) <= _port(last or first) < 1 << 16:
            raise LabError(f"ports: expected one, or two with a hyphen between; found {ports!r}")
        self.ports = str(ports)
        super().__init__(name, forgets, invalid, liberal, strict)

    @property
    def does(self) -> str:
        """What it does, in words."""
        ports = f" and port {self.ports}" if self.ports else ""
        memory = f", {self.manner}" if self.manner else ""
        return f"gives connections its own address{ports}{memory}"

    def chains(self, plan: HopPlan) -> Iterator[str]:
        """Source NAT towards the server."""
        to = f" to :{self.ports}" if self.ports else ""
        yield (
            "chain translate {\ntype nat hook postrouting priority 100; policy accept;\n"
            f'oifname "{Side.SERVER}" meta l4proto tcp masquerade{to}\n'
            f'oifname "{Side.SERVER}" meta l4proto != tcp masquerade\n}}'
        )


def _port(text: str) -> int:
    return int(text) if text.isdecimal() else 0
