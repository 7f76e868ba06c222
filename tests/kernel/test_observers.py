# SPDX-License-Identifier: GPL-2.0-or-later
"""What netlab reads from /proc is what ss and nstat say, however much of it there is."""

from __future__ import annotations

import contextlib
import json
import socket

import pytest

from netlab.linux.namespace import Namespace
from netlab.linux.nstat import Counters
from netlab.linux.procnet import Row, TcpTable, endpoint
from netlab.model.tcp import ACK, SYN, State
from netlab.model.vocabulary import Family
from netlab.testbed.context import PORT
from netlab.testbed.lab import Lab

from . import tools

MANY = 3000
#: nstat leaves out what does not count up; netlab reads the files of IPv4 and TCP alone.
NO_COUNTERS = {"IpForwarding", "IpDefaultTTL", "TcpCurrEstab", "TcpMaxConn"} | {
    f"TcpRto{what}" for what in ("Algorithm", "Min", "Max")
}
OF_SNMP6 = ("Ip6", "Icmp6", "Udp6", "UdpLite6")
LOOPBACK = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}


def as_ss_lists(row: Row) -> tuple[State, str, str, int]:
    return row.state, row.local, row.remote, row.rx_queue


def as_netlab_lists(found: tools.Socket) -> tuple[State, str, str, int]:
    return found.state, endpoint(*found.local), endpoint(*found.remote), found.rx_queue


def assert_they_agree(lab: Lab) -> set[State]:
    """Both ends' tables are what ss lists; returns the states there are."""
    seen = set()
    for host in lab.hosts:
        rows = host.table.read()
        assert sorted(map(as_ss_lists, rows)) == sorted(map(as_netlab_lists, tools.sockets(host)))
        seen |= {row.state for row in rows}
    return seen


def test_every_kind_of_socket_is_read_as_ss_reads_it(lab: Lab) -> None:
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.client.send("unread")
    lab.client.connect()  # and is not accepted
    lab.client.connect()
    lab.server.accept()
    lab.server.accept()
    lab.client.close()
    lab.server.close()
    lab.expect(State.TIME_WAIT, State.LISTEN)
    lab.client.connect()
    lab.drop(SYN | ACK, to=lab.client)
    lab.client.connect(wait=False)
    lab.expect(State.SYN_SENT, State.SYN_RECV)
    assert assert_they_agree(lab) == {
        State.LISTEN,
        State.ESTABLISHED,
        State.TIME_WAIT,
        State.SYN_SENT,
        State.SYN_RECV,
    }
    queues = sorted(row.rx_queue for row in lab.server.table.read())
    assert queues[-2:] == [1, len("unread")]  # one waits to be accepted, six bytes to be read


@pytest.mark.parametrize("netlab_family", [Family.IPV4], ids=str, indirect=True)
def test_a_dual_stack_listener_is_found_from_both_of_its_tables(lab: Lab) -> None:
    with lab.server.namespace:
        listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    with listener:
        lab.expect(State.CLOSED, State.LISTEN)
        lab.client.connect()
        accepted, peer = listener.accept()
        with accepted:
            assert peer[0] == f"::ffff:{lab.client.address}"
            lab.expect(State.ESTABLISHED, State.ESTABLISHED)
            assert assert_they_agree(lab) == {State.LISTEN, State.ESTABLISHED}
            assert [row.local[:32] for row in lab.server.table.read() if len(row.local) > 32]


def test_thousands_of_sockets_are_read_without_losing_one(netlab_family: Family) -> None:
    namespace = Namespace.create()
    try:
        tools.inside(namespace, "ip", "link", "set", "lo", "up")
        namespace.sysctl("net.ipv4.tcp_max_tw_buckets", 2 * MANY)
        with namespace:
            table = TcpTable()
            pairs = leave_in_time_wait(netlab_family)
        rows = table.read()
        table.close()
        waiting = {(row.local, row.remote) for row in rows if row.state is State.TIME_WAIT}
        assert waiting == pairs
        assert len(rows) == MANY
        assert sorted(map(as_ss_lists, rows)) == sorted(
            map(as_netlab_lists, tools.sockets(namespace))
        )
    finally:
        namespace.close()


def leave_in_time_wait(family: Family) -> set[tuple[str, str]]:
    """Open and close many connections of this namespace with itself; returns their ends."""
    pairs = set()
    with socket.create_server((LOOPBACK[family], PORT), family=family, backlog=1) as listener:
        for _ in range(MANY):
            with socket.create_connection(listener.getsockname()[:2]) as client:
                server, _ = listener.accept()
                ends = client.getsockname()[:2], client.getpeername()[:2]
                client.close()  # first, so that it keeps TIME_WAIT
                server.close()
            pairs.add((endpoint(*ends[0]), endpoint(*ends[1])))
    return pairs


def test_a_table_is_read_again_and_again_as_it_is_then(lab: Lab) -> None:
    for number in range(1, 50):
        lab.server.listen(PORT + number)
        assert len(lab.server.table.read()) == number
    for _ in range(49):
        lab.server.unlisten()
    assert lab.server.table.read() == []


def test_counters_are_those_of_nstat(established: Lab) -> None:
    lab = established
    lab.client.send("hello")
    lab.server.read(5)
    lab.client.close()
    lab.server.close()
    lab.expect(State.TIME_WAIT, State.LISTEN)
    for host in lab.hosts:
        # -s: nothing is written to nstat's history file
        listed = json.loads(tools.inside(host, "nstat", "-asz", "--json"))["kernel"]
        read = host.counters.read()
        assert read["TcpOutSegs"] > 0
        assert {name: value for name, value in read.items() if name not in NO_COUNTERS} == {
            name.removeprefix("TcpExt"): value
            for name, value in listed.items()
            if not name.startswith(OF_SNMP6) and name not in NO_COUNTERS
        }


def test_counters_stay_readable_from_outside_until_they_are_closed() -> None:
    namespace = Namespace.create()
    with namespace:
        counters = Counters()
    namespace.close()  # the descriptors hold it
    assert counters.read()["TcpActiveOpens"] == 0
    counters.close()
    with pytest.raises(OSError, match="Bad file descriptor"), contextlib.closing(counters):
        counters.read()
