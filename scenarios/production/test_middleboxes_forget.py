# SPDX-License-Identifier: GPL-2.0-or-later
"""Boxes that remember connections, and forget those that say nothing for a while."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from netlab import Lab, State
from netlab.diagnosis.rank import Finding
from netlab.testbed.router import Router

Diagnosed = Callable[..., tuple[Finding, ...]]
pytestmark = pytest.mark.timeout(60)
FORGOTTEN = 4.0  # seconds of silence; the router forgets after one


def quiet(lab: Lab, seconds: float = FORGOTTEN) -> None:
    """Nobody says anything."""
    lab.wait(lambda: None, seconds)


def test_nat_forgets_an_idle_connection(lab: Lab, router: Router, diagnosed: Diagnosed) -> None:
    """Httpx #2975 (350 s), cockroach #13823. A NAT forgets what was idle for too long. The
    client's next request is none of its connections any more; it repeats it into silence.
    """
    router.translate()
    router.track()
    router.forget_after(1)
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.client.send("first")
    assert lab.server.read(5) == b"first"
    quiet(lab)
    lab.client.send("second")
    assert lab.wait(lambda: repeats(lab, 3), 10)
    assert lab.count(lab.client.side)[State.ESTABLISHED] == 1
    assert lab.count(lab.server.side)[State.ESTABLISHED] == 1
    (finding,) = diagnosed(lab.client)
    assert "idle-timeout" in (finding.cause, *finding.also)
    (finding,) = diagnosed(lab.client, lab.server)  # matched by ports: the addresses differ
    assert {"idle-timeout", "data-lost"} & {finding.cause, *finding.also}
    assert len(finding.connections) == 1


def test_without_the_nat_forgetting_nothing_is_stuck(
    lab: Lab, router: Router, diagnosed: Diagnosed
) -> None:
    """The cause of the case above, taken away: the same silence, and a NAT that remembers."""
    router.translate()
    router.track()
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    quiet(lab)
    lab.client.send("second")
    assert lab.server.read(6) == b"second"
    assert not diagnosed(lab.client, lab.server)


def test_firewall_forgets_and_drops_the_fin_as_invalid(
    lab: Lab, router: Router, diagnosed: Diagnosed
) -> None:
    """Firehol #208. The client has closed; while the server takes its time, the firewall
    forgets the flow. The server's FIN is INVALID then, and dropped: FIN_WAIT2 and LAST_ACK.
    """
    router.track()
    router.forget_after(1, "close_wait")
    router.forget_after(1, "fin_wait")
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.client.close()
    lab.expect(State.FIN_WAIT2, State.CLOSE_WAIT)
    quiet(lab)
    lab.server.close()
    lab.expect(State.FIN_WAIT2, State.LAST_ACK, hold=1.2)
    (finding,) = diagnosed(lab.client, lab.server)
    assert "fin-lost" in (finding.cause, *finding.also)
    (first, *_) = diagnosed(lab.server)
    assert {"fin-lost", "rst-lost"} & {first.cause, *first.also}
    router.forget()
    lab.expect(State.TIME_WAIT, State.LISTEN)


def test_last_acks_pile_up_behind_a_firewall_that_forgot(
    lab: Lab, router: Router, diagnosed: Diagnosed
) -> None:
    """The client is gone altogether when the server closes: its FIN meets nobody, and nobody
    can say so, because the firewall drops what it does not know.
    """
    router.track()
    router.forget_after(1)
    lab.server.listen()
    for _ in range(3):
        lab.client.connect()
        lab.server.accept()
        lab.client.vanish()
    quiet(lab)
    for connection in lab.server.connections:
        connection.socket.send(b"late")
        connection.close()
    assert lab.wait(lambda: repeats(lab, 2, State.FIN_WAIT1) or None, 10)
    assert lab.count(lab.server.side)[State.FIN_WAIT1] == 3
    (finding,) = diagnosed(lab.client, lab.server)
    assert len(finding.connections) == 3
    assert {"rst-lost", "peer-gone", "data-lost", "fin-lost"} & {finding.cause, *finding.also}


def test_kube_proxy_resets_what_it_does_not_know(
    lab: Lab, router: Router, diagnosed: Diagnosed
) -> None:
    """Kubernetes, "kube-proxy Subtleties". What conntrack calls INVALID is not translated back: it
    reaches the router under the router's own address, and the router's kernel answers with a RST.
    No application reset anything, and the server's connection is gone.
    """
    router.translate()
    router.track(drop_invalid=False)
    router.forget_after(1)
    lab.server.listen()
    lab.client.connect()
    server = lab.server.accept()
    quiet(lab)
    lab.server.send("late", server)
    with pytest.raises(ConnectionResetError) as raised:
        lab.server.read(1, server)
    assert raised.value.errno == errno.ECONNRESET
    assert lab.server.counters.read()["TcpEstabResets"] == 1
    assert lab.client.counters.read()["TcpOutRsts"] == 0, "the client reset nothing"
    assert lab.count(lab.client.side)[State.ESTABLISHED] == 1
    found = diagnosed(lab.client, lab.server, counters=True)
    causes = {cause for each in found for cause in (each.cause, *each.also)}
    assert {"middlebox-reset", "peer-gone"} & causes


def repeats(lab: Lab, times: int, state: State = State.ESTABLISHED) -> bool | None:
    """Whether an end has sent something that often without an answer."""
    rows = [row for host in lab.hosts for row in host.table.read()]
    return any(row.state is state and row.retransmits >= times for row in rows) or None
