# SPDX-License-Identifier: GPL-2.0-or-later
"""A fresh lab's wire: it carries the very first packet, and nothing that nobody asked for."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from netlab import scheduler
from netlab.linux.namespace import Namespace
from netlab.model.tcp import ACK, SYN
from netlab.model.vocabulary import Family
from netlab.testbed.hops.base import Hop
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab
from tests.programs import need

T = TypeVar("T")

#: What goes wrong in one lab of ten is seen for sure in a hundred, built as a run builds them.
LABS = 100
#: Linux waits for up to a second before it asks: MAX_RTR_SOLICITATION_DELAY of RFC 4861.
DELAY = 1.5

ETH_P_ALL = 3
ARP, IPV6, ICMPV6 = 0x0806, 0x86DD, socket.IPPROTO_ICMPV6
#: Router and neighbour discovery: RFC 4861, section 4.
DISCOVERY = range(133, 138)


def in_many_labs(family: Family, what: Callable[[Lab], T]) -> list[T]:
    """What comes of the same thing in many fresh labs."""

    def play() -> T:
        with Lab(family) as lab:
            return what(lab)

    return [found for _, found in scheduler.side_by_side([play] * LABS, jobs=LABS)]


def test_the_first_segment_is_not_lost(netlab_family: Family) -> None:
    def repeated(lab: Lab) -> int:
        lab.server.listen()
        lab.client.connect()
        return lab.client.counters.read()["TcpRetransSegs"]

    assert in_many_labs(netlab_family, repeated) == [0] * LABS


def test_a_first_segment_that_nobody_repeats_is_not_lost(netlab_family: Family) -> None:
    def answer(lab: Lab) -> str:
        lab.server.listen()
        return str(lab.client.probe(timeout=10))

    assert in_many_labs(netlab_family, answer) == [str(SYN | ACK)] * LABS


def test_the_wire_has_its_own_addresses_and_no_others(netlab_family: Family) -> None:
    def others(lab: Lab) -> list[str]:
        lab.server.listen()
        lab.client.connect()
        own = [f"fd00{0:08x}{lab.network:04x}{number:016x}" for number in (1, 2)]
        found = [address for host in lab.hosts for address in ipv6_addresses(host)]
        return [] if found == own else found

    assert in_many_labs(netlab_family, others) == [[]] * LABS


def test_nobody_asks_for_hardware_addresses(netlab_family: Family) -> None:
    def asked(lab: Lab) -> list[str]:
        with contextlib.ExitStack() as stack:
            taps = [stack.enter_context(tap(host)) for host in lab.hosts]
            lab.server.listen()
            lab.client.connect()
            lab.wait(lambda: None, DELAY)
            return [question for seen in taps for question in questions(seen)]

    assert in_many_labs(netlab_family, asked) == [[]] * LABS


@pytest.mark.needs("ip")
def test_links_that_the_kernel_puts_into_every_namespace_are_left_alone(
    netlab_family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As tunl0, sit0 and their like, where their modules are loaded: they have the low numbers."""
    created = Namespace.created

    @contextlib.contextmanager
    def with_tunnels() -> Iterator[Namespace]:
        with created() as namespace:
            for number in range(2, 12):
                words = f"link add tunl{number} index {number} type bridge"
                subprocess.run([need("ip"), *words.split()], check=True)
            yield namespace

    monkeypatch.setattr(Namespace, "created", with_tunnels)
    with Lab(netlab_family) as lab:
        router = Hop()
        lab.path(router)
        for namespace in (lab.client.namespace, lab.server.namespace, router.box.namespace):
            with namespace:
                assert socket.if_nametoindex("tunl2") == 2
        lab.server.listen()
        lab.client.connect()
        lab.server.accept()
        lab.client.send("hello")
        assert lab.server.read(5) == b"hello"


def ipv6_addresses(host: Host) -> list[str]:
    """The IPv6 addresses of one end of the wire, as the kernel lists them."""
    with host.namespace:
        lines = Path("/proc/thread-self/net/if_inet6").read_text().splitlines()
    return [line.split()[0] for line in lines if line.endswith("eth0")]


def tap(host: Host) -> socket.socket:
    """A socket that sees every frame of one end, from before the first packet is sent."""
    with host.namespace:
        found = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    found.bind(("eth0", ETH_P_ALL))
    found.setblocking(False)
    return found


def questions(seen: socket.socket) -> Iterator[str]:
    """The frames that ask for a neighbour, or say who it is."""
    with contextlib.suppress(BlockingIOError):
        while True:
            packet, origin = seen.recvfrom(1 << 16)
            if origin[1] == ARP:
                yield "ARP"
            elif origin[1] == IPV6 and packet[6] == ICMPV6 and packet[40] in DISCOVERY:
                yield f"ICMPv6 type {packet[40]}"
