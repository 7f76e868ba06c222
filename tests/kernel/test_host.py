# SPDX-License-Identifier: GPL-2.0-or-later
"""What an application does at one end, and what comes of it at both."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from functools import partial

import pytest

from netlab import scheduler
from netlab.model.errors import ActionFailed, LabError
from netlab.model.tcp import ACK, RST, SYN, Segment, State
from netlab.testbed.context import PORT
from netlab.testbed.lab import Lab

from . import tools

CLOSED_PORT = PORT + 1


# --- opening


def test_a_connection_is_opened_and_accepted(lab: Lab) -> None:
    listener = lab.server.listen()
    opened = lab.client.connect()
    accepted = lab.server.accept()
    assert opened.remote == listener.local == (lab.server.address, PORT)
    assert accepted.remote == opened.local
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)


def test_a_closed_port_refuses(lab: Lab) -> None:
    with pytest.raises(ConnectionRefusedError):
        lab.client.connect()
    assert lab.client.connections == [lab.client.connection]
    lab.expect(State.CLOSED, State.CLOSED)


def test_an_application_gives_up_after_its_timeout_and_closes(lab: Lab) -> None:
    lab.server.listen()
    with lab.drop(SYN, to=lab.server):
        with pytest.raises(TimeoutError):
            lab.client.connect(timeout=0.2)
        lab.expect(State.CLOSED, State.LISTEN)
        assert lab.client.connection.socket.fileno() == -1


def test_a_connection_can_be_opened_from_a_chosen_port(lab: Lab) -> None:
    lab.server.listen()
    assert lab.client.connect(source_port=6666).local == (lab.client.address, 6666)
    with pytest.raises(OSError, match=r"\[Errno 98\]") as refused:
        lab.client.connect(source_port=6666)
    assert refused.value.errno == errno.EADDRINUSE
    assert len(lab.client.connections) == 1


def test_a_connection_can_be_opened_from_an_added_address(lab: Lab) -> None:
    lab.server.listen()
    added = [lab.client.add_address() for _ in range(3)]
    assert len({lab.client.address, *added}) == 4
    for address in (*added, None):
        opened = lab.client.connect(source=address)
        assert opened.local[0] == (address or lab.client.address)
        assert lab.server.accept().remote == opened.local


def test_a_backlog_of_none_has_room_for_one(lab: Lab) -> None:
    lab.server.listen(backlog=0)
    lab.client.connect()
    lab.client.connect(wait=False)
    lab.expect(State.SYN_SENT, State.LISTEN, hold=0.3)
    lab.server.accept()
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)


def test_a_deferred_server_wakes_for_data_only(lab: Lab) -> None:
    lab.server.listen(defer=10)
    lab.client.connect()
    lab.expect(State.ESTABLISHED, State.SYN_RECV, hold=0.3)
    lab.client.send("hello")
    assert lab.server.accept().remote == lab.client.connection.local
    assert lab.server.read(5) == b"hello"


def test_closing_a_listener_resets_what_was_not_accepted(lab: Lab) -> None:
    lab.server.listen()
    lab.client.connect()
    lab.server.unlisten()
    with pytest.raises(ConnectionResetError):
        lab.client.read(1)
    lab.expect(State.CLOSED, State.CLOSED)


# --- data


def test_both_ends_read_what_the_other_sends(established: Lab) -> None:
    lab = established
    assert lab.client.send("hello") == 5
    assert lab.server.read(5) == b"hello"
    assert lab.server.send(b"hello yourself") == 14
    assert lab.client.read(5) + lab.client.read(9) == b"hello yourself"


def test_more_than_the_buffers_hold_is_sent_while_the_other_end_reads(established: Lab) -> None:
    lab = established
    lab.client.set_option("SO_SNDBUF", 32_000)
    lab.server.set_option("SO_RCVBUF", 32_000)
    data = bytes(range(256)) * 4_000

    def send() -> bytes:
        assert lab.client.send(data) == len(data)
        lab.client.shutdown()
        return b""

    played = dict(scheduler.side_by_side([send, lab.server.drain], jobs=2))
    assert played[1] == data


def test_a_read_ends_where_the_peers_fin_comes(established: Lab) -> None:
    lab = established
    lab.client.send("hello")
    lab.client.shutdown()
    assert lab.server.read(100) == b"hello"
    assert lab.server.read(100) == b""


def test_an_application_waits_for_seconds_and_not_for_ever(established: Lab) -> None:
    lab = established
    lab.client.set_option("SO_SNDBUF", 32_000)
    calls: dict[str, Callable[[], object]] = {
        "accept": lab.server.accept,
        "read": partial(lab.client.read, 1),
        "read to the end": lab.client.drain,
        "send": partial(lab.client.send, bytes(64_000_000)),
    }

    def complaint(call: Callable[[], object]) -> str:
        with pytest.raises(ActionFailed) as failed:
            call()
        return str(failed.value)

    plays = [partial(complaint, call) for call in calls.values()]
    complaints = dict(scheduler.side_by_side(plays, jobs=len(plays)))
    for number, what in enumerate(calls):
        assert complaints[number].endswith(f": {what} was not possible within 5 s")


# --- ending


def test_after_a_half_close_data_still_comes_the_other_way(established: Lab) -> None:
    lab = established
    lab.client.shutdown()
    lab.expect(State.FIN_WAIT2, State.CLOSE_WAIT)
    lab.server.send("hello")
    assert lab.client.read(5) == b"hello"
    with pytest.raises(BrokenPipeError):
        lab.client.send("no more")


def test_both_ends_close_in_order(established: Lab) -> None:
    lab = established
    lab.client.close()
    assert lab.server.drain() == b""
    lab.server.close()
    lab.expect(State.TIME_WAIT, State.LISTEN)


def test_an_abort_resets_the_peer(established: Lab) -> None:
    lab = established
    lab.client.abort()
    with pytest.raises(ConnectionResetError):
        lab.server.read(1)
    assert lab.client.counters.read()["TcpOutRsts"] == 1
    lab.expect(State.CLOSED, State.LISTEN)


def test_who_vanishes_sends_nothing(established: Lab) -> None:
    lab = established
    before = lab.client.counters.read()
    lab.client.vanish()
    lab.expect(State.CLOSED, State.ESTABLISHED, hold=0.3)
    after = lab.client.counters.read()
    assert [after[name] - before[name] for name in ("TcpOutSegs", "TcpOutRsts")] == [0, 0]
    lab.server.send("anybody?")  # only this is answered, by a RST
    lab.expect(State.CLOSED, State.LISTEN)


# --- the rest of the machine


@pytest.mark.parametrize(
    ("name", "value"), [("TCP_USER_TIMEOUT", 1234), ("TCP_NODELAY", 1), ("SO_KEEPALIVE", 1)]
)
def test_a_socket_option_is_set_by_its_name(established: Lab, name: str, value: int) -> None:
    level = socket.IPPROTO_TCP if name.startswith("TCP_") else socket.SOL_SOCKET
    option = getattr(socket, name)
    chosen = established.client.connection
    assert chosen.socket.getsockopt(level, option) != value
    established.client.set_option(name, value)
    assert chosen.socket.getsockopt(level, option) == value


@pytest.mark.parametrize("name", ["TCP_NO_SUCH", "IP_TTL", "AF_INET", "socket", "SO_"])
def test_what_is_no_socket_option_is_refused(established: Lab, name: str) -> None:
    with pytest.raises(LabError, match=f"no socket option is called {name}"):
        established.client.set_option(name, 1)


@pytest.mark.parametrize("action", ["unlisten", "accept", "close", "read"])
def test_what_cannot_be_done_yet_says_why(lab: Lab, action: str) -> None:
    arguments = (1,) if action == "read" else ()
    with pytest.raises(ActionFailed, match=r"client (does not listen|has no connection)"):
        getattr(lab.client, action)(*arguments)


def test_a_datagram_is_answered(lab: Lab) -> None:
    with lab.server.namespace:
        answering = socket.socket(lab.family, socket.SOCK_DGRAM)
    with answering:
        answering.bind((lab.server.address, PORT))
        answering.setblocking(False)

        def answer() -> bytes:
            def attempt() -> bytes | None:
                try:
                    data, sender = answering.recvfrom(100)
                except BlockingIOError:
                    return None
                answering.sendto(data.upper(), sender)
                return data

            return lab.wait(attempt, tools.PATIENCE) or b""

        plays: list[Callable[[], bytes]] = [partial(lab.client.udp, "hello", PORT), answer]
        assert dict(scheduler.side_by_side(plays, jobs=2)) == {0: b"HELLO", 1: b"hello"}


def test_a_datagram_to_a_closed_port_is_refused(lab: Lab) -> None:
    with pytest.raises(ConnectionRefusedError):
        lab.client.udp("hello", CLOSED_PORT)


@pytest.mark.parametrize(
    ("port", "answer"), [(PORT, SYN | ACK), (CLOSED_PORT, RST | ACK)], ids=["open", "closed"]
)
def test_a_probe_tells_an_open_port_from_a_closed_one(lab: Lab, port: int, answer: Segment) -> None:
    lab.server.listen(PORT)
    assert lab.client.probe(port) == answer
    with lab.drop(SYN, to=lab.server) as fault:
        assert lab.client.probe(port, source_port=40001) is None
    assert fault.packets == 1


def test_a_flood_leaves_requests_that_nobody_completes(lab: Lab) -> None:
    lab.server.listen()
    lab.client.flood(20)
    counted = lab.wait(
        lambda: lab.count(lab.server.side).get(State.SYN_RECV, 0) == 20 or None, tools.PATIENCE
    )
    assert counted, lab.count(lab.server.side)
    assert lab.count(lab.client.side) == {}
