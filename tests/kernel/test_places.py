# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces by any name, and all of a machine: as the command line takes them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from netlab.model.vocabulary import Family
from netlab.snapshot import places
from netlab.snapshot.parse import read
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab
from tests.cli.shell import NETLAB, Done, netlab
from tests.programs import need

from . import tools

REAL_ROOT = pytest.mark.skipif(
    not tools.is_root(), reason="only root of the machine gives namespaces names and enters others'"
)


@pytest.fixture
def netlab_family() -> Family:
    """One is enough: places have none."""
    return Family.IPV4


@contextmanager
def resident(host: Host) -> Iterator[int]:
    """A process that is in a host's namespace, by its ID."""
    with host.namespace:
        process = subprocess.Popen(["sleep", "1000"])
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


@contextmanager
def named(host: Host) -> Iterator[str]:
    """The name of 'ip netns' that a host's namespace has for a while."""
    name = f"netlab-test-{uuid.uuid4().hex[:8]}"
    with resident(host) as number:
        subprocess.run([need("ip"), "netns", "attach", name, str(number)], check=True)
    try:
        yield name
    finally:
        subprocess.run([need("ip"), "netns", "del", name], check=True)


@pytest.fixture
def leak(lab: Lab) -> Lab:
    """A lab whose server has data of its client to read."""
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.client.send("unread")
    return lab


def identities_of(found: Sequence[places.Location]) -> Iterator[tuple[int, int]]:
    """What the kernel tells namespaces apart by. Those of other tests may end at any time."""
    for place in found:
        with suppress(FileNotFoundError):
            status = os.stat(place.path or "/proc/self/ns/net")
            yield status.st_dev, status.st_ino


def looks(done: Done) -> dict[str, set[int]]:
    """The local ports of each host that a snapshot has printed, by its name."""
    assert done.code == 0, done.err
    return {
        found.name: {each.local[1] for each in found.samples[0].sockets}
        for found in read(done.out, "printed")
    }


def test_a_process_stands_for_its_namespace(leak: Lab) -> None:
    with resident(leak.server) as server, resident(leak.client) as client:
        done = netlab("snapshot", "--pid", str(server), str(client))
        node = os.uname().nodename
        found = looks(done)
        assert list(found) == [f"{node} sleep (pid {server})", f"{node} sleep (pid {client})"]
        assert found[f"{node} sleep (pid {server})"] == {5555}
        again = netlab("snapshot", "--netns", str(server), f"/proc/{client}/ns/net")
        assert [*looks(again).values()] == [*found.values()]
        both = netlab("diagnose", "--json", "--pid", str(server), "--netns", str(client))
        assert json.loads(both.out)["sockets"] == 3


@REAL_ROOT
def test_a_name_of_ip_netns_is_a_place(leak: Lab) -> None:
    with named(leak.server) as name:
        done = netlab("snapshot", "--netns", name)
        assert [*looks(done)] == [f"{os.uname().nodename} {name}"]
        found = places.everywhere().places
        assert [place.name for place in found].count(name) == 1
    assert name not in {place.name for place in places.everywhere().places}


@REAL_ROOT
def test_all_namespaces_has_each_once_and_both_ends_of_what_is_between_them(leak: Lab) -> None:
    """One has a name, one a process only; both have processes, and are in the list once."""
    with named(leak.server) as name, resident(leak.server), resident(leak.client) as client:
        found = places.everywhere()
        assert found.places[0] == places.here()
        identities = [*identities_of(found.places)]
        assert len(set(identities)) == len(identities) >= 3
        known = {place.name for place in found.places}
        assert {name, f"sleep (pid {client})"} <= known
        done = netlab("diagnose", "--all-namespaces", "--json")
        assert done.code in {0, 1}, done.err
        ports = looks(netlab("snapshot", "--all-namespaces"))
        assert ports[f"{os.uname().nodename} {name}"] == {5555}


