# SPDX-License-Identifier: GPL-2.0-or-later
"""Containers of real runtimes, whose files are this machine's, read-only: no image is needed.

podman starts them with crun, or, where that cannot run here (version 1 of control groups), with
runc.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from netlab.snapshot import collector
from netlab.snapshot.parse import read
from tests.kernel import tools
from tests.programs import need

from .shell import PATIENCE, netlab

#: A queue of one place, in which a client waits that nobody accepts; then it says that it is ready.
FULL = """
import socket, time
listener = socket.create_server(("127.0.0.1", 8080), backlog=0)
first = socket.create_connection(("127.0.0.1", 8080)), listener.accept()[0]
second = socket.create_connection(("127.0.0.1", 8080))
print("ready", flush=True)
time.sleep(1000)
"""
#: How podman may start one: as it does by default, and with version 1 of control groups.
WAYS = (
    ["--cgroups", "disabled"],
    ["--runtime", "runc", "--cgroup-manager", "cgroupfs"],
)


class Container(NamedTuple):
    """One that runs."""

    name: str
    id: str
    pid: int


def podman(*words: str) -> subprocess.CompletedProcess[str]:
    """What podman does; it is not asked whether that went well."""
    return subprocess.run(
        [need("podman"), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A container of podman's whose server does not accept."""
    root = tmp_path_factory.mktemp("root")
    for link in ("bin", "sbin", "lib", "lib64"):
        if Path("/", link).is_symlink():
            (root / link).symlink_to(f"usr/{link}")
    name = f"netlab-test-{uuid.uuid4().hex[:8]}"
    shown = {"/usr", "/etc", str(Path(sys.base_prefix).resolve())}
    volumes = [word for path in sorted(shown) for word in ("--volume", f"{path}:{path}:ro")]
    files, processes = (
        resource.getrlimit(each)[1] for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)
    )
    limits = ["--ulimit", f"nofile={files}:{files}"]
    limits += ["--ulimit", f"nproc={min(processes, 1000)}:{min(processes, 1000)}"]
    why = []
    for way in WAYS:
        globally = [*way] if way[0] == "--runtime" else []
        locally = [] if globally else [*way]
        done = podman(
            *globally, "run", "--detach", "--name", name, "--network", "none", *locally, *limits,
            *volumes, "--rootfs", str(root), str(Path(sys.executable).resolve()), "-c", FULL,
        )  # fmt: skip
        if done.returncode == 0:
            break
        why.append(f"{' '.join(way)}: {done.stderr.strip()}")
        podman("rm", "--force", name)
    else:
        pytest.skip(f"podman cannot run a container here: {'; '.join(why)}")
    try:
        _wait_for(name)
        state = json.loads(podman("inspect", name).stdout)[0]
        yield Container(name, state["Id"], state["State"]["Pid"])
    finally:
        podman("rm", "--force", "--time", "0", name)


def _wait_for(name: str) -> None:
    """Until it says that it is ready: its log is followed up to there."""
    with subprocess.Popen(
        [need("podman"), "logs", "--follow", name], stdout=subprocess.PIPE, text=True
    ) as log:
        assert log.stdout is not None
        assert log.stdout.readline() == "ready\n"
        log.terminate()


def test_a_container_is_found_by_its_name(container: Container) -> None:
    done = netlab("diagnose", "--container", container.name, "--json")
    assert done.code == 1, done.err
    record = json.loads(done.out)
    assert record["sockets"] == 5
    assert record["findings"][0]["cause"] == "accept-queue-full"
    (found,) = read(netlab("snapshot", "--container", container.name).out, "printed")
    assert found.name == f"{os.uname().nodename} {container.name}"
    assert {each.local[1] for each in found.samples[0].sockets} >= {8080}
    owners = {each.owner for each in found.samples[0].sockets if each.inode}
    assert all(f"pid={container.pid}," in owner for owner in owners)


def test_it_is_found_by_its_id_and_how_that_begins(container: Container) -> None:
    for identity in (container.id, container.id[:12]):
        (found,) = read(netlab("snapshot", "--container", identity).out, "printed")
        assert len(found.samples[0].sockets) == 5


def test_the_kernel_knows_its_id_where_no_runtime_is_at_hand(
    container: Container, tmp_path: Path
) -> None:
    """By its control group; podman puts it into none if it is told so."""
    if container.id not in Path(f"/proc/{container.pid}/cgroup").read_text():
        pytest.skip("podman could run it here without a control group only")
    done = netlab("snapshot", "--container", container.id[:12], PATH=str(tmp_path))
    (found,) = read(done.out, "printed")
    assert len(found.samples[0].sockets) == 5
    everywhere = read(netlab("snapshot", "--all-namespaces", PATH=str(tmp_path)).out, "printed")
    node = os.uname().nodename
    assert f"{node} container {container.id[:12]}" in {each.name for each in everywhere}


