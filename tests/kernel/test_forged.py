# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments forged on a connection: what leaves, what comes back, and that a claim can fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netlab import Answer, Lab, LabError, State
from netlab.model.evidence import Frame
from netlab.model.tcp import State as S
from netlab.model.vocabulary import Family
from netlab.packets import spoken
from netlab.scenario import catalogue, loader
from netlab.scenario.model import Do, Scenario
from netlab.scenario.runner import Options, play
from netlab.testbed.forge import scapy

FORGED = [each for each in catalogue.choose([]) if each.path.parent.name == "forged"]
#: What else could come back, for each.
OTHERWISE = {
    "nothing": ["RST", "ACK"],
    "RST": ["nothing", "RST|ACK", "ACK"],
    "ACK": ["nothing", "RST", "SYN|ACK"],
    "SYN|ACK": ["nothing", "ACK", "RST"],
}


@pytest.fixture
def lab(netlab_family: Family) -> Iterator[Lab]:
    with Lab(netlab_family, record=True, forging=True) as made:
        made.server.listen()
        made.client.connect()
        made.server.accept()
        yield made


def wrong(gets: str) -> Iterator[str]:
    """Other answers: of another kind, and with other numbers."""
    bits, *numbers = gets.split()
    yield from OTHERWISE[bits]
    for place, number in enumerate(numbers):
        name, position = number.split("=")
        for offset in (-1, 1):
            other = f"{name}={spoken.at(spoken.position(position) + offset)}"
            yield " ".join([bits, *numbers[:place], other, *numbers[place + 1 :]])


def claims() -> Iterator[Any]:
    """Each scenario with another answer than it gets."""
    for scenario in FORGED:
        for number, step in enumerate(scenario.steps):
            if isinstance(step, Do) and "gets" in step.arguments:
                for other in wrong(step.arguments["gets"]):
                    changed = replace(step, arguments={**step.arguments, "gets": other})
                    steps = (*scenario.steps[:number], changed, *scenario.steps[number + 1 :])
                    name = f"{scenario.name}-{other.replace(' ', '-')}"
                    yield pytest.param(replace(scenario, steps=steps), step.line, id=name)


@pytest.mark.parametrize(("scenario", "line"), [*claims()])
def test_another_answer_than_comes_is_a_failure(
    scenario: Scenario, line: int, netlab_family: Family
) -> None:
    run = play(scenario, Options(family=netlab_family))
    assert (run.outcome, run.failure and run.failure.line) == ("fail", line)
    assert run.failure is not None
    assert run.failure.summary.startswith("expected ")


def test_there_are_answers_of_every_kind() -> None:
    steps = (step for each in FORGED for step in each.steps if isinstance(step, Do))
    kinds = {step.arguments["gets"].split()[0] for step in steps if "gets" in step.arguments}
    assert kinds >= {"nothing", "ACK", "SYN|ACK"}


def sent(lab: Lab) -> Any:
    """The last segment that left the client, as scapy reads it."""
    lab.sample()
    assert lab.recorder is not None
    frames: list[Frame] = [
        each for each in lab.recorder.recording(lab.flow()).frames
        if each.seen == "out" and each.side is lab.client.side
    ]  # fmt: skip
    return scapy().network[lab.family](frames[-1].data)[scapy().tcp]


def test_numbers_count_from_the_connections_own(lab: Lab) -> None:
    lab.client.send("12345")
    assert lab.server.read(5) == b"12345"
    real = sent(lab)
    lab.client.forge("PSH|ACK", seq=10, ack=-7, data="odd", window=77, timestamp=-3)
    forged = sent(lab)
    assert (forged.sport, forged.dport) == (real.sport, real.dport)
    assert forged.seq == (real.seq + 5 + 10) % (1 << 32)
    assert forged.ack == (real.ack - 7) % (1 << 32)
    assert str(forged.flags) == "PA"
    assert (bytes(forged.payload), forged.window) == (b"odd", 77)
    stamps, real_stamps = (dict(each.options)["Timestamp"] for each in (forged, real))
    assert stamps[0] == real_stamps[0] - 3


def test_a_second_forged_segment_counts_from_the_same_numbers(lab: Lab) -> None:
    """What was forged was not said: the ends' own numbers have not moved."""
    for ahead in (100, 200):
        answer = lab.client.forge("PSH|ACK", seq=ahead, data=5).answer()
        assert answer == Answer(spoken.BITS["ACK"], 0, 0, 0)


def test_either_end_may_be_forged(lab: Lab) -> None:
    assert str(lab.server.forge("FIN|ACK", seq=10).answer()) == "ACK seq=next ack=next"
    assert lab.server.forge("RST").answer(0.2) is None
    lab.expect(State.CLOSED, State.ESTABLISHED)


def test_an_answer_with_data_says_so(lab: Lab) -> None:
    forged = lab.client.forge("PSH|ACK", seq=-1, data=1)
    lab.server.send("data")
    assert "ACK seq=next ack=next" in str(forged.answer())


@pytest.mark.parametrize("state", [S.SYN_SENT, S.TIME_WAIT])
def test_an_end_that_has_no_socket_of_netlabs_is_forged_too(
    state: S, netlab_family: Family
) -> None:
    with Lab(netlab_family, forging=True) as lab:
        lab.server.listen()
        if state is S.SYN_SENT:
            with lab.drop("SYN|ACK", to=lab.client):
                lab.client.connect(wait=False)
                lab.expect(S.SYN_SENT, S.SYN_RECV)
                answer = lab.server.forge("ACK", ack=5).answer()
            assert str(answer) == "RST seq=next+5"  # RFC 9293, section 3.10.7.3
            return
        lab.client.connect()
        lab.server.accept()
        lab.client.close()
        lab.server.close()
        lab.expect(S.TIME_WAIT, S.LISTEN)
        assert str(lab.server.forge("FIN|ACK", seq=-1).answer()) == "ACK seq=next ack=next"


def test_where_numbers_are_not_followed_or_nothing_was_said_it_is_refused(
    netlab_family: Family,
) -> None:
    with Lab(netlab_family) as lab, pytest.raises(LabError, match=r"Lab\(forging=True\)"):
        lab.client.forge("RST")
    with Lab(netlab_family, forging=True) as lab:
        lab.server.listen()
        with pytest.raises(LabError, match="nothing was sent on this connection yet"):
            lab.client.forge("RST")


def test_over_a_path_it_goes_where_its_connection_goes(netlab_family: Family) -> None:
    path = catalogue.home() / "path" / "stray-segment-is-dropped.yaml"
    text = path.read_text().replace("data: 1}", "data: 1, gets: nothing}")
    assert "gets" in text
    run = play(loader.parse(text, Path(path.name)), Options(family=netlab_family, record=True))
    assert run.outcome == "pass", run.failure
