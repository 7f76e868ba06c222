# SPDX-License-Identifier: GPL-2.0-or-later
"""When a scenario is played again, and what a caller gets who asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.linux import privileges
from netlab.model.evidence import Evidence, Failure
from netlab.model.vocabulary import Family
from netlab.scenario import loader, runner
from netlab.scenario.model import Scenario
from netlab.testbed import forge
from tests.build import evidence, scenario


class Runs:
    """What each play of a scenario comes to, in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner, "_once", self._next)
        self._left: Iterator[Evidence] = iter(())

    def are(self, *runs: Evidence) -> None:
        """Say what they come to."""
        self._left = iter(runs)

    @property
    def left(self) -> int:
        """How many were not asked for."""
        return len([*self._left])

    def _next(self, scenario: Scenario, options: runner.Options) -> Evidence:
        return next(self._left)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


@pytest.fixture
def mine(tmp_path: Path) -> Scenario:
    return load(tmp_path, "server: listen")


def load(folder: Path, *steps: str) -> Scenario:
    path = folder / "mine.yaml"
    path.write_text(scenario(*steps))
    return loader.load(path)


PASSED = evidence(outcome="pass", lost_s=9.0)
FAILED = evidence(outcome="fail", failure=Failure("not reached"), lost_s=0.5)
UNBUILT = evidence(outcome="error", reason="no room", lost_s=0.25)


def test_who_asks_for_nothing_gets_the_least() -> None:
    assert runner.Options() == runner.Options(
        family=Family.IPV4, hold=0.0, jobs=200, record=False, tape=False, sysctls={}, without=""
    )


@pytest.mark.parametrize("outcome", ["pass", "skip"])
def test_what_passes_is_played_once_however_busy_the_machine(
    runs: Runs, mine: Scenario, outcome: str
) -> None:
    runs.are(replace(PASSED, outcome=outcome), FAILED)  # type: ignore[arg-type]
    assert runner.play(mine).disturbed == ()
    assert runs.left == 1


def test_what_fails_undisturbed_has_failed(runs: Runs, mine: Scenario) -> None:
    runs.are(replace(FAILED, lost_s=0.1), PASSED)
    assert runner.play(mine).outcome == "fail"
    assert runs.left == 1


def test_what_fails_while_it_was_disturbed_is_played_again(runs: Runs, mine: Scenario) -> None:
    runs.are(replace(FAILED, lost_s=0.11), UNBUILT, PASSED)
    run = runner.play(mine)
    assert run.outcome == "pass"
    assert run.disturbed == (
        "not reached (nobody looked for 0.11 s)",
        "no room (nobody looked for 0.25 s)",
    )


def test_three_times_at_most(runs: Runs, mine: Scenario) -> None:
    runs.are(FAILED, FAILED, UNBUILT, PASSED)
    run = runner.play(mine)
    assert (run.outcome, len(run.disturbed), runs.left) == ("error", 2, 1)


def test_what_the_others_disturb_is_played_at_the_end_by_itself(runs: Runs, mine: Scenario) -> None:
    runs.are(FAILED, FAILED, UNBUILT, replace(PASSED, scenario="beside"), UNBUILT, PASSED)
    (first, beside), (last, run) = runner.play_all([mine, mine])
    assert (first, beside.scenario, last, run.outcome) == (1, "beside", 0, "pass")
    assert run.disturbed == (
        *("not reached (nobody looked for 0.50 s)",) * 2,
        *("no room (nobody looked for 0.25 s)",) * 2,
    )


def test_what_fails_by_itself_has_failed(runs: Runs, mine: Scenario) -> None:
    alone = replace(FAILED, lost_s=0.0)
    runs.are(UNBUILT, UNBUILT, UNBUILT, PASSED, alone, PASSED)
    assert [run.outcome for _, run in runner.play_all([mine, mine])] == ["pass", "fail"]
    assert runs.left == 1


def test_what_has_failed_again_and_again_is_not_played_by_itself(
    runs: Runs, mine: Scenario
) -> None:
    runs.are(FAILED, FAILED, FAILED, PASSED, PASSED)
    assert [run.outcome for _, run in runner.play_all([mine, mine])] == ["fail", "pass"]
    assert runs.left == 1


@pytest.mark.parametrize("name", ["frozen", "step"])
@pytest.mark.parametrize("most", [1, 2])
def test_nothing_is_played_by_itself_for_who_looks_on_or_plays_one_at_a_time(
    runs: Runs, mine: Scenario, name: str, most: int
) -> None:
    looks = {name: lambda *_: None} if most > 1 else {}
    runs.are(*[UNBUILT] * (1 if looks else 3), PASSED, PASSED)
    options = runner.Options(jobs=most, **looks)  # type: ignore[arg-type]
    outcomes = [run.outcome for _, run in runner.play_all([mine, mine], options)]
    assert outcomes == ["error", "pass"]
    assert runs.left == 1


@pytest.mark.parametrize("name", ["frozen", "step"])
def test_who_looks_on_is_shown_one_play(runs: Runs, mine: Scenario, name: str) -> None:
    runs.are(FAILED, PASSED)
    options = runner.Options(**{name: lambda *_: None})  # type: ignore[arg-type]
    assert runner.play(mine, options).outcome == "fail"


@pytest.mark.parametrize(
    ("steps", "forged"),
    [
        (["server: listen", "client: connect"], False),
        (["server: listen", "client: {vanish: {}}"], False),
        (["drop: {segment: SYN, to: server}", "server: listen"], False),
        (["server: listen", "client: {flood: {count: 3}}"], True),
    ],
)
def test_who_forges_segments_is_known_before(
    tmp_path: Path, steps: list[str], forged: bool
) -> None:
    assert runner.forges(load(tmp_path, *steps)) is forged


def test_scapy_is_loaded_before_the_first_lab_if_anybody_needs_it(
    monkeypatch: pytest.MonkeyPatch, mine: Scenario, tmp_path: Path
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(forge, "scapy", lambda: loaded.append("scapy"))
    monkeypatch.setattr(privileges, "prepare", lambda: None)
    runner.play_all([mine])
    assert loaded == []
    runner.play_all([mine, load(tmp_path, "server: listen", "client: {flood: {count: 3}}")])
    assert loaded == ["scapy"]