def test_all_namespaces_calls_it_by_its_name(container: Container) -> None:
    everywhere = read(netlab("snapshot", "--all-namespaces").out, "printed")
    assert f"{os.uname().nodename} {container.name}" in {each.name for each in everywhere}


def test_a_shell_completes_its_name(container: Container, tmp_path: Path) -> None:
    answer, line = tmp_path / "answer", "netlab diagnose --container netlab-te"
    netlab(
        _ARGCOMPLETE="1",
        _ARGCOMPLETE_STDOUT_FILENAME=str(answer),
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
    )
    assert container.name in answer.read_text()


def test_the_collector_looks_at_it_from_inside(container: Container) -> None:
    """As docs/install.md says of docker."""
    done = subprocess.run(
        [need("podman"), "exec", "-i", container.name, "sh", "-s", "--", "-n", "web", "-t", "1"],
        input=collector.SCRIPT.read_text(), capture_output=True, text=True, check=False,
        timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = read(done.stdout, "web.txt")
    assert found.name == "web"
    assert [len(sample.sockets) for sample in found.samples] == [5, 5]
    (outside,) = read(netlab("snapshot", "--container", container.name).out, "printed")
    assert {(each.local, each.remote) for each in found.samples[1].sockets} == {
        (each.local, each.remote) for each in outside.samples[0].sockets
    }


def test_one_that_has_ended_is_said_to_have_ended(container: Container) -> None:
    name = f"{container.name}-ended"
    created = podman("create", "--name", name, "--rootfs", "/", "true")
    if created.returncode:
        pytest.skip(f"podman cannot make a container here: {created.stderr.strip()}")
    try:
        done = netlab("diagnose", "--container", name)
    finally:
        podman("rm", "--force", name)
    assert (done.code, done.out) == (2, "")
    assert "podman: it is there, and does not run" in done.err


# --- containerd

CONTAINERD = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{folder}/socket"
"""


@pytest.fixture
def ctr(tmp_path: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """The command line of a containerd of the test's own."""
    (tmp_path / "config.toml").write_text(CONTAINERD.format(folder=tmp_path))
    environment = {**os.environ, "CONTAINERD_ADDRESS": str(tmp_path / "socket")}

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [need("ctr"), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE, check=False, env=environment,
        )  # fmt: skip

    with (tmp_path / "log").open("w") as log:
        daemon = subprocess.Popen(
            [need("containerd"), "--config", str(tmp_path / "config.toml")], stdout=log, stderr=log
        )
    try:
        if tools.wait(lambda: ask("version").returncode == 0 or daemon.poll()) is not True:
            pytest.skip(f"containerd does not run here: {(tmp_path / 'log').read_text()[-300:]}")
        yield ask
    finally:
        daemon.terminate()
        daemon.wait()


def test_a_container_of_containerd_is_found_by_its_name(
    ctr: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    root, name = tmp_path / "files", f"netlab-test-{uuid.uuid4().hex[:8]}"
    for folder in ("usr", "etc", "proc", "dev", "sys"):
        (root / folder).mkdir(parents=True)
    for link in ("bin", "sbin", "lib", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    bound = ("--mount", "type=bind,src=/usr,dst=/usr,options=rbind:ro")
    done = ctr("run", "--detach", "--rootfs", *bound, str(root), name, "/usr/bin/sleep", "1000")
    if done.returncode:
        pytest.skip(f"containerd cannot run a container here: {done.stderr.strip()}")
    address = str(tmp_path / "socket")
    try:
        found = netlab("snapshot", "--container", name, CONTAINERD_ADDRESS=address)
    finally:
        ctr("tasks", "kill", "--signal", "KILL", name)
        tools.wait(lambda: "STOPPED" in ctr("tasks", "ls").stdout or None)
        ended = netlab("snapshot", "--container", name, CONTAINERD_ADDRESS=address)
        ctr("tasks", "rm", name)
        ctr("containers", "rm", name)
    (snapshot,) = read(found.out, "printed")
    assert snapshot.name == f"{os.uname().nodename} {name}"
    assert snapshot.samples[0].sockets == ()  # and not this machine's
    assert ended.code == 2
    assert "ctr: it is there, and does not run" in ended.err
