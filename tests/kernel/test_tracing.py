# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tracepoints: whose records are told to whom, what is lost is counted, and of the
instance of tracefs nothing stays, whatever ends the process.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from netlab.linux import tracefs
from netlab.model.tcp import State
from netlab.model.vocabulary import Family, Side
from netlab.observe.tracing import NEEDED, TRACEPOINTS, Traced, Tracer
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import transitions

from . import tools
from .runs import Runs, kill, namespaces_of, networks_left, networks_of

S = State
#: How often something is tried that another netlab of this machine can prevent.
TRIES = 5


@pytest.fixture(autouse=True)
def _tracepoints() -> None:
    if not tools.is_root():
        pytest.skip("only root of the machine is let to its tracepoints")


@pytest.fixture
def runs(tmp_path: Path, mark: str) -> Runs:
    return Runs(tmp_path, mark)


# --- who is told


def test_only_those_are_told_whose_addresses_they_are(lab: Lab) -> None:
    tracer = Tracer()
    heard: dict[str, list[Traced]] = {"client": [], "server": [], "nobody": []}
    tracer.subscribe([lab.client.address], heard["client"].append)
    tracer.subscribe([lab.server.address], heard["server"].append)
    tracer.subscribe(["192.0.2.1"], heard["nobody"].append)
    open_and_close(lab)
    tracer.drain()
    told = {
        who: [(one.before, one.after) for one in some if one.after] for who, some in heard.items()
    }
    assert told["client"] == [
        ("TCP_CLOSE", "TCP_SYN_SENT"),
        ("TCP_SYN_SENT", "TCP_ESTABLISHED"),
        ("TCP_ESTABLISHED", "TCP_FIN_WAIT1"),
        ("TCP_FIN_WAIT1", "TCP_FIN_WAIT2"),
        ("TCP_FIN_WAIT2", "TCP_CLOSE"),
    ]
    assert told["server"] == [
        ("TCP_CLOSE", "TCP_LISTEN"),
        ("TCP_LISTEN", "TCP_SYN_RECV"),
        ("TCP_SYN_RECV", "TCP_ESTABLISHED"),
        ("TCP_ESTABLISHED", "TCP_CLOSE_WAIT"),
        ("TCP_CLOSE_WAIT", "TCP_LAST_ACK"),
        ("TCP_LAST_ACK", "TCP_CLOSE"),
    ]
    assert heard["nobody"] == []
    times = [one.at for one in heard["client"]]
    assert times == sorted(times)
    tracer.close()


def test_what_never_ceases_is_left_for_the_next_look(lab: Lab) -> None:
    """Each record that is passed on has its subscriber make more of them."""
    tracer = Tracer()
    heard: list[Traced] = []

    def refused() -> None:
        with lab.client.namespace, socket.socket() as sock:
            sock.bind((lab.client.address, 0))
            assert sock.connect_ex((lab.server.address, 9)) == errno.ECONNREFUSED

    def hear(traced: Traced) -> None:
        heard.append(traced)
        if len(heard) < MANY:
            refused()

    if lab.family is Family.IPV6:
        pytest.skip("the same over both")
    tracer.subscribe([lab.client.address], hear)
    refused()
    tracer.drain()
    assert 2 <= len(heard) < 20
    tracer.close()


def test_who_has_unsubscribed_is_told_no_more(lab: Lab) -> None:
    tracer = Tracer()
    heard: list[Traced] = []
    tell = heard.append
    tracer.subscribe([lab.client.address], tell)
    lab.server.listen()
    lab.client.connect()
    tracer.drain()
    told = len(heard)
    tracer.unsubscribe(tell)
    lab.client.close()
    tracer.drain()
    tracer.close()
    assert len(heard) == told > 0


