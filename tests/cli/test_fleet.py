# SPDX-License-Identifier: GPL-2.0-or-later
"""Twenty hosts with services between them, five faults, and one command: the playbook's answer."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from netlab.linux import privileges
from netlab.model.tcp import State
from netlab.snapshot.parse import read
from netlab.testbed.connection import Connection
from tests.kernel import tools
from tests.score import traffic
from tests.score.network import inside, processes

from . import ansible, shell
from .fleet import Fleet, Machine, fleet

pytestmark = [
    ansible.needs_root,
    pytest.mark.needs("ansible-playbook", "nft", "ss", "ssh-keygen", "sshd", "unshare"),
]
NAMES = [f"host{number:02}" for number in range(1, 21)]
REQUEST = bytes(100)
PATIENCE = 240.0  # seconds for a command that takes twenty where nothing else happens
#: How `ss -tino` shows a client whose fault cannot be a passing loss any more.
REPEATS, PROBES = r"timer:\(on,\S+,[3-9]\)", r"\(persist,.* backoff:[4-9]"
SILENT, CLOSED = r" lastrcv:\d{4,}", "^FIN-WAIT-2"


@dataclass(frozen=True, slots=True)
class Fault:
    """What one fault must be told as."""

    cause: str
    port: int
    hosts: frozenset[str]  # those that still have a socket of it
    clients: frozenset[tuple[str, int]]  # the endpoints of the clients that are stuck


@dataclass(frozen=True, slots=True)
class Made:
    """A fault that was made, and how many sockets of its clients must show what."""

    fault: Fault
    shows: str
    number: int

    @classmethod
    def of(
        cls,
        cause: str,
        port: int,
        hosts: str,
        here: Sequence[socket.socket],
        shows: str,
        number: int = 0,
    ) -> Made:
        """From the names of the hosts, and the sockets of the clients: all show it, or `number`."""
        fault = Fault(cause, port, frozenset(hosts.split()), frozenset(map(_endpoint, here)))
        return cls(fault, shows, number or len(here))

    def is_ripe(self, hosts: Fleet) -> bool | None:
        """Whether its clients have been stuck for longer than one loss takes."""
        listed = "".join(
            tools.inside(hosts[name].namespace, "ss", "-tinoOH", f"dport = :{self.fault.port}")
            for name in self.fault.hosts
        )
        return len(re.findall(self.shows, listed, re.MULTILINE)) >= self.number or None


def _endpoint(sock: socket.socket) -> tuple[str, int]:
    address, port = sock.getsockname()
    return address, port


@contextlib.contextmanager
def connected(
    server: Machine, port: int, *clients: Machine
) -> Iterator[tuple[list[socket.socket], list[socket.socket]]]:
    """Connections that have worked: their sockets at the clients, and those at the server."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(server.listen(port))
        here, there = [], []
        for client in clients:
            here.append(opened.enter_context(client.connect(server, port)))
            there.append(opened.enter_context(listener.accept()[0]))
            here[-1].setblocking(True)
            here[-1].sendall(REQUEST)
            assert there[-1].recv(len(REQUEST), socket.MSG_WAITALL) == REQUEST
            there[-1].sendall(REQUEST)
            assert here[-1].recv(len(REQUEST), socket.MSG_WAITALL) == REQUEST
        yield here, there


@contextlib.contextmanager
def not_closed(hosts: Fleet) -> Iterator[Made]:
    """A program reads to the end, and forgets to close; its clients have gone on."""
    clients = [hosts[name] for name in ("host07", "host08", "host09")] * 4
    with connected(hosts["host06"], 9000, *clients) as (here, there):
        made = Made.of("not-closed", 9000, "host06 host07 host08 host09", here, CLOSED)
        for ours, theirs in zip(here, there, strict=True):
            ours.close()
            assert theirs.recv(1) == b""
        yield made


@contextlib.contextmanager
def not_accepted(hosts: Fleet) -> Iterator[Made]:
    """A program does not accept, and more clients come than its queue has room for."""
    with contextlib.ExitStack() as opened:
        opened.enter_context(hosts["host10"].listen(8080, backlog=2))
        clients = [
            opened.enter_context(hosts["host11"].connect(hosts["host10"], 8080)) for _ in range(7)
        ]
        yield Made.of("accept-queue-full", 8080, "host10 host11", clients, REPEATS, number=4)


@contextlib.contextmanager
def not_read(hosts: Fleet) -> Iterator[Made]:
    """A program does not read what it is sent, until there is no room left."""
    with connected(hosts["host12"], 9092, *[hosts["host13"]] * 2) as (here, _):
        for sock in here:
            sock.settimeout(0.5)
            with pytest.raises(TimeoutError):
                sock.sendall(bytes(50_000_000))
        yield Made.of("not-read", 9092, "host12 host13", here, PROBES)


