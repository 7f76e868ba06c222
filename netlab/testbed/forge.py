# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments that no kernel socket sent: the SYN probe of a port scanner, and a SYN flood.

Each is packed as those of the conformance table are, for a flood has many. scapy reads what answers
a probe, and is imported before the first lab of those that forge: that takes half a second.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from netlab.linux import closing
from netlab.model.errors import LabError
from netlab.model.tcp import CONTROL, Segment
from netlab.model.vocabulary import Family, Side
from netlab.packets import datagrams, segments
from netlab.packets.headers import SYN, TCP

ETH_P_ALL = 3
ETHERNET = {Family.IPV4: b"\x08\x00", Family.IPV6: b"\x86\xdd"}
SEQUENCE, WINDOW = 1000, 1024
PACKET_OUTGOING = 4
#: Sources of forged segments: networks that the client's stack does not answer for.
FORGED = {Family.IPV4: "198.18.{}.{}", Family.IPV6: "fd66::{:x}:{:x}"}


class Scapy(NamedTuple):
    """The few names of scapy used here."""

    ether: Callable[..., Any]
    network: dict[Family, Callable[..., Any]]
    tcp: Any


@functools.cache
def scapy() -> Scapy:
    """Import scapy. The runner calls this before the clock of any scenario starts."""
    import logging

    logging.getLogger("scapy").setLevel(logging.ERROR)  # it warns of routes it cannot find
    homes = dict.fromkeys(("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), "/proc/self")
    before = {name: os.environ.get(name) for name in homes}
    os.environ.update(homes)  # scapy makes folders in them; netlab leaves none behind
    try:
        import scapy.main
        from scapy.config import conf

        # The host's routes are none of netlab's business, and a failure to read them would hang.
        conf.route_autoload = conf.route6_autoload = False
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    scapy.main.SCAPY_CACHE_FOLDER = None
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    return Scapy(Ether, {Family.IPV4: IP, Family.IPV6: IPv6}, TCP)


def ethernet(side: Side, family: Family) -> bytes:
    """The header of a frame from that side to the other, around a packet of this family."""
    addresses = bytes.fromhex((side.peer.hardware + side.hardware).replace(":", ""))
    return addresses + ETHERNET[family]


class Forge:
    """Sends and receives whole frames at one end of the wire. Create it inside the namespace.

    Raises `LabError` where packet sockets are refused.
    """

    def __init__(self, side: Side, family: Family, target: str) -> None:
        self._side, self._family, self._target = side, family, target
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.bind(("eth0", ETH_P_ALL))
        except OSError as error:
            raise LabError(f"no packet can be forged here: {error.strerror}") from None
        self._socket.setblocking(False)
        self._ethernet = ethernet(side, family)

    def close(self) -> None:
        """Let go of the packet socket: the kernel closes it after a grace period."""
        closing.later(self._socket.close)

    def syn(self, source: str, source_port: int, port: int) -> None:
        """Send one SYN to the peer."""
        ends = (source, source_port), (self._target, port)
        packed = segments.segment(*ends, SYN, SEQUENCE, window=WINDOW)
        self._socket.send(self._ethernet + datagrams.datagram(source, self._target, TCP, packed))

    def answer(self, source_port: int, port: int) -> Segment | None:
        """The control bits of the answer to that SYN, or None if none has come."""
        words = scapy()
        while True:
            try:
                frame, origin = self._socket.recvfrom(1 << 16)
            except BlockingIOError:
                return None
            if origin[2] == PACKET_OUTGOING:
                continue
            packet = words.ether(frame)
            if words.tcp in packet:
                segment = packet[words.tcp]
                if (segment.sport, segment.dport) == (port, source_port):
                    return Segment(int(segment.flags) & CONTROL.value)
