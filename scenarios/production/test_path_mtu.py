# SPDX-License-Identifier: GPL-2.0-or-later
"""A link in the middle is narrower than both ends know, and "all ICMP" is filtered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netlab import Lab, State
from netlab.diagnosis.rank import Finding
from netlab.testbed.router import Router
from netlab.testbed.words import Family, Side

Diagnosed = Callable[..., tuple[Finding, ...]]
pytestmark = pytest.mark.timeout(60)
PAGE = 7_340  # bytes: five full segments, and a small one that gets through
NARROW = {Family.IPV4: 600, Family.IPV6: 1280}  # IPv6 has no smaller one


@pytest.fixture
def hanging(lab: Lab, router: Router) -> Lab:
    """A greeting has passed, and a page of 7 kB does not."""
    router.narrow(Side.CLIENT, NARROW[lab.family])
    router.hide_errors()
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.client.send("GET /")
    assert lab.server.read(5) == b"GET /"
    lab.server.send("200 OK")
    assert lab.client.read(6) == b"200 OK"
    lab.server.send(bytes(PAGE))
    return lab


def repeated(lab: Lab) -> bool | None:
    """Whether the server has sent its large segment three times."""
    return any(row.retransmits >= 2 for row in lab.server.table.read()) or None


def test_large_segments_vanish(hanging: Lab, diagnosed: Diagnosed) -> None:
    """Small packets pass, large ones do not, and nobody says why: the page never loads."""
    assert hanging.wait(lambda: repeated(hanging), 10)
    hanging.expect(State.ESTABLISHED, State.ESTABLISHED, hold=1.0)
    for hosts in ((hanging.server,), hanging.hosts):
        (first, *_) = diagnosed(*hosts)
        assert first.cause == "path-mtu", first.also


def test_probing_finds_the_way(lab: Lab, router: Router, diagnosed: Diagnosed) -> None:
    """`tcp_mtu_probing=1` rescues it: after two time-outs Linux tries smaller segments."""
    lab.server.sysctl("tcp_mtu_probing", 1)
    router.narrow(Side.CLIENT, NARROW[lab.family])
    router.hide_errors()
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.server.send(bytes(PAGE))
    received = bytearray()

    def receive() -> bool | None:
        try:
            received.extend(lab.client.connection.socket.recv(1 << 16))
        except BlockingIOError:
            return None
        return len(received) >= PAGE or None

    assert lab.wait(receive, 30), f"{len(received)} bytes came"
    assert not diagnosed(*lab.hosts)


def test_with_icmp_nothing_hangs(lab: Lab, router: Router, diagnosed: Diagnosed) -> None:
    """The cause, taken away: the router says that it is narrow, and the page loads."""
    router.narrow(Side.CLIENT, NARROW[lab.family])
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.server.send(bytes(PAGE))
    assert len(lab.client.read(PAGE)) == PAGE
    assert not diagnosed(*lab.hosts)