@contextlib.contextmanager
def acknowledgments_dropped(hosts: Fleet) -> Iterator[Made]:
    """A firewall between two hosts drops what comes back."""
    with contextlib.ExitStack() as opened:
        there = hosts["host14"]
        here, _ = opened.enter_context(connected(there, 6379, *[hosts["host15"]] * 2))
        opened.enter_context(hosts.dropping(f"ip saddr {there.address} tcp sport 6379"))
        for sock in here:
            sock.sendall(REQUEST)
        yield Made.of("data-ack-lost", 6379, "host14 host15", here, REPEATS)


@contextlib.contextmanager
def peer_gone(hosts: Fleet) -> Iterator[Made]:
    """A host has lost power and is there again; the connections to it are idle."""
    with connected(hosts["host16"], 5672, *[hosts["host17"]] * 3) as (here, there):
        for sock in there:
            Connection(sock).vanish()
        yield Made.of("peer-gone", 5672, "host17", here, SILENT)


FAULTS = (not_closed, not_accepted, not_read, acknowledgments_dropped, peer_gone)


@contextlib.contextmanager
def in_use(hosts: Fleet) -> Iterator[None]:
    """Each host serves everything that is healthy, and uses it at thirteen of the others."""
    roles = []
    for number, machine in enumerate(hosts):
        others = itertools.islice(itertools.cycle(hosts), number + 1, number + len(NAMES))
        serve = partial(traffic.serve, machine.address, number)
        use = partial(traffic.use_each, [other.address for other in others], number, most=1)
        roles += [partial(_played, machine, serve), partial(_played, machine, use)]
    with processes(*roles):
        yield


def _played(machine: Machine, role: Callable[[int], None], ended: int) -> None:
    inside(machine.namespace, partial(role, ended))


@pytest.mark.alone  # its hosts keep every core busy
@pytest.mark.timeout(2 * PATIENCE)
def test_five_faults_among_twenty_hosts_are_told_and_nothing_else(tmp_path: Path) -> None:
    privileges.prepare()
    with contextlib.ExitStack() as opened:
        hosts = opened.enter_context(fleet(NAMES))
        ansible.prepare(tmp_path, {machine.name: machine.address for machine in hosts})
        opened.enter_context(in_use(hosts))
        made = [opened.enter_context(each(hosts)) for each in FAULTS]
        opened.enter_context(ansible.sshd(tmp_path, *(machine.namespace for machine in hosts)))
        for each in made:
            assert tools.wait(partial(each.is_ripe, hosts)), each
        done = ansible.played(hosts[NAMES[0]].namespace, tmp_path, patience=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = done.stdout[done.stdout.index("TASK [The answer]") :]
    looks = sorted((tmp_path / "looks").iterdir())
    assert [path.name for path in looks] == [f"{name}.txt" for name in NAMES]
    for path in looks:
        assert_busy(path)
    found = json.loads(shell.netlab("diagnose", "--json", *looks).out)["findings"]
    assert {told(each) for each in found} == {each.fault for each in made}, answer
    assert "5 causes in " in answer
    assert re.findall(r"^ *\"(\d)  ([a-z-]+): ", answer, re.MULTILINE) == [
        (str(number), each["cause"]) for number, each in enumerate(found, start=1)
    ]
    assert "not seen: gone" in answer


def assert_busy(path: Path) -> None:
    """A host was looked at twice, and meanwhile it served and used much that is healthy."""
    (seen,) = read(path.read_bytes(), path.stem)
    assert seen.name == path.stem
    first, last = (
        {(each.local, each.remote) for each in sample.sockets} for sample in seen.samples
    )
    assert last - first  # more have come meanwhile
    live = [each for each in seen.samples[-1].sockets if each.state is State.ESTABLISHED]
    waiting = [each for each in seen.samples[-1].sockets if each.state is State.TIME_WAIT]
    used = {each.remote for each in live}
    assert len({each.local[1] for each in live} & traffic.NAMES.keys()) >= 5
    assert len({address for address, port in used if port in traffic.NAMES}) >= 5
    assert len(waiting) >= 10


def told(finding: dict[str, Any]) -> Fault:
    """A finding as the fault that it tells. Its listener is no connection."""
    port = int(finding["service"].rpartition(":")[2].removeprefix("port "))
    ends = [
        [(address, number) for address, number in (each["local"], each["remote"])]
        for each in finding["connections"]
        if each["states"] != ["LISTEN"]
    ]
    return Fault(
        finding["cause"],
        port,
        frozenset(finding["hosts"]),
        frozenset(end for pair in ends for end in pair if end[1] != port),
    )
