# SPDX-License-Identifier: GPL-2.0-or-later
"""Three hosts, and what a person would read off the two that have sockets."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from netlab.diagnosis import parse, rank
from netlab.diagnosis.rank import Finding
from netlab.diagnosis.records import Snapshot
from netlab.errors import LabError
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab
from netlab.testbed.router import Router, has_conntrack

Diagnosed = Callable[..., tuple[Finding, ...]]


@pytest.fixture
def router(lab: Lab) -> Iterator[Router]:
    """A router between the two ends of `lab`. Skips where the kernel tracks no connections."""
    if not has_conntrack():
        pytest.skip("this kernel has no nf_conntrack (sysctl net.netfilter.nf_conntrack_tcp_loose)")
    try:
        built = Router(lab)
    except LabError as error:
        pytest.fail(str(error), pytrace=False)
    with built:
        yield built


@pytest.fixture
def diagnosed() -> Diagnosed:
    """What netlab makes of the text of ``ss -tanoei``, run on these hosts; with ``nstat`` too."""

    def ask(*hosts: Host, counters: bool = False) -> tuple[Finding, ...]:
        found: list[Snapshot] = []
        for host in hosts:
            text = _text(host, "ss", "-tanoei")
            if counters:
                text += _text(host, "nstat", "-azs")
            found += parse.read(text, str(host.side))
        return rank.diagnose(found).findings

    return ask


def _text(host: Host, *command: str) -> str:
    try:
        with host.namespace:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip(f"{command[0]} (iproute2) is not installed")
    return done.stdout
