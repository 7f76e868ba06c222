# SPDX-License-Identifier: GPL-2.0-or-later
"""The trouble of one scenario is its own: the others are played, and nothing is hidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netlab.model.evidence import Evidence
from netlab.render.ladder import ladder
from netlab.render.style import Style
from netlab.scenario import catalogue, loader, runner, steps
from netlab.scenario.model import Do, Scenario
from netlab.scenario.steps.action import Stage
from netlab.testbed.lab import Lab
from tests.build import scenario


def broken(stage: Stage, step: Do) -> None:
    raise ZeroDivisionError("a mistake")


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Scenario]:
    """One whose only step has a bug, and one that is well."""
    monkeypatch.setitem(steps.ACTIONS, "listen", replace(steps.ACTIONS["listen"], play=broken))
    mine = tmp_path / "mine.yaml"
    mine.write_text(scenario("server: listen"))
    return [loader.load(mine), catalogue.one("port-closed")]


def test_a_bug_is_the_error_of_one_scenario_with_its_place(two: list[Scenario]) -> None:
    runs = dict(runner.play_all(two))
    assert [runs[number].outcome for number in (0, 1)] == ["error", "pass"]
    reason = runs[0].reason
    assert reason.startswith("this is a bug of netlab's: ZeroDivisionError: a mistake (")
    assert f"{__file__}:{broken.__code__.co_firstlineno + 1})" in reason


def test_what_the_caller_raises_is_the_callers() -> None:
    class Mine(Exception):
        pass

    def frozen(lab: Lab, scenario: Scenario) -> None:
        raise Mine

    for name in ("port-closed", "port-filtered"):
        with pytest.raises(Mine):
            [*runner.play_all([catalogue.one(name)], runner.Options(frozen=frozen))]
        with pytest.raises(Mine):
            runner.play(
                catalogue.one(name),
                runner.Options(step=lambda lab, which, step: frozen(lab, which)),
            )


def test_a_connection_that_was_never_seen_can_be_recorded_and_drawn(tmp_path: Path) -> None:
    """Its first step fails before anything is sampled."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(scenario("client: {run: /nonexistent}", "server: listen"))
    run: Evidence = runner.play(loader.load(mine), runner.Options(record=True))
    assert run.outcome in ("error", "fail")
    assert "/nonexistent" in f"{run.reason}{run.failure}"
    assert "client" in ladder(run, 80, Style(False))
