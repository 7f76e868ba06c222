# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks that many people have, as wires: each with its source, which has these figures and says
no more. A round trip that is given as one number is halved.
"""

from __future__ import annotations

from dataclasses import dataclass

from netlab.model.vocabulary import Side
from netlab.programs.effects import Delay, Rate, WireEffect


@dataclass(frozen=True)
class Profile:
    """What a wire does each way; the client is the one who has such a network."""

    like: str  # in words
    source: str
    down: tuple[WireEffect, ...]
    up: tuple[WireEffect, ...]

    @property
    def ways(self) -> dict[Side, tuple[WireEffect, ...]]:
        """What is done to packets on their way to each side."""
        return {Side.CLIENT: self.down, Side.SERVER: self.up}


PROFILES = {
    "lte": Profile(
        "a mobile network, LTE",
        "WebPageTest's profile LTE: 12 Mbps/12 Mbps, a round trip of 70 ms",
        down=(Rate("12mbit"), Delay("35ms")),
        up=(Rate("12mbit"), Delay("35ms")),
    ),
    "3g": Profile(
        "a mobile network, 3G",
        "WebPageTest's profile 3G: 1.6 Mbps/768 Kbps, a round trip of 300 ms",
        down=(Rate("1.6mbit"), Delay("150ms")),
        up=(Rate("768kbit"), Delay("150ms")),
    ),
    "wifi": Profile(
        "a wireless network at home",
        "Firefox's developer tools, throttling, WiFi: 30 Mbps/15 Mbps, a latency of 2 ms",
        down=(Rate("30mbit"), Delay("1ms")),
        up=(Rate("15mbit"), Delay("1ms")),
    ),
    "satellite": Profile(
        "a satellite in geostationary orbit",
        "draft-kuhn-quic-4-sat, its first test: 10 Mbps/2 Mbps, a round trip of 650 ms, buffers of "
        "the bandwidth-delay product",
        down=(Rate("10mbit", "812.5kB"), Delay("325ms")),
        up=(Rate("2mbit", "162.5kB"), Delay("325ms")),
    ),
    "bufferbloat": Profile(
        "a line at home whose uplink has a buffer of a second",
        "WebPageTest's profile Cable: 5/1 Mbps, a round trip of 28 ms; the buffer of cable modems "
        "by Dischinger et al., Characterizing Residential Broadband Networks, IMC 2007",
        down=(Rate("5mbit"), Delay("14ms")),
        up=(Rate("1mbit", "125kB"), Delay("14ms")),
    ),
}
