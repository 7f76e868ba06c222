# SPDX-License-Identifier: GPL-2.0-or-later
"""A fault on a class of segments drops exactly that class, whatever else a segment carries."""

from __future__ import annotations

import functools
import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from netlab.model.tcp import ANY, CONTROL, NAMEABLE, Segment
from netlab.model.vocabulary import Family, Hook, Side
from netlab.testbed.forge import scapy
from netlab.testbed.lab import Lab

from . import tools

#: Nobody listens at these ports. What is sent to the last one comes after everything else.
FORGED_PORT, LAST_PORT = 7, 9

TIMESTAMP: tuple[Any, ...] = ("Timestamp", (1, 2))
PADDING: tuple[Any, ...] = ("NOP", None)
#: TCP options by their length in bytes: every length of a header there is, and those that Linux
#: sends: timestamps (12), and with them one to three blocks of SACK (24, 32, 40).
OPTIONS: dict[int, list[tuple[Any, ...]]] = {
    0: [],
    4: [("MSS", 1460)],
    8: [("MSS", 1460), PADDING, ("WScale", 7)],
    12: [PADDING, PADDING, TIMESTAMP],
    16: [("MSS", 1460), ("SAckOK", b""), TIMESTAMP],
    20: [PADDING, PADDING, ("SAck", (1, 2, 3, 4))],
    24: [PADDING, PADDING, TIMESTAMP, PADDING, PADDING, ("SAck", (1, 2))],
    28: [PADDING, PADDING, ("SAck", (1, 2, 3, 4, 5, 6))],
    32: [PADDING, PADDING, TIMESTAMP, PADDING, PADDING, ("SAck", (1, 2, 3, 4))],
    36: [PADDING, PADDING, ("SAck", (1, 2, 3, 4, 5, 6, 7, 8))],
    40: [PADDING, PADDING, TIMESTAMP, PADDING, PADDING, ("SAck", (1, 2, 3, 4, 5, 6))],
}
#: Nothing, a byte, what is as long as options can be, and a full segment.
PAYLOADS = (0, 1, 40, 1000)


@dataclass(frozen=True)
class Forged:
    """One segment: its control bits, and how much payload it carries behind what options."""

    control: Segment
    payload: int
    options: int

    def is_one_of(self, wanted: Segment) -> bool:
        """Whether it belongs to a class, by the definition of the class itself."""
        as_wanted = self.control & wanted.compared == wanted.bits
        return as_wanted and wanted.payload in (None, self.payload > 0)

    def frame(self, family: Family, network: int, port: int = FORGED_PORT) -> bytes:
        """The bytes that go onto the wire, from the client to the server."""
        words = scapy()
        segment = words.tcp(
            sport=1024, dport=port, flags=self.control.value, options=OPTIONS[self.options]
        )
        packet = (
            words.ether(src=Side.CLIENT.hardware, dst=Side.SERVER.hardware)
            / words.network[family](
                src=Side.CLIENT.address(family, network), dst=Side.SERVER.address(family, network)
            )
            / segment
            / bytes(self.payload)
        )
        return bytes(packet)


def everything() -> Iterator[Forged]:
    """Every combination of control bits, payload and options."""
    bits = [bit for bit in Segment if bit in CONTROL]
    for chosen in itertools.product((False, True), repeat=len(bits)):
        control = Segment(sum(bit.value for bit, on in zip(bits, chosen, strict=True) if on))
        for payload, options in itertools.product(PAYLOADS, OPTIONS):
            yield Forged(control, payload, options)


@functools.cache
def frames(family: Family, network: int) -> list[tuple[Forged, bytes]]:
    return [(each, each.frame(family, network)) for each in everything()]


@pytest.mark.parametrize("family", Family, ids=str)
def test_the_forged_segments_have_every_header_length(family: Family) -> None:
    header = {Family.IPV4: 14 + 20, Family.IPV6: 14 + 40}[family]
    forged = frames(family, 0)
    for each, frame in forged:
        assert frame[header + 12] >> 4 == (20 + each.options) // 4
        assert len(frame) == header + 20 + each.options + each.payload
    assert len(forged) == 16 * len(PAYLOADS) * len(OPTIONS)


@pytest.mark.parametrize("wanted", NAMEABLE, ids=str)
@pytest.mark.parametrize("hook", [Hook.INPUT, Hook.PREROUTING], ids=str)
def test_a_fault_counts_the_segments_of_its_class_and_no_others(
    established: Lab, wanted: Segment, hook: Hook
) -> None:
    lab = established
    forged = frames(lab.family, lab.network)
    fault = lab.drop(wanted, at=(lab.server, hook), port=FORGED_PORT)
    # What is sent last is counted before the fault could see it: packets come in order, so
    # everything before it has been looked at by then.
    last = lab.drop(ANY, at=(lab.server, Hook.PREROUTING), port=LAST_PORT)
    with lab.client.namespace, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        for _, frame in forged:
            wire.send(frame)
        wire.send(Forged(Segment.SYN, 0, 0).frame(lab.family, lab.network, LAST_PORT))
    tools.wait(lambda: last.packets or None)
    assert last.packets == 1
    assert fault.packets == sum(each.is_one_of(wanted) for each, _ in forged)
