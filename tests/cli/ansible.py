# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays netlab's playbook: real Ansible, over real sshd in namespaces."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from netlab.linux.namespace import Namespace
from netlab.linux.privileges import in_user_namespace
from netlab.snapshot import collector
from tests.kernel import tools
from tests.programs import need

needs_root = pytest.mark.skipif(
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
ansible_ssh_args=-C
ansible_ssh_common_args=-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
-o ConnectTimeout=20
[services]
{services}
[others]
gone ansible_host=127.0.0.9 ansible_port=9
"""


def prepare(folder: Path, addresses: Mapping[str, str]) -> None:
    """Write keys, the configuration of sshd, the playbook, netlab as a command, and an inventory of
    these hosts and of one that is not there.
    """
    for name in ("host", "user"):
        subprocess.run(
            [need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)],
            check=True,
        )
    services = "\n".join(f"{name} ansible_host={each}" for name, each in addresses.items())
    (folder / "sshd_config").write_text(SSHD.format(port=PORT, folder=folder))
    (folder / "hosts.ini").write_text(INVENTORY.format(port=PORT, folder=folder, services=services))
    (folder / "collect.yaml").write_text(collector.PLAYBOOK.read_text())
    (folder / "ansible.cfg").touch()  # and not this machine's
    command = folder / "netlab"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m netlab "$@"\n')
    command.chmod(0o755)


@contextlib.contextmanager
def sshd(folder: Path, *places: Namespace) -> Iterator[None]:
    """A server that listens at each place; what it needs below /run is seen by nobody else."""
    config = folder / "sshd_config"
    inside = (
        f"mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec {need('sshd')} -D -e -f {config}"
    )
    command = [need("unshare"), "-m", "sh", "-c", inside]
    with contextlib.ExitStack() as opened:
        log = opened.enter_context((folder / "sshd.log").open("w"))
        for place in places:
            with place:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            opened.callback(process.wait)
            opened.callback(process.terminate)
        for place in places:
            assert tools.wait(partial(_listens, place))
        yield


def _listens(place: Namespace) -> bool | None:
    return any(each.local[1] == PORT for each in tools.sockets(place)) or None


def played(
    place: Namespace, folder: Path, *words: str, patience: float = PATIENCE
) -> subprocess.CompletedProcess[str]:
    """The playbook, played at a host that reaches all others, and itself, within `patience` s."""
    environment = {name: value for name, value in os.environ.items() if "ANSIBLE" not in name}
    environment |= {
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "ansible"),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    with place:
        return subprocess.run(
            [need("ansible-playbook"), "-i", "hosts.ini", "-f", "20", "collect.yaml",
             "-e", f"netlab={folder / 'netlab'}", "-e", "seconds=1", *words],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False, timeout=patience,
        )  # fmt: skip
