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
from netlab.render.verdicts import of_scenario
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


def test_the_users_own_files_are_called_as_the_user_calls_them() -> None:
    """In whatever order they are given: a CI compares tests by their names."""
    broken = OWN.replace("client: connect", "client: {sysctl: {tcp_banana: 1}}")
    files = (("mine/own.yaml", OWN), ("/theirs/own.yaml", broken), ("own.yaml", OWN))
    for own in (files, files[::-1]):
        job, lines = Job(own=own), list[str]()
        suite.play(job, suite.machine("here", "real", job), lines.append, lambda: None)
        runs = gather(lines).scenarios
        assert sorted(each.path for each in runs) == sorted(path for path, _ in files)
        names = sorted(of_scenario(each).full_name for each in runs)
        assert names == ["mine.own", "scenarios.own", "theirs.own"]
        (error,) = [each for each in runs if each.outcome == "error"]
        assert error.reason.startswith("/theirs/own.yaml:5: ")


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
