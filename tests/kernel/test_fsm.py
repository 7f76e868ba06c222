# SPDX-License-Identifier: GPL-2.0-or-later
"""The state diagram on this kernel: all of it is seen or has its reason, and nothing else is."""

from __future__ import annotations

import errno
import functools
import os
import socket
from dataclasses import replace

import pytest

from netlab.atlas import cells, fsm
from netlab.model.evidence import Evidence
from netlab.model.tcp import State
from netlab.model.vocabulary import Family, Side
from netlab.scenario import catalogue, runner
from netlab.testbed.lab import Lab

from . import played


@functools.cache
def runs(family: Family) -> tuple[Evidence, ...]:
    """What ``netlab fsm`` plays, in its order; once for all tests here, and its cells with those
    of the atlas.
    """
    ours, own = catalogue.everything(slow=False), catalogue.everything(fsm.HOME)
    found = dict(runner.play_all([*ours, *own], runner.Options(family=family)))
    runs = [found[number] for number in sorted(found)]
    atlas = [played.atlas(family).runs[cell.name] for cell in cells.scenarios()]
    return (*runs[: len(ours)], *atlas, *runs[len(ours) :])


@pytest.fixture
def shown(netlab_family: Family) -> tuple[Evidence, ...]:
    return runs(netlab_family)


def test_nothing_fails(shown: tuple[Evidence, ...]) -> None:
    assert [run.scenario for run in shown if run.outcome == "fail"] == []


def test_every_arrow_is_seen_or_has_its_reason(shown: tuple[Evidence, ...]) -> None:
    seen = fsm.seen(shown)
    assert [str(arrow) for arrow in seen.unaccounted] == []
    assert not any(seen.scenarios[arrow] for arrow in fsm.ARROWS if arrow.absent)


def test_nothing_is_seen_that_is_not_in_the_diagram(shown: tuple[Evidence, ...]) -> None:
    assert [str(move) for move in fsm.seen(shown).unexplained] == []


def test_each_scenario_of_its_own_shows_what_it_says(shown: tuple[Evidence, ...]) -> None:
    seen = fsm.seen(shown)
    for scenario in catalogue.everything(fsm.HOME):
        shows = [str(arrow) for arrow, names in seen.scenarios.items() if scenario.name in names]
        assert any(arrow in " ".join(scenario.story.split()) for arrow in shows), scenario.name


@pytest.mark.parametrize(
    ("name", "side", "number", "forged"),
    [
        ("fin-dropped", "client", -1, State.SYN_SENT),  # after FIN_WAIT1
        ("ack-of-fin-dropped", "server", -1, State.ESTABLISHED),  # after CLOSE_WAIT
        ("synack-dropped", "client", -1, State.LAST_ACK),
        ("syn-dropped", "server", -1, State.FIN_WAIT2),
    ],
)
def test_a_wrong_observation_is_caught(
    name: str, side: str, number: int, forged: State, shown: tuple[Evidence, ...]
) -> None:
    [run] = [run for run in shown if run.scenario == name]
    end = run.client if side == "client" else run.server
    assert not fsm.seen([run]).unexplained
    assert len(end.intervals) >= 2
    intervals = [*end.intervals]
    intervals[number] = replace(intervals[number], state=forged)
    wrong = replace(end, intervals=tuple(intervals))
    caught = fsm.seen(
        [replace(run, client=wrong) if side == "client" else replace(run, server=wrong)]
    )
    assert caught.unexplained  # at this end, or at the other, which it belies


def test_a_second_without_a_sample_is_explained(shown: tuple[Evidence, ...]) -> None:
    """An RST ends one connection, and the peer's SYN, sent again, begins the next."""
    [run] = [run for run in shown if run.scenario == "syn-sent-and-last-ack"]
    sampled = tuple(each for each in run.server.intervals if each.state is not State.LISTEN)
    assert [each.state for each in sampled][-2:] == [State.LAST_ACK, State.ESTABLISHED]
    assert not fsm.seen([replace(run, server=replace(run.server, intervals=sampled))]).unexplained


def test_a_listener_does_not_send(lab: Lab) -> None:
    """The reason for the one arrow of Figure 5 that Linux does not have."""
    listener = lab.client.listen().socket
    lab.server.listen()
    destination = (lab.server.address, 5555)
    assert listener.connect_ex(destination) == errno.EISCONN
    with pytest.raises(BrokenPipeError):
        listener.send(b"hello")
    with pytest.raises(OSError, match=os.strerror(errno.EISCONN)):
        listener.sendto(b"hello", socket.MSG_FASTOPEN, destination)
    assert lab.count(Side.CLIENT) == {State.LISTEN: 1}
