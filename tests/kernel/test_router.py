# SPDX-License-Identifier: GPL-2.0-or-later
"""A third host between the two: what it does to packets, and that it can be told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from netlab.model.errors import LabError
from netlab.model.tcp import State
from netlab.model.vocabulary import Side
from netlab.testbed.lab import Lab
from netlab.testbed.router import Router, has_conntrack

from .tools import inside


@pytest.fixture
def router(lab: Lab) -> Iterator[Router]:
    """A router between the ends of `lab`."""
    if not has_conntrack():
        pytest.skip("this kernel has no nf_conntrack")
    with Router(lab) as built:
        yield built


def test_what_the_ends_send_goes_over_it(lab: Lab, router: Router) -> None:
    lab.server.listen()
    lab.client.connect()
    server = lab.server.accept()
    assert server.remote == lab.client.connection.local, "nothing is translated unless asked"
    lab.client.send("hello")
    assert lab.server.read(5) == b"hello"
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)
    forwarded = inside(router.namespace, "nstat", "-asz")
    name = "IpForwDatagrams" if lab.family.name == "IPV4" else "Ip6OutForwDatagrams"
    (line,) = (line for line in forwarded.splitlines() if line.startswith(name))
    assert int(line.split()[1]) >= 4


def test_a_translated_connection_comes_from_the_router(lab: Lab, router: Router) -> None:
    router.translate()
    lab.server.listen()
    lab.client.connect()
    server = lab.server.accept()
    assert server.remote == (router.address(Side.SERVER), lab.client.connection.local[1])


def test_rules_can_be_taken_back(lab: Lab, router: Router) -> None:
    router.hide_errors()
    router.translate()
    assert "masquerade" in inside(router.namespace, "nft", "list", "ruleset")
    router.forget()
    assert not inside(router.namespace, "nft", "list", "ruleset").strip()
    lab.server.listen()
    lab.client.connect()
    assert lab.server.accept().remote[0] == lab.client.address


def test_without_the_router_the_wire_is_there_again(lab: Lab) -> None:
    with Router(lab):
        pass
    lab.server.listen()
    lab.client.connect()
    lab.server.accept()
    lab.expect(State.ESTABLISHED, State.ESTABLISHED)


def test_a_time_out_that_conntrack_does_not_have_is_refused(router: Router) -> None:
    with pytest.raises(LabError, match="no sysctl"):
        router.forget_after(1, "never_heard_of")