def test_a_tracepoint_that_this_kernel_does_not_have_is_left_out_and_named() -> None:
    """Linux 5.4 does not tell which socket a discarded packet was for; 6.18 does."""
    with contextlib.ExitStack() as opened:
        opened.callback(os.close, mount := tracefs.root())
        events = Path(f"/proc/self/fd/{mount}/events")
        tracer = Tracer()
        opened.callback(tracer.close)
        lacking = []
        for name, wanted in TRACEPOINTS.items():
            there = events / name / "format"
            fields = there.read_text() if there.exists() else ""
            field = wanted.partition(" ")[0]
            if not re.search(rf"\b{field};", fields) if field else not fields:
                lacking.append(name)
        assert list(tracer.absent) == lacking
        assert NEEDED not in tracer.absent


def test_labs_beside_each_other_have_networks_of_their_own(netlab_family: Family) -> None:
    with Lab(netlab_family, record=True) as one, Lab(netlab_family, record=True) as other:
        for lab in (one, other):
            open_and_close(lab)
        for lab in (one, other):
            assert [each.after for each in transitions(lab, lab.flow(), Side.CLIENT)] == [
                S.SYN_SENT, S.ESTABLISHED, S.FIN_WAIT1, S.FIN_WAIT2, S.TIME_WAIT
            ]  # fmt: skip
        assert {host.address for host in one.hosts}.isdisjoint(h.address for h in other.hosts)


def open_and_close(lab: Lab) -> None:
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.client.close()
    lab.server.close()
    lab.expect(S.TIME_WAIT, S.LISTEN)


# --- what is lost

#: Each leaves some 400 bytes in a buffer of 1.4 MB for each processor.
MANY = 10_000


@pytest.mark.alone  # it floods the buffers of whoever traces on this machine
def test_where_records_were_lost_states_are_sampled_and_said_to_be(netlab_family: Family) -> None:
    with Lab(netlab_family, record=True) as lab:
        open_and_close(lab)
        refuse(lab, MANY)
        flow = lab.flow()
        found = transitions(lab, flow, Side.CLIENT)
        assert lab.recorder is not None
        assert not lab.recorder.recording(flow).traced
    assert found[-1].after is S.TIME_WAIT
    assert not any(each.traced for each in found)
    with Lab(netlab_family, record=True) as lab:  # which has lost nothing
        open_and_close(lab)
        assert all(each.traced for each in transitions(lab, lab.flow(), Side.CLIENT))
        assert lab.recorder is not None
        assert lab.recorder.recording(lab.flow()).traced


def refuse(lab: Lab, times: int) -> None:
    """Connect to a port where nobody listens, and look at nothing meanwhile."""
    with lab.client.namespace:
        sockets = [socket.socket(lab.family, socket.SOCK_STREAM) for _ in range(100)]
    for number in range(times):
        assert sockets[number % 100].connect_ex((lab.server.address, 9)) > 0
    for each in sockets:
        each.close()


# --- what is left


def instances_of(process: int) -> list[str]:
    """The instances of tracefs that are a process's."""
    return [name for name in tools.trace_instances() if name.split("-")[2:3] == [str(process)]]


def has_begun(process: int) -> bool | None:
    """Whether a run has its instance, its networks, and labs."""
    if networks_of(process) and namespaces_of(process) > 10 and instances_of(process):
        return True
    return None


@pytest.mark.parametrize("group", [False, True], ids=["alone", "with its group"])
def test_an_instance_goes_with_its_process_however_that_is_killed(
    runs: Runs, mark: str, group: bool
) -> None:
    with runs.start_recorded() as process:
        assert tools.wait(lambda: has_begun(process.pid))
        claims = networks_of(process.pid)
        kill(process, group)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert tools.wait(lambda: None if instances_of(process.pid) else True)
    assert tools.wait(lambda: None if networks_left(claims, mark) else True)
    assert tools.left_over(mark) == []


def test_a_claim_is_left_only_where_no_netlab_of_others_has_it() -> None:
    """Else the test above would fail where another takes what a killed one gave back."""
    claims = tracefs.Claims()
    try:
        assert any(claims.take(number) for number in range(1_000, 1_100))
        own = networks_of(os.getpid())
        began_with = Path("/proc/self/environ").read_bytes().split(b"\0")[0].decode()
        assert networks_left(own, began_with) == own != set()
        assert networks_left(own, "somebody else's") == set()
    finally:
        claims.close()


