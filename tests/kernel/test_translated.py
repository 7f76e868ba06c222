# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of connections behind a NAT that changes every port, paired by what it tracks."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from netlab.diagnosis.rank import diagnose
from netlab.model.findings import Diagnosis
from netlab.model.tcp import DATA, State
from netlab.snapshot import parse
from netlab.testbed.hops import lacking
from netlab.testbed.hops.nat import Nat
from netlab.testbed.lab import Lab
from tests.programs import need

from . import tools

PORT, CLIENTS = 8080, 12


class Pool:
    """A dozen connections from one client to one service, through a NAT that gives them ports from
    a range in which no client's own port is.
    """

    def __init__(self, lab: Lab, opened: contextlib.ExitStack) -> None:
        self.lab, self.router = lab, Nat(ports="20000-20999")
        lab.path(self.router)
        with lab.server.namespace:
            family = socket.AF_INET6 if ":" in lab.server.address else socket.AF_INET
            listener = opened.enter_context(
                socket.create_server((lab.server.address, PORT), family=family)
            )
        self.clients, self.servers = [], []
        for _ in range(CLIENTS):
            with lab.client.namespace:
                one = socket.create_connection((lab.server.address, PORT))
            self.clients.append(opened.enter_context(one))
            self.servers.append(opened.enter_context(listener.accept()[0]))

    def asked(self, *, tracking: bool) -> Diagnosis:
        """The answer to both ends, with or without what the router tracks."""
        texts = [(tools.inside(host, "ss", "-tanoei"), str(host.side)) for host in self.lab.hosts]
        if tracking:
            listed = tools.inside(self.router.box.namespace, "conntrack", "-L", "-p", "tcp")
            texts.append((f"$ conntrack -L -p tcp\n{listed}", "router"))
        return diagnose([one for text in texts for one in parse.read(*text)])

    def repeats(self, client: socket.socket) -> bool | None:
        """True once what it sent was repeated four times."""
        port = client.getsockname()[1]
        rows = tools.inside(self.lab.client, "ss", "-tnoH", f"sport = :{port}")
        return True if ",4)" in rows else None


@pytest.fixture
def pool(lab: Lab) -> Iterator[Pool]:
    need("conntrack")
    if reason := lacking("tracking"):
        pytest.skip(reason)
    with contextlib.ExitStack() as opened:
        yield Pool(lab, opened)


def test_each_end_finds_its_own_though_every_port_is_another(pool: Pool) -> None:
    ports = {server.getpeername()[1] for server in pool.servers}
    assert ports <= set(range(20000, 21000)), "the router does not change them"
    stuck = pool.clients[3]
    with pool.lab.drop(DATA, to=pool.lab.server):
        stuck.sendall(b"hello")
        assert pool.lab.wait(lambda: pool.repeats(stuck), 10)
        (alone,) = pool.asked(tracking=False).findings
        (finding,) = pool.asked(tracking=True).findings
    assert "data-lost" in {alone.cause, *alone.also}
    assert alone.connections[0].states == (State.ESTABLISHED,), "its other end is not known"
    assert finding.cause == "data-lost"
    (connection,) = finding.connections
    assert connection.states == (State.ESTABLISHED, State.ESTABLISHED)
    assert connection.local[1] == stuck.getsockname()[1]
    assert connection.translated
    assert any("connection tracking of router" in text for text in finding.evidence_against)


def test_what_the_router_forgot_is_the_answer(pool: Pool) -> None:
    stuck = pool.clients[5]
    port = stuck.getsockname()[1]
    tools.inside(pool.router.box.namespace, "conntrack", "-D", "-p", "tcp", "--sport", str(port))
    stuck.sendall(b"hello")
    assert pool.lab.wait(lambda: pool.repeats(stuck), 10)
    (alone,) = pool.asked(tracking=False).findings
    assert alone.confidence < 0.9, "it can be anything that loses data"
    (finding,) = pool.asked(tracking=True).findings
    assert (finding.cause, finding.also) == ("idle-timeout", ())
    assert "router has no entry for it" in " ".join(finding.evidence_for)


def test_idle_ones_are_well_and_none_is_missed(pool: Pool) -> None:
    assert pool.asked(tracking=True).findings == ()
    assert pool.asked(tracking=False).findings == ()
