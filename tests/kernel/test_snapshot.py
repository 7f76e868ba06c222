# SPDX-License-Identifier: GPL-2.0-or-later
"""A snapshot has what ss and /proc/net/tcp have, whatever kinds of sockets there are."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from netlab.diagnosis.rank import diagnose
from netlab.model.errors import LabError, ScenarioError
from netlab.model.tcp import ACK, DATA, FIN, SYN, State, Timer
from netlab.snapshot import collect as collector
from netlab.snapshot import columns, mask, places, sock_diag, store
from netlab.snapshot.collect import Filter, collect
from netlab.snapshot.columns import ANY
from netlab.snapshot.parse import read
from netlab.snapshot.places import Location
from netlab.snapshot.records import Snapshot, Socket
from netlab.snapshot.rows import sockets as rows_of
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

from . import tools

Comparable = tuple[object, ...]


def snapshot(host: Host, **options: object) -> Snapshot:
    """What netlab takes of a host, after it was stored and read again."""
    with host.namespace:
        samples = collect(**options)  # type: ignore[arg-type]
    return store.from_json(store.to_json("host", samples), "file")


def shown(host: Host) -> Snapshot:
    """What ss prints of it."""
    (found,) = read(tools.inside(host, "ss", "-tanoei"), "ss")
    return found


def comparable(each: Socket) -> Comparable:
    """Everything that two samples in a row must have alike."""
    return (
        each.state.name,
        each.local,
        each.remote,
        each.rx_queue,
        each.tx_queue,
        each.inode,
        each.info.get("bytes_received", 0),
        each.info.get("mss", 0),
    )


def rows(found: Snapshot) -> list[Comparable]:
    return sorted(comparable(each) for sample in found.samples for each in sample.sockets)


@pytest.fixture
def crowd(lab: Lab) -> Iterator[Lab]:
    """A lab with sockets of every kind that lasts, some of them on the loopback of the server."""
    client, server = lab.hosts
    server.listen()
    client.connect()
    server.accept()
    client.send("unread")
    client.connect()  # and is not accepted
    client.connect()
    server.accept()
    server.accept()
    client.close()
    lab.expect(State.FIN_WAIT2, State.CLOSE_WAIT)
    client.connect()
    server.accept()
    client.close()
    server.close()
    tools.wait(lambda: any(r.state is State.TIME_WAIT for r in client.table.read()) or None)
    client.connect()
    server.accept()
    lab.drop(SYN | ACK, DATA, FIN, FIN | ACK, to=lab.client)
    server.send("lost")
    client.connect(wait=False)
    lab.expect(State.SYN_SENT, State.SYN_RECV)
    with ExitStack() as stack:
        with server.namespace:
            listener = stack.enter_context(
                socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True)
            )
            four = stack.enter_context(socket.create_connection(("127.0.0.1", 8080)))
            four.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            stack.enter_context(listener.accept()[0])
            stack.enter_context(socket.create_connection(("::1", 8080)))  # and is not accepted
        yield lab


def agree(host: Host) -> list[Comparable]:
    """Wait until a snapshot between two looks of ss is what both say."""

    def look() -> list[Comparable] | None:
        before, ours, after = rows(shown(host)), rows(snapshot(host)), rows(shown(host))
        return ours if before == ours == after else None

    found = tools.wait(look)
    assert found is not None, (rows(snapshot(host)), rows(shown(host)))
    return found


def test_a_snapshot_has_what_ss_lists(crowd: Lab) -> None:
    states = {row[0] for host in crowd.hosts for row in agree(host)}
    assert states == {
        "LISTEN", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT2", "TIME_WAIT", "SYN_SENT", "SYN_RECV",
    }  # fmt: skip


def test_a_snapshot_has_what_proc_lists(crowd: Lab) -> None:
    for host in crowd.hosts:
        with host.namespace:
            texts = [Path("/proc/thread-self/net", name).read_text() for name in ("tcp", "tcp6")]
        (proc,) = read("".join(texts), "proc")
        ours = snapshot(host)
        assert sorted((s.state, s.local, s.remote) for s in proc.samples[0].sockets) == sorted(
            (s.state, s.local, s.remote) for s in ours.samples[0].sockets
        )


def test_one_socket_has_the_figures_that_the_columns_have(crowd: Lab) -> None:
    """`Answered` reads them in two ways: all sockets at once to be stored, one to be diagnosed."""
    for host in crowd.hosts:
        with host.namespace:
            table = sock_diag.table()
        stored = columns.from_json(json.loads(json.dumps(columns.to_json(table))))
        one_by_one, from_columns = rows_of(table), rows_of(stored)
        assert one_by_one == from_columns
        assert any(each.info["segs_in"] > 1 for each in one_by_one if "segs_in" in each.info)


def test_timers_and_figures_are_those_of_ss(crowd: Lab) -> None:
    ours = {(s.local, s.remote): s for s in snapshot(crowd.server).samples[0].sockets}
    theirs = {(s.local, s.remote): s for s in shown(crowd.server).samples[0].sockets}
    assert ours.keys() == theirs.keys()
    timers = set()
    for key, mine in ours.items():
        its = theirs[key]
        assert mine.timer is its.timer
        assert mine.remaining is not None
        assert its.remaining is not None
        if mine.timer is Timer.KEEPALIVE:
            assert abs(mine.remaining - its.remaining) < 62  # ss leaves out seconds above 9 min
        if mine.state is not State.LISTEN:
            assert mine.info.get("pmtu", 0) == its.info.get("pmtu", 0)
        timers.add(mine.timer)
    assert timers >= {Timer.NONE, Timer.RETRANSMIT, Timer.KEEPALIVE}


def test_counters_and_sysctls_are_those_of_the_namespace(crowd: Lab) -> None:
    crowd.server.sysctl("net.ipv4.tcp_fin_timeout", 17)
    (sample,) = snapshot(crowd.server).samples
    assert sample.sysctls["tcp_fin_timeout"] == "17"
    judged = tools.inside(crowd.server, "nstat", "-azs")
    for name in ("TcpPassiveOpens", "TcpActiveOpens", "TcpAttemptFails", "TCPSynRetrans"):
        number = re.search(rf"^(?:TcpExt)?{name} +(\d+)", judged, re.MULTILINE)
        assert number, judged
        assert sample.counters[name] == int(number[1]), name
    assert sample.counters["TcpPassiveOpens"] >= 4


def test_owners_are_the_processes_that_hold_a_socket(crowd: Lab) -> None:
    (sample,) = snapshot(crowd.server).samples
    held = [each for each in sample.sockets if each.inode]
    assert held
    assert all(f"pid={os.getpid()}," in each.owner for each in held)
    assert not any(each.owner for each in sample.sockets if not each.inode)


def test_a_process_cannot_speak_to_the_terminal_by_its_name(crowd: Lab) -> None:
    own = Path("/proc/self/comm")
    before = own.read_text()
    own.write_text("a\x1b[2J\n\xff")
    try:
        (sample,) = snapshot(crowd.server).samples
    finally:
        own.write_text(before)
    named = [each.owner for each in sample.sockets if each.inode]
    assert named
    assert all(r'(("a\x1b[2J' in owner and owner.isprintable() for owner in named)


def test_one_port_or_address_can_be_chosen(crowd: Lab) -> None:
    everything = snapshot(crowd.server).samples[0].sockets
    few = snapshot(crowd.server, keep=Filter(port=8080)).samples[0].sockets
    assert len(few) == 5
    assert {8080} <= {port for each in few for port in (each.local[1], each.remote[1])}
    near = snapshot(crowd.server, keep=Filter(address=crowd.client.address)).samples[0].sockets
    assert {each.remote[0] for each in near} == {crowd.client.address}
    assert len(near) == sum(crowd.client.address == each.remote[0] for each in everything)
    assert not snapshot(crowd.server, keep=Filter(address="192.0.2.1")).samples[0].sockets


def test_two_samples_have_a_direction(crowd: Lab) -> None:
    first, second = snapshot(crowd.server, twice=0.3).samples
    assert first.at is not None
    assert second.at is not None
    assert second.at - first.at >= 0.3
    assert len(first.sockets) == len(second.sockets)


def test_a_namespace_is_looked_at_from_outside(crowd: Lab) -> None:
    path = f"/proc/self/fd/{crowd.server.namespace.fd}"
    samples = collect(places.of_netns(path))
    again = snapshot(crowd.server)
    assert rows(store.from_json(store.to_json("x", samples), "x")) == rows(again)
    own = collect()  # and this thread has come back
    assert own[0].table.addresses != samples[0].table.addresses


def test_what_is_no_namespace_is_said_to_be_none() -> None:
    for name, why in (
        ("/nowhere", "there is no /nowhere"),
        ("999999999", "no process 999999999"),
        ("no-such-name", "has no namespace 'no-such-name'"),
        ("/etc/passwd", "is not a network namespace"),
    ):
        with pytest.raises(ScenarioError, match=why):
            collect(places.of_netns(name))


def test_proc_is_read_where_the_kernel_does_not_answer(
    crowd: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_module() -> columns.SocketTable:
        raise LabError("the kernel does not list its sockets")

    host = crowd.server
    expected = {(s.state, s.local, s.remote) for s in snapshot(host).samples[0].sockets}
    monkeypatch.setattr(sock_diag, "table", no_module)
    with host.namespace:
        live = collector.snapshot(Location("host"))
    for found in (snapshot(host), live):
        (sample,) = found.samples
        assert {(s.state, s.local, s.remote) for s in sample.sockets} == expected
        assert any(f"pid={os.getpid()}," in each.owner for each in sample.sockets)
        # /proc has no backlog: a connection that waits does not make a queue full.
        assert any(s.state is State.LISTEN and s.rx_queue for s in sample.sockets)
        causes = {finding.cause for finding in diagnose([found]).findings}
        assert "accept-queue-full" not in causes


def test_a_diagnosis_has_what_a_stored_snapshot_has(crowd: Lab) -> None:
    with crowd.server.namespace:
        live = collector.snapshot(Location("host"))
    assert rows(live) == rows(snapshot(crowd.server))
    assert [s.source for s in live.samples] == ["netlab snapshot"]


def test_thousands_are_packed_and_read_again(lab: Lab) -> None:
    lab.client.sysctl("net.ipv4.tcp_max_tw_buckets", 10_000)
    with lab.client.namespace, socket.create_server(("127.0.0.1", 9000)) as listener:
        for _ in range(1500):
            with socket.create_connection(("127.0.0.1", 9000)) as one, listener.accept()[0]:
                one.shutdown(socket.SHUT_WR)
        text = store.to_json("many", collect())
    (block,) = (
        b for b in json.loads(text)["looks"][0]["blocks"] if b["state"] == State.TIME_WAIT.name
    )
    assert {*block["local_port"]} <= {"u16"}
    (sample,) = store.from_json(text, "many").samples
    listed = tools.sockets(lab.client)
    assert {s.local for s in sample.sockets if s.state is State.TIME_WAIT} == {
        s.local for s in listed if s.state is State.TIME_WAIT
    }
    assert (ANY, 0) not in {s.remote for s in sample.sockets if s.state is State.TIME_WAIT}


def test_the_command_prints_one_object_a_namespace(crowd: Lab) -> None:
    paths = [f"/proc/{os.getpid()}/fd/{host.namespace.fd}" for host in crowd.hosts]
    command = [sys.executable, "-m", "netlab", "snapshot", "--netns", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    client, server = read(done.stdout, "-")
    assert rows(client) == rows(snapshot(crowd.client))
    assert {s.local for s in server.samples[0].sockets} >= {(crowd.server.address, 5555)}
    masked = subprocess.run([*command, "--mask=x"], capture_output=True, text=True, check=True)
    assert crowd.server.address not in masked.stdout
    assert mask.TOLD in masked.stderr
    one, other = read(masked.stdout, "-")
    ends = {(s.local, s.remote) for s in one.samples[0].sockets}
    assert ends & {(s.remote, s.local) for s in other.samples[0].sockets}