@pytest.mark.parametrize(
    ("command", "options", "said"),
    [
        ("run", ["port-closed"], "removed what a killed netlab left: the instance {} of tracefs"),
        ("doctor", [], "what a killed netlab left removed: {}, an instance of tracefs"),
    ],
)
def test_the_next_netlab_removes_what_was_left_when_the_guardian_was_killed_too(
    runs: Runs, mark: str, command: str, options: list[str], said: str
) -> None:
    for _ in range(TRIES):  # another netlab of this machine may be the next
        left = killed_with_its_guardian(runs, mark)
        with runs.start(*options, command=command) as following:
            printed, _ = following.communicate()
        assert following.returncode == 0
        assert left not in tools.trace_instances()
        assert tools.wait(lambda: None if instances_of(following.pid) else True)
        assert tools.left_over(mark) == []
        if said.format(left) in " ".join(printed.split()):
            return
    pytest.fail(f"{TRIES} times, {command} did not say what it removed:\n{printed}")


def test_what_a_living_netlab_is_about_to_remove_itself_is_not_said_to_be_left() -> None:
    """It closes its instance first, and for some milliseconds that looks like an orphan."""
    folder = tracefs.root()
    try:
        with tracefs.alone(folder):
            instance = tracefs.instances(folder) / f"{tracefs.name_of(os.getpid())}-test"
            instance.mkdir()
            told = tracefs.remove_orphans(folder)
        assert not instance.exists()
        assert instance.name not in told
    finally:
        os.close(folder)


def killed_with_its_guardian(runs: Runs, mark: str) -> str:
    """The instance of tracefs that a run leaves whose guardian is killed, too."""
    with runs.start_recorded() as process:
        assert tools.wait(lambda: has_begun(process.pid))
        (guardian,) = [child for child in tools.marked(mark) if is_guardian(child)]
        (left,) = instances_of(process.pid)
        os.kill(guardian, signal.SIGKILL)
        kill(process)
        process.communicate()
    return left


def test_who_records_in_two_network_namespaces_disturbs_nobody(mark: str, tmp_path: Path) -> None:
    """As in two containers: tracepoints are of the whole machine, and so are the claims."""
    for number in range(5):
        folders = [tmp_path / f"{number}{which}" for which in "ab"]
        places = []
        for folder in folders:
            folder.mkdir()
            places.append(Runs(folder, mark, (tools.program("unshare"), "--net")))
        names = ("simultaneous-open", "syn-dropped", "fin-dropped")
        with places[0].start_recorded(*names) as one, places[1].start_recorded(*names) as other:
            for process in (one, other):
                printed, _ = process.communicate()
                assert process.returncode == 0, printed


def is_guardian(process: int) -> bool:
    """Whether a process is the shell that waits for the end of another."""
    with contextlib.suppress(OSError):
        return b"rmdir" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def test_who_reads_an_instance_from_outside_delays_its_end_and_not_netlabs() -> None:
    before = instances_of(os.getpid())  # of tests before this one
    tracer = Tracer()
    (name,) = {*instances_of(os.getpid())} - {*before}
    mount = tracefs.root()
    reader = os.open(tracefs.instances(mount) / name / "trace", os.O_RDONLY)
    try:
        tracer.close()
        assert name in instances_of(os.getpid())
    finally:
        os.close(reader)
        os.close(mount)
    assert tools.wait(lambda: None if name in instances_of(os.getpid()) else True)


def test_instances_of_others_are_left_alone(runs: Runs) -> None:
    tracer = Tracer()
    own = instances_of(os.getpid())
    with runs.start_recorded("port-closed") as process:
        process.communicate()
    assert process.returncode == 0
    assert instances_of(os.getpid()) == own != []
    tracer.close()
    assert len(instances_of(os.getpid())) == len(own) - 1
