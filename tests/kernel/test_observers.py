# SPDX-License-Identifier: GPL-2.0-or-later
"""What netlab reads from /proc is what ss and nstat say, however much of it there is."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sys

import pytest

from netlab import scheduler
from netlab.linux.namespace import Namespace
from netlab.linux.nstat import Counters
from netlab.linux.procnet import UNUSUAL, Row, TcpTable, endpoint
from netlab.model.tcp import ACK, SYN, State
from netlab.model.vocabulary import Family, Side
from netlab.scheduler import now
from netlab.testbed.context import PORT
from netlab.testbed.host import PATIENCE
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import Notebook

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


def other(family: Family) -> tuple[Family, str]:
    """The family that a lab's own sockets are not of, and its address for any."""
    return (Family.IPV6, "::") if family is Family.IPV4 else (Family.IPV4, "0.0.0.0")


def test_a_socket_of_the_other_family_is_in_the_next_sample(lab: Lab) -> None:
    """Whoever is let in may open any: that table is not left out from then on."""
    family, anywhere = other(lab.family)
    flow = lab.flow()
    lab.sample()
    with lab.server:
        listener = socket.create_server((anywhere, PORT), family=family)
    with listener:
        lab.sample()
        assert flow.state(lab.server.side) is State.LISTEN
    lab.sample()
    assert flow.state(lab.server.side) is State.CLOSED


#: Listens once it gets SIGUSR1.
LISTENS_LATER = """
import signal, socket
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("waits", flush=True)
signal.sigwait([signal.SIGUSR1])
with socket.create_server(({address!r}, {port}), family={family}):
    print("listens", flush=True)
    signal.pause()
"""


def test_a_socket_that_a_program_opens_later_is_in_the_next_sample(lab: Lab) -> None:
    family, anywhere = other(lab.family)
    code = LISTENS_LATER.format(address=anywhere, port=PORT, family=int(family))
    program = lab.server.run([sys.executable, "-c", code])
    assert lab.wait(lambda: "waits" in program.output, PATIENCE)
    flow = lab.flow()
    lab.sample()
    lab.server.signal(signal.SIGUSR1)
    assert scheduler.wait(lambda: "listens" in program.output or None, now() + PATIENCE)
    lab.sample()
    assert flow.state(lab.server.side) is State.LISTEN


def test_a_visitors_socket_of_the_other_family_is_seen_soon(lab: Lab) -> None:
    """Someone enters the namespace whom the lab knows nothing of, such as a person with nsenter."""
    family, anywhere = other(lab.family)
    flow = lab.flow()
    lab.sample()
    with lab.server.namespace:
        listener = socket.create_server((anywhere, PORT), family=family)
    with listener:
        assert lab.count(lab.server.side) == {State.LISTEN: 1}  # whoever counts gets all
        scheduler.wait(lambda: None, now() + UNUSUAL)
        lab.sample()
        assert flow.state(lab.server.side) is State.LISTEN
    lab.sample()
    assert flow.state(lab.server.side) is State.CLOSED


def test_what_has_not_changed_is_not_read_into_a_new_row(established: Lab) -> None:
    table = established.client.table
    (before,) = table.sample(now())
    assert table.sample(now())[0] is before
    established.client.send("hello")
    (after,) = table.sample(now())
    assert after is not before
    assert after.pointer == before.pointer


def test_a_notebook_counts_from_when_it_was_opened(lab: Lab) -> None:
    lab.server.listen()
    lab.client.connect()
    notebook = Notebook(lab)
    assert notebook.counted(Side.CLIENT)["TcpActiveOpens"] == 0
    lab.client.connect()
    assert notebook.counted(Side.CLIENT)["TcpActiveOpens"] == 1
    assert notebook.end(Side.CLIENT, lab.flow()).counters["TcpActiveOpens"] == 1


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
