# SPDX-License-Identifier: GPL-2.0-or-later
"""What is written as a scenario is what is read from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.live import writing
from netlab.scenario import catalogue, loader
from netlab.scenario.model import Drop, Hold, Scenario, Step

EVERYTHING = [scenario for scenario in catalogue.everything() if not scenario.slow]


def meant(steps: Sequence[Step]) -> list[Step]:
    """Steps without where and how they were written, and without names that nobody uses."""
    plain = [replace(step, line=0, text="", comment="") for step in steps]
    if writing.names_needed(steps):
        return plain
    return [replace(s, name="") if isinstance(s, Drop | Hold) else s for s in plain]


@pytest.mark.parametrize("scenario", EVERYTHING, ids=lambda scenario: scenario.name)
def test_the_steps_of_every_scenario_are_read_as_they_were(scenario: Scenario) -> None:
    expect = {"pair": writing.pair(scenario.expect.claim), "cause": "this is a test"}
    text = writing.file(scenario.story, scenario.source, scenario.steps, expect)
    again = loader.parse(text, Path("again.yaml"))
    assert meant(again.steps) == meant(scenario.steps)
    assert (again.source, again.expect.claim) == (scenario.source, scenario.expect.claim)
    assert again.story.split() == scenario.story.split()


def test_the_house_has_all_kinds_of_steps() -> None:
    kinds = {type(step) for scenario in EVERYTHING for step in scenario.steps}
    assert {kind.__name__ for kind in kinds} == {"Do", "Drop", "Hold", "Lift", "Reach"}


def test_a_step_is_written_as_a_person_writes_it() -> None:
    scenario = catalogue.one("synack-dropped")
    text = writing.file("A story.", "here", scenario.steps, {"hold": "1s"})
    assert text == (
        "# A story.\nsource: here\nsteps:\n"
        "  - server: listen\n"
        "  - drop: {segment: SYN|ACK, to: client}\n"
        "  - client: connect\n"
        "expect:\n  hold: 1s\n"
    )
