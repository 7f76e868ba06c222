# SPDX-License-Identifier: GPL-2.0-or-later
"""Boxes that remember connections, and forget those that say nothing for a while."""

from __future__ import annotations

from netlab import Lab, Router, State, story

FORGOTTEN = 2.5  # seconds of silence; the router forgets after one, and less than two says nothing


def quiet(lab: Lab) -> None:
    """Nobody says anything."""
    lab.wait(lambda: None, FORGOTTEN)


def repeats(lab: Lab, times: int, state: State = State.ESTABLISHED, ends: int = 1) -> bool | None:
    """Whether as many ends have sent something that often without an answer."""
    rows = [row for host in lab.hosts for row in host.table.read() if row.state is state]
    return sum(row.retransmits >= times for row in rows) == ends or None


@story(
    source="httpx #2975 (idle for 350 s), cockroach #13823",
    cause="nobody can give a NAT back what it has forgotten",
)
def nat_forgets_an_idle_connection(lab: Lab, router: Router) -> None:
    """A NAT forgets what was idle for too long. The client's next request is of none of its
    connections any more, so it is dropped; the client repeats it into silence, and the server
    knows nothing of it.
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
    lab.expect(State.ESTABLISHED, State.ESTABLISHED, hold=0.5)


@story(
    source="the same, with its cause taken away",
    cause="nothing is wrong here: the NAT remembers",
)
def nat_that_remembers(lab: Lab, router: Router) -> None:
    """The same silence, and a NAT that remembers the connection: what comes after it arrives."""
    router.translate()
    router.track()
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    quiet(lab)
    lab.client.send("second")
    assert lab.server.read(6) == b"second"
    lab.expect(State.ESTABLISHED, State.ESTABLISHED, hold=0.5)


@story(source="firehol #208")
def firewall_forgets_and_drops_the_fin(lab: Lab, router: Router) -> None:
    """The client has closed; while the server takes its time, the firewall between forgets the
    connection. The server's FIN is INVALID then, and dropped: one end waits for a FIN, the other
    for its acknowledgment. Without the firewall's rules, the next FIN arrives.
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
    router.forget()
    lab.expect(State.TIME_WAIT, State.LISTEN)


@story(source="firehol #208, many times over")
def last_acks_pile_up_behind_a_firewall(lab: Lab, router: Router) -> None:
    """Three clients are gone altogether when the server closes: its FINs meet nobody, and nobody
    can say so, because the firewall drops what it does not know. Without the firewall's rules,
    each FIN is answered with a RST.
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
    assert lab.wait(lambda: repeats(lab, 2, State.FIN_WAIT1, ends=3), 10)
    assert lab.count(lab.server.side)[State.FIN_WAIT1] == 3
    lab.expect(State.CLOSED, State.FIN_WAIT1, hold=0.5)
    router.forget()
    lab.expect(State.CLOSED, State.LISTEN)


@story(
    source='Kubernetes, "kube-proxy Subtleties: Debugging an Intermittent Connection Reset"',
    cause="a reset cannot be taken back",
)
def router_resets_what_it_does_not_know(lab: Lab, router: Router) -> None:
    """What conntrack calls INVALID is not translated back: it reaches the router under the router's
    own address, and the router's kernel answers with a RST. No application reset anything, and
    the server's connection is gone; the client believes in it still.
    """
    router.translate()
    router.track(drop_invalid=False)
    router.forget_after(1)
    lab.server.listen()
    lab.client.connect()
    server = lab.server.accept()
    quiet(lab)
    lab.server.send("late", server)
    heard = ""
    try:
        lab.server.read(1, server)
    except ConnectionResetError:
        heard = "ECONNRESET"
    assert heard == "ECONNRESET"
    assert lab.server.counters.read()["TcpEstabResets"] == 1
    assert lab.client.counters.read()["TcpOutRsts"] == 0, "the client reset nothing"
    lab.expect(State.ESTABLISHED, State.LISTEN, hold=0.5)
