# SPDX-License-Identifier: GPL-2.0-or-later
"""The playbook: Ansible, real sshd in two namespaces and a host that is not there, one answer."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.linux.privileges import in_user_namespace
from netlab.model.vocabulary import Family
from netlab.snapshot import collector
from netlab.snapshot.parse import read
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab
from tests.kernel import tools
from tests.programs import need

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or in_user_namespace(), reason="sshd changes users, as root of the machine"
)
PORT = 2222
PATIENCE = 110
SSHD = """\
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
"""
INVENTORY = """\
[all:vars]
ansible_user=root
ansible_port={port}
ansible_ssh_private_key_file={folder}/user
ansible_ssh_common_args=-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
-o ConnectTimeout=20
[services]
web ansible_host={client}
db ansible_host={server}
[others]
gone ansible_host=127.0.0.9 ansible_port=9
"""


@pytest.fixture
def netlab_family() -> Family:
    """The inventory has addresses of one."""
    return Family.IPV4


@pytest.fixture
def folder(tmp_path: Path, lab: Lab) -> Path:
    """Keys, the configuration of sshd, the inventory, the playbook, and netlab as a command."""
    for name in ("host", "user"):
        subprocess.run(
            [need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)],
            check=True,
        )
    values = {
        "port": PORT, "folder": tmp_path, "client": lab.client.address,
        "server": lab.server.address,
    }  # fmt: skip
    (tmp_path / "sshd_config").write_text(SSHD.format(**values))
    (tmp_path / "hosts.ini").write_text(INVENTORY.format(**values))
    (tmp_path / "collect.yaml").write_text(collector.PLAYBOOK.read_text())
    (tmp_path / "ansible.cfg").touch()  # and not this machine's
    command = tmp_path / "netlab"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m netlab "$@"\n')
    command.chmod(0o755)
    return tmp_path


@contextlib.contextmanager
def sshd(host: Host, folder: Path) -> Iterator[None]:
    """A server that listens at a host; what it needs below /run is seen by nobody else."""
    config = folder / "sshd_config"
    inside = (
        f"mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec {need('sshd')} -D -e -f {config}"
    )
    log = (folder / f"{host.side}.log").open("w")
    with log, host.namespace:
        process = subprocess.Popen(
            [need("unshare"), "-m", "sh", "-c", inside],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        assert tools.wait(
            lambda: any(each.local[1] == PORT for each in tools.sockets(host)) or None
        )
        yield
    finally:
        process.terminate()
        process.wait()


def played(lab: Lab, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The playbook, played at the client's host: it reaches itself and the server."""
    environment = {name: value for name, value in os.environ.items() if "ANSIBLE" not in name}
    environment |= {
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "ansible"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    with lab.client.namespace:
        return subprocess.run(
            [need("ansible-playbook"), "-i", "hosts.ini", "-f", "10", "collect.yaml",
             "-e", f"netlab={folder / 'netlab'}", "-e", "seconds=1", *words],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=PATIENCE,
        )  # fmt: skip


def test_an_inventory_ends_in_one_answer(lab: Lab, folder: Path) -> None:
    with lab.server.namespace:
        listener = socket.create_server((lab.server.address, 8080), backlog=0)
    with lab.client.namespace:
        waiting = socket.create_connection((lab.server.address, 8080))  # never accepted
    with listener, waiting, sshd(lab.client, folder), sshd(lab.server, folder):
        done = played(lab, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = done.stdout[done.stdout.index("TASK [The answer]") :]
    assert "1 cause in " in answer
    assert re.search(r"1  (?:accept-queue-full|not-accepted): ", answer), answer
    assert "port 8080" in answer
    assert re.search(r"\bdb\b", answer)
    assert "not seen: gone" in answer
    assert sorted(path.name for path in (folder / "looks").iterdir()) == ["db.txt", "web.txt"]
    for name in ("db", "web"):
        (found,) = read((folder / "looks" / f"{name}.txt").read_bytes(), name)
        assert found.name == name
        assert len(found.samples) == 2


def test_where_no_host_is_seen_this_machine_is_not_taken_for_one(lab: Lab, folder: Path) -> None:
    done = played(lab, folder, "--limit", "gone")
    assert done.returncode == 2
    assert "no host could be looked at" in done.stdout
    assert "Nothing is" not in done.stdout
