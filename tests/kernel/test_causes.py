# SPDX-License-Identifier: GPL-2.0-or-later
"""Every fault of every scenario is its cause: without it, the same scenario fails."""

from __future__ import annotations

from dataclasses import replace

from netlab.evidence import Evidence
from netlab.scenario import catalogue, runner
from netlab.scenario.model import Drop, Hold, Lift, Scenario, Step
from netlab.testbed.words import Family


def without(scenario: Scenario, cause: Drop | Hold) -> Scenario:
    """The scenario without one of its faults, and without whatever names it.

    What is left is a valid scenario, so it fails because the kernel does something else, and not
    because a fault is missing that somebody asks for.
    """

    def kept(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(
            step
            for step in steps
            if step is not cause and not (isinstance(step, Lift) and step.name == cause.name)
        )

    expect, steps = scenario.expect, kept(scenario.steps)
    still_drops = any(isinstance(step, Drop) for step in steps)
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


def test_no_scenario_passes_without_one_of_its_faults(netlab_family: Family) -> None:
    mutants = [
        without(scenario, step)
        for scenario in catalogue.choose([])
        if scenario.family in (None, netlab_family)
        for step in scenario.steps
        if isinstance(step, Drop | Hold)
    ]
    runs = [run for _, run in runner.play_all(mutants, runner.Options(family=netlab_family))]
    verdicts = {run.scenario: verdict(run) for run in runs if run.outcome != "skip"}
    survivors = {name: found for name, found in verdicts.items() if found != "fail"}
    assert verdicts, "no scenario has a fault: there is nothing to prove"
    assert not survivors, f"these do not need their fault: {survivors}"
