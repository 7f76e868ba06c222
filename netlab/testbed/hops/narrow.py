# SPDX-License-Identifier: GPL-2.0-or-later
"""A link in the middle that is narrower than both ends know."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.linux import rtnetlink
from netlab.model.errors import LabError
from netlab.model.vocabulary import Side
from netlab.testbed import coerce
from netlab.testbed.hops.base import Hop, HopHost
from netlab.testbed.hops.links import LINKS

LEAST, USUAL = 1280, 1500  # bytes: RFC 8200, section 5; of Ethernet


class Narrow(Hop):
    """Its link to one side carries packets of at most `mtu` bytes, and larger ones are answered
    with ICMP (RFC 1191, RFC 8201), or with nothing where `icmp` is ``none``.
    """

    kind = "narrow"

    def __init__(
        self,
        mtu: int = LEAST,
        icmp: str = "",
        to: coerce.HasSide | Side | str = Side.CLIENT,
        name: str = "",
    ) -> None:
        if not (isinstance(mtu, int) and LEAST <= mtu <= USUAL):
            raise LabError(f"mtu: expected {LEAST} to {USUAL} bytes; found {mtu}")
        if icmp not in ("", "none"):
            raise LabError(f"icmp: expected none; found {icmp!r}")
        self.mtu, self.icmp, self.to = mtu, icmp, coerce.side(to)
        self.needs = "rules" if icmp else ""  # type: ignore[misc]
        super().__init__(name)

    @property
    def does(self) -> str:
        """What it does, in words."""
        silent = ", and does not say so" if self.icmp else ""
        return f"carries at most {self.mtu} bytes to the {self.to}{silent}"

    def losses(self) -> Sequence[tuple[str, str]]:
        """Its own ICMP errors, where it sends none."""
        errors = "icmp type destination-unreachable", "icmpv6 type packet-too-big"
        return [("output", match) for match in errors] if self.icmp else ()

    def begin(self, box: HopHost) -> None:
        """Make the link narrow."""
        box.route.send([rtnetlink.mtu(LINKS[self.to], self.mtu)])

    def end(self, box: HopHost) -> None:
        """Make it as wide as the others."""
        box.route.send([rtnetlink.mtu(LINKS[self.to], USUAL)])
