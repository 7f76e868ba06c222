# SPDX-License-Identifier: GPL-2.0-or-later
"""A link in the middle is narrower than both ends know, and "all ICMP" is filtered."""

from __future__ import annotations

from netlab import Lab, Router, Side, State, story

PAGE = 7_340  # bytes: five full segments, and a small one that gets through
NARROW = 1280  # bytes; IPv6 has no smaller one


def repeated(lab: Lab) -> bool | None:
    """Whether the server has sent its large segment three times."""
    return any(row.retransmits >= 2 for row in lab.server.table.read()) or None


def loads(lab: Lab, patience: float) -> bool:
    """Whether the whole page comes within so many seconds."""
    received = bytearray()

    def receive() -> bool | None:
        try:
            received.extend(lab.client.connection.socket.recv(1 << 16))
        except BlockingIOError:
            return None
        return len(received) >= PAGE or None

    return bool(lab.wait(receive, patience))


@story(source="RFC 2923, section 2.1: the path-MTU black hole")
def large_segments_vanish(lab: Lab, router: Router) -> None:
    """Small packets pass, large ones do not, and nobody says why: the greeting has come, and the
    page never loads. As soon as the router may send its ICMP errors, it does.
    """
    router.narrow(Side.CLIENT, NARROW)
    router.hide_errors()
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.client.send("GET /")
    assert lab.server.read(5) == b"GET /"
    lab.server.send("200 OK")
    assert lab.client.read(6) == b"200 OK"
    lab.server.send(bytes(PAGE))
    assert lab.wait(lambda: repeated(lab), 10)
    lab.expect(State.ESTABLISHED, State.ESTABLISHED, hold=1.0)
    router.forget()
    assert loads(lab, 130)  # Linux never waits longer for its next try
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)


@story(
    source="RFC 4821, packetization layer path MTU discovery",
    cause="nothing is wrong here: the server finds the way by itself",
)
def mtu_probing_finds_the_way(lab: Lab, router: Router) -> None:
    """`tcp_mtu_probing=1` rescues the page: after some time-outs Linux tries smaller segments."""
    lab.server.sysctl("tcp_mtu_probing", 1)
    router.narrow(Side.CLIENT, NARROW)
    router.hide_errors()
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.server.send(bytes(PAGE))
    assert loads(lab, 30)
    lab.expect(State.ESTABLISHED, State.ESTABLISHED, hold=0.5)


@story(
    source="RFC 1191 and RFC 8201, path MTU discovery",
    cause="nothing is wrong here: the router says that it is narrow",
)
def with_icmp_nothing_hangs(lab: Lab, router: Router) -> None:
    """The black hole with its cause taken away: the router may say how narrow it is, and the page
    loads.
    """
    router.narrow(Side.CLIENT, NARROW)
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.server.send(bytes(PAGE))
    assert len(lab.client.read(PAGE)) == PAGE
    lab.expect(State.ESTABLISHED, State.ESTABLISHED, hold=0.5)