@REAL_ROOT
def test_one_that_ends_meanwhile_is_named_and_left_out(
    leak: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from netlab.cli import main

    gone = places.Location("web", "/proc/999999999/ns/net")
    monkeypatch.setattr(places, "everywhere", lambda: places.Everywhere([places.here(), gone], 7))
    assert main(["snapshot", "--all-namespaces"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1
    assert "web is left out: it has ended" in err
    assert "processes whose namespaces cannot be seen: 7" in err


@REAL_ROOT
def test_an_ordinary_user_is_told_what_is_hidden(leak: Lab) -> None:
    import sys

    from tests.rights import NOBODY

    setpriv = [need("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    command = [*setpriv, sys.executable, "-c", "import netlab"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("nobody may not read the Python of this test")
    with resident(leak.server) as number:
        base = [*setpriv, sys.executable, "-m", "netlab", "snapshot"]
        everywhere, one = (
            subprocess.run([*base, *words], capture_output=True, text=True, check=False)
            for words in (["--all-namespaces"], ["--pid", str(number)])
        )
    assert everywhere.returncode == 0
    assert len(everywhere.stdout.splitlines()) == 1  # its own
    assert "cannot be seen" in everywhere.stderr
    assert "run this with sudo" in everywhere.stderr
    assert (one.returncode, one.stdout) == (3, "")
    assert "run this with sudo" in one.stderr


@REAL_ROOT
def test_root_that_may_not_is_not_told_to_become_root(leak: Lab) -> None:
    """As in a container: the processes of the machine have capabilities that it has not."""
    command = [need("setpriv"), "--bounding-set=-sys_ptrace", "--inh-caps=-all", *NETLAB]
    with resident(leak.server) as number:
        done = subprocess.run(
            [*command, "snapshot", "--pid", str(number)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (3, "")
    assert f"/proc/{number}/ns/net may not be read, even by root: it has fewer cap" in done.stderr
    assert "sudo" not in done.stderr


def test_loopback_connections_of_two_places_are_not_taken_for_one(lab: Lab) -> None:
    """Every namespace has a 127.0.0.1 of its own, and the ports may be the same."""
    with ExitStack() as stack:
        for host in lab.hosts:
            with host.namespace:
                listener = stack.enter_context(socket.create_server(("127.0.0.1", 8080)))
                one = stack.enter_context(socket.socket())
                one.bind(("127.0.0.1", 40000))
                one.connect(("127.0.0.1", 8080))
                stack.enter_context(listener.accept()[0])
        pids = [str(stack.enter_context(resident(host))) for host in lab.hosts]
        done = netlab("diagnose", "--pid", *pids)
        assert (done.code, done.err) == (0, "")
        assert "in 6 sockets" in done.out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--netns", "no-such-name"], "has no namespace 'no-such-name'"),
        (["--netns", "no-such-name"], "a container has --container"),
        (["--netns", "/nowhere"], "there is no /nowhere"),
        (["--netns", "/etc/passwd"], "/etc/passwd is not a network namespace"),
        (["--pid", "999999999"], "there is no process 999999999"),
        (["--pid", "web"], "expected the ID of a process; found 'web'. A container has --cont"),
        (["--pid", "0"], "expected the ID of a process; found '0'"),
        (["--container", "no-such-one"], "no container is found that is called 'no-such-one'"),
        (["--container"], "expected at least one argument"),
        (["--container", "a b"], "'a b' cannot be the name or the ID of a container"),
        (["--all-namespaces", "--pid", "1"], "--all-namespaces has them all: leave out --pid"),
    ],
)
@pytest.mark.parametrize("command", ["snapshot", "diagnose"])
def test_wrong_use_says_what_would_be_right(command: str, words: list[str], why: str) -> None:
    done = netlab(command, *words)
    assert (done.code, done.out) == (2, "")
    assert why in done.err


def test_a_file_that_is_taken_for_a_namespace_is_known(tmp_path: Path) -> None:
    from tests.cli.shell import netlab_in

    (tmp_path / "web.txt").write_text("State Recv-Q\n")
    done = netlab_in(tmp_path, "diagnose", "--netns", "blue", "web.txt")
    assert done.code == 2
    done = netlab_in(tmp_path, "diagnose", "--netns", "web.txt")
    assert "web.txt is a file here: what diagnose is to read comes before --netns" in done.err
