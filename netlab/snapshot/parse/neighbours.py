# SPDX-License-Identifier: GPL-2.0-or-later
"""The way out of a host, as it stands beside a listing: ``ip neigh``, ``arp``, ``ip route``.

A neighbour that does not answer is the reason for much that looks like loss, and the kernel says so
here and nowhere else (NUD_FAILED, NUD_INCOMPLETE in include/net/neighbour.h).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from netlab.snapshot.records import Neighbourhood

_ADDRESS = r"(?P<address>[0-9A-Fa-f:.]{2,45})"
#: ip neigh, of iproute2 and BusyBox; arp -n; arp -an.
NEIGHBOURS = (
    re.compile(
        rf"{_ADDRESS}\s+dev\s+\S+(?:\s+lladdr\s+\S+)?(?:\s+(?:router|proxy|ref\s+\d+|"
        r"used\s+[\d/]+|probes\s+\d+))*\s+(?P<state>[A-Z]+)\s*$"
    ),
    re.compile(rf"{_ADDRESS}\s+(?:(?P<state>\(incomplete\))|ether\s+[0-9a-f:]{{17}}\s+\S*)\s+\S+\s*$"),
    re.compile(
        rf"\S+ \({_ADDRESS}\) at (?:(?P<state><incomplete>)|[0-9a-f:]{{17}} \[\w+\])\s+on \S+\s*$"
    ),
)  # fmt: skip
ROUTE = re.compile(
    r"(?P<network>default|[0-9A-Fa-f:.]{2,45}(?:/\d{1,3})?) via (?P<hop>[0-9A-Fa-f:.]{2,45})\s"
)
SILENT = frozenset({"FAILED", "INCOMPLETE", "(incomplete)", "<incomplete>"})


@dataclass(slots=True)
class NeighbourReader:
    """Takes the lines of such tables, wherever they stand."""

    silent: dict[str, bool] = field(default_factory=dict)  # by address
    routers: dict[str, str] = field(default_factory=dict)  # by the network behind them

    def row(self, line: str) -> bool:
        """Take a line if it tells of a neighbour, or of a router."""
        line = line.strip()
        for pattern in NEIGHBOURS:
            if match := pattern.match(line):
                return self._neighbour(match["address"], match["state"] in SILENT)
        if match := ROUTE.match(f"{line} "):
            return self._route(match["network"], match["hop"])
        return False

    def _neighbour(self, text: str, silent: bool) -> bool:
        try:
            self.silent[str(ipaddress.ip_address(text))] = silent
        except ValueError:
            return False
        return True

    def _route(self, network: str, hop: str) -> bool:
        if network == "default":
            network = "::/0" if ":" in hop else "0.0.0.0/0"
        try:
            to, router = ipaddress.ip_network(network, strict=False), ipaddress.ip_address(hop)
        except ValueError:
            return False
        self.routers.setdefault(str(to), str(router))
        return True

    def found(self) -> Neighbourhood | None:
        """All of it; None if there was nothing."""
        if not (self.silent or self.routers):
            return None
        return Neighbourhood({**self.silent}, {**self.routers})
