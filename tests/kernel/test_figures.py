# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel knows of one socket, judged by ss."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from netlab import ActionFailed, Lab, State
from netlab.linux import inet_diag
from netlab.linux.netlink import NETLINK_SOCK_DIAG
from netlab.linux.transport import Transport
from netlab.model.evidence import Evidence
from netlab.model.vocabulary import Family, Side
from netlab.scenario import catalogue, runner

from .tools import inside

#: Figures that stand still while nobody sends, as ss -i prints them.
STILL = (
    "rto", "mss", "rcvmss", "pmtu", "cwnd", "advmss", "bytes_acked", "bytes_received", "segs_out",
    "segs_in", "data_segs_out", "data_segs_in", "delivered", "bytes_sent",
)  # fmt: skip


@pytest.fixture
def opened(netlab_family: Family) -> Iterator[Lab]:
    with Lab(netlab_family) as lab:
        lab.server.listen()
        lab.client.connect()
        lab.server.accept()
        lab.client.send("hello")
        assert lab.server.read(5) == b"hello"
        lab.server.send("and back")
        assert lab.client.read(8) == b"and back"
        yield lab


@pytest.mark.needs("ss")
@pytest.mark.parametrize("side", Side, ids=str)
def test_the_figures_are_those_of_ss(opened: Lab, side: Side) -> None:
    host = opened.host(side)
    shown = inside(host.namespace, "ss", "-tinoH", "state", "established")
    found = host.tcp_info()
    for name in STILL:
        told = re.search(rf"\b{name}:(\d+)", shown)
        assert told is None or found[name] == int(told[1]), (name, shown)
    assert len([name for name in STILL if f"{name}:" in shown]) > 10
    scales = re.search(r"wscale:(\d+),(\d+)", shown)
    assert scales is not None
    assert (found["snd_wscale"], found["rcv_wscale"]) == (int(scales[1]), int(scales[2]))
    words = shown.split()
    assert (found["ts"], found["sack"], found["ecn"]) == ("ts" in words, "sack" in words, 0)


def test_every_figure_has_a_name_and_is_there_on_this_kernel(opened: Lab) -> None:
    assert {*opened.client.tcp_info()} == {*inet_diag.NAMES}


def test_what_has_no_figures_and_what_is_not_there(opened: Lab) -> None:
    opened.client.close()
    opened.server.close()
    opened.expect(State.TIME_WAIT, State.LISTEN)
    assert opened.client.tcp_info() == {}
    with pytest.raises(ActionFailed, match="server has no socket of this connection to ask about"):
        opened.server.tcp_info()  # the listener that is at its port is not asked instead


def test_a_state_is_asked_for_by_both_ends(opened: Lab) -> None:
    asking = {}
    for side in Side:
        with opened.host(side).namespace:
            asking[side] = Transport(NETLINK_SOCK_DIAG)
    flow = opened.flows()[-1]

    def states() -> tuple[State, ...]:
        return tuple(inet_diag.state(asking[side], *flow.ends(side)) for side in Side)

    assert states() == (State.ESTABLISHED, State.ESTABLISHED)
    opened.client.close()
    opened.server.close()
    opened.expect(State.TIME_WAIT, State.LISTEN)
    assert states() == (State.TIME_WAIT, State.LISTEN)
    opened.server.unlisten()
    assert states() == (State.TIME_WAIT, State.CLOSED)
    for transport in asking.values():
        transport.close()


def test_the_evidence_of_a_run_has_what_both_sockets_told() -> None:
    [scenario] = catalogue.choose(["fin-dropped"])
    [(_, run)] = runner.play_all([scenario], runner.Options())
    assert {*run.client.info} == {*run.server.info} == {*inet_diag.NAMES}
    assert [run.client.info[name] for name in ("ts", "sack", "wscale", "unacked")] == [1, 1, 1, 1]
    assert run.client.info["retrans_total"] >= 2
    assert run.server.info["retrans_total"] == 0
    assert Evidence.from_json(run.to_json()) == run
    [nobody] = catalogue.choose(["port-closed"])
    [(_, run)] = runner.play_all([nobody], runner.Options())
    assert (run.outcome, run.client.info, run.server.info) == ("pass", {}, {})
