# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of a step are for people: what is made of a run reads what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from netlab.atlas import fsm
from netlab.atlas.moves import moves
from netlab.kernels.compare.behaviour import behaviour
from netlab.model.evidence import End, Evidence, Failure, Interval
from netlab.model.kernel_run import KernelRun, Machine
from netlab.model.tcp import State, Timer
from netlab.render import ladder_svg, states_svg
from netlab.render.failure import failure
from netlab.render.ladder import ladder
from netlab.render.pcapng import pcapng
from netlab.render.report import Chapter, ReportHead, report
from netlab.render.style import Style
from tests.build import evidence, fault, step
from tests.frames import handshake, recording

DONE = (
    "server: listen", "plug: client", "drop: {segment: SYN|ACK, to: client}",
    "reject: {segment: FIN, to: server, with: tcp-reset}", "client: {connect: {as: other}}",
    "{client: {send: hello}, of: it}", "{client: {read: {bytes: 3}}, fails: ETIMEDOUT}",
    "client: close", "server: {run: nc there 1}", "client: add-address", "remove: mine",
    "remove: kept",
    "reach: {client: FIN_WAIT1, server: ESTABLISHED, hold: 1s}",
)  # fmt: skip
MACHINE = Machine("host", "6.18", "#1", "x86_64", 250)
#: Everything that makes something of a run.
MADE: dict[str, Callable[[Evidence], object]] = {
    "ladder": lambda run: ladder(run, 200, Style(False)),
    "picture of the ladder": ladder_svg.svg,
    "picture of the states": lambda run: str(states_svg.svg(run)),
    "page": lambda run: report([Chapter(run, "a")], ReportHead("1", "now", 1.0)),
    "failure": lambda run: failure(
        replace(run, outcome="fail", failure=Failure("no")), Style(False)
    ),
    "moves": lambda run: list(moves(run)),
    "arrows": lambda run: fsm.seen([run]).scenarios,
    "facts": lambda run: behaviour(KernelRun(MACHINE, (run,))).scenarios["a"].facts,
    "packets": pcapng,
}


@pytest.mark.parametrize("made", MADE)
def test_the_words_of_a_step_are_shown_and_never_read(made: str) -> None:
    """Whatever stands in their place, the same is made of the run, with that in their place."""

    def interval(state: State, since: float) -> Interval:
        return Interval(state, since, since + 0.5, 3, Timer.NONE, 0.0, 0, 0, 0, 0, 1)

    states = (State.SYN_SENT, State.ESTABLISHED, State.FIN_WAIT1)
    run = evidence(
        "a",
        steps=tuple(step(0.1 * n, text, "5 bytes") for n, text in enumerate(DONE)),
        faults=(fault(installed=0.2), fault("reject-1", kind="reject", installed=0.3)),
        client=End(tuple(interval(state, 0.6 * n) for n, state in enumerate(states))),
        recording=recording(handshake(0.3)),
        elapsed_s=2.0,
    )
    places = {each.text: f"word-{n}-" for n, each in enumerate(run.steps)}
    other = replace(run, steps=tuple(replace(s, text=places[s.text]) for s in run.steps))
    expected, found = repr(MADE[made](run)), repr(MADE[made](other))
    for text, word in places.items():
        found = found.replace(word, text)
    assert found == expected
