# SPDX-License-Identifier: GPL-2.0-or-later
"""The playbook: Ansible, real sshd in two namespaces and a host that is not there, one answer."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from netlab.model.vocabulary import Family
from netlab.snapshot.parse import read
from netlab.testbed.lab import Lab

from . import ansible

pytestmark = ansible.needs_root


@pytest.fixture
def netlab_family() -> Family:
    """The inventory has addresses of one."""
    return Family.IPV4


@pytest.fixture
def folder(tmp_path: Path, lab: Lab) -> Path:
    """What Ansible needs, for the two hosts of a lab."""
    ansible.prepare(tmp_path, {"web": lab.client.address, "db": lab.server.address})
    return tmp_path


def test_an_inventory_ends_in_one_answer(lab: Lab, folder: Path) -> None:
    with lab.server.namespace:
        listener = socket.create_server((lab.server.address, 8080), backlog=0)
    with lab.client.namespace:
        waiting = socket.create_connection((lab.server.address, 8080))  # never accepted
    with listener, waiting, ansible.sshd(folder, *(each.namespace for each in lab.hosts)):
        done = ansible.played(lab.client.namespace, folder)
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
    done = ansible.played(lab.client.namespace, folder, "--limit", "gone")
    assert done.returncode == 2
    assert "no host could be looked at" in done.stdout
    assert "Nothing is" not in done.stdout
