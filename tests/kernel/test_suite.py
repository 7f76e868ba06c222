# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest plays, played on this kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from netlab.atlas import grid
from netlab.kernels import suite
from netlab.kernels.suite import Job
from netlab.model.evidence import Evidence
from netlab.model.kernel_run import gather
from netlab.scenario import runner

OWN = """
source: mine
steps:
  - server: listen
  - client: connect
  - client: {run: "cat {folder}/own.yaml"}
expect:
  pair: {client: ESTABLISHED, server: ESTABLISHED}
  cause: nothing is wrong
  program: {exits: 0, within: 5s, says: "source: mine"}
"""


def test_a_program_of_the_users_own_scenario_begins_beside_its_file() -> None:
    job = Job(own=(("own.yaml", OWN),))
    lines: list[str] = []
    suite.play(job, suite.machine("here", "real", job), lines.append, lambda: None)
    (played,) = gather(lines).scenarios
    assert (played.scenario, played.outcome) == ("own", "pass"), played.reason


def test_a_pair_is_sent_as_soon_as_it_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest that keeps them to itself until the last one is taken for one that hangs."""
    whole, chosen = runner.play_all, grid.scenarios()[:2]
    lines: list[str] = []
    sent: list[int] = []

    def play_all(*given: Any) -> Iterator[tuple[int, Evidence]]:
        for played in whole(*given):
            sent.append(len(lines))
            yield played
        sent.append(len(lines))

    monkeypatch.setattr(grid, "scenarios", lambda: chosen)
    monkeypatch.setattr(runner, "play_all", play_all)
    job = Job(plays=False, atlas=True)
    suite.play(job, suite.machine("here", "real", job), lines.append, lambda: None)
    before, between, after = sent[-3:]
    assert before < between < after
    frozen = [cell.scenario for cell in gather(lines).cells if cell.frozen]
    assert sorted(frozen) == sorted(scenario.name for scenario in chosen)
