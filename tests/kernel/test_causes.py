# SPDX-License-Identifier: GPL-2.0-or-later
"""Every fault of every scenario is its cause: without it, the same scenario fails."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from netlab import scheduler
from netlab.linux.privileges import prepare
from netlab.model.evidence import Evidence
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, runner
from netlab.scenario.model import AnyStep, FaultStep, Remove, Scenario
from netlab.scenario.steps import kind_of
from netlab.testbed import forge


def without(scenario: Scenario, cause: FaultStep) -> Scenario:
    """The scenario without one of its faults, and without whatever names it.

    What is left is a valid scenario, so it fails because the kernel does something else, and not
    because a fault is missing that somebody asks for.
    """

    def kept(steps: tuple[AnyStep, ...]) -> tuple[AnyStep, ...]:
        return tuple(
            step
            for step in steps
            if step is not cause and not (isinstance(step, Remove) and step.name == cause.name)
        )

    expect, steps = scenario.expect, kept(scenario.steps)
    still_drops = any(isinstance(s, FaultStep) and kind_of(s).counts for s in steps)
    dropped = {
        name: number
        for name, number in expect.dropped.items()
        if name != cause.name and (name is not None or still_drops)
    }
    return replace(
        scenario,
        name=f"{scenario.name} without {cause.name}",
        steps=steps,
        expect=replace(expect, heal=kept(expect.heal), dropped=dropped),
    )


def verdict(run: Evidence) -> str:
    """How a run ended; a pair that was held is no failure, whatever its faults have counted."""
    if run.failure is not None and "number of packets" in run.failure.summary:
        return "held the pair, and only a counter was wrong"
    return f"{run.outcome} {run.reason}".strip()


@pytest.fixture(scope="module")
def verdicts() -> dict[Family, dict[str, str]]:
    """Every scenario without each of its faults, over both families side by side: all of them wait
    for a pair that does not come.
    """
    mutants = [
        (family, without(scenario, step))
        for family in Family
        for scenario in catalogue.everything(slow=False)
        if scenario.family in (None, family)
        for step in scenario.steps
        if isinstance(step, FaultStep)
    ]
    prepare()
    forge.scapy()
    plays = [partial(runner.play, mutant, runner.Options(family)) for family, mutant in mutants]
    found: dict[Family, dict[str, str]] = {family: {} for family in Family}
    for number, run in scheduler.side_by_side(plays, runner.JOBS):
        if run.outcome != "skip":
            found[mutants[number][0]][run.scenario] = verdict(run)
    return found


def test_no_scenario_passes_without_one_of_its_faults(
    netlab_family: Family, verdicts: dict[Family, dict[str, str]]
) -> None:
    found = verdicts[netlab_family]
    survivors = {name: verdict for name, verdict in found.items() if verdict != "fail"}
    assert found, "no scenario has a fault: there is nothing to prove"
    assert not survivors, f"these do not need their fault: {survivors}"
