# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernels do differently: a probe says the same as the scenario that needs it does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlab.model.vocabulary import BEHAVIOURS, Family
from netlab.scenario import catalogue, needs, runner
from netlab.scenario.model import Scenario
from netlab.testbed import behaviours


def needing(name: str) -> Scenario:
    """The scenario that is played only where kernels behave so."""
    [found] = [each for each in catalogue.everything() if f"behaviour:{name}" in each.needs]
    return found


def test_every_behaviour_can_be_tried() -> None:
    assert behaviours.PROBES.keys() == BEHAVIOURS.keys()


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_probe_foretells_its_scenario(name: str, netlab_family: Family) -> None:
    played = runner.play(replace(needing(name), needs=()), runner.Options(family=netlab_family))
    assert played.outcome == ("pass" if behaviours.has(name) else "fail"), played.reason


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_scenario_is_skipped_only_where_its_behaviour_is_missing(name: str) -> None:
    why = needs.missing(f"behaviour:{name}")
    assert why == ("" if behaviours.has(name) else BEHAVIOURS[name].lacks)
    played = runner.play(needing(name))
    assert (played.outcome, played.reason) == ("skip", why) if why else ("pass", "")


def test_a_scenario_that_needs_what_no_kernel_has_is_skipped_with_the_reason() -> None:
    scenario = replace(catalogue.choose(["syn-dropped"])[0], needs=("counter:TCPBanana",))
    played = runner.play(scenario)
    assert (played.outcome, played.reason) == ("skip", "this kernel has no counter TCPBanana")
