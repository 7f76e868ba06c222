# SPDX-License-Identifier: GPL-2.0-or-later
"""What is written as a scenario is what is read from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import pytest

from netlab.atlas import cells
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, loader, writer
from netlab.scenario.model import AnyStep, Expectation, FaultStep, Scenario

EVERYTHING = [scenario for scenario in catalogue.everything() if not scenario.slow]


def meant(steps: Sequence[AnyStep]) -> list[AnyStep]:
    """Steps without where and how they were written, and without names that nobody uses."""
    plain = [replace(step, line=0, comment="") for step in steps]
    if writer.names_needed(steps):
        return plain
    return [replace(s, name="") if isinstance(s, FaultStep) else s for s in plain]


@pytest.mark.parametrize("scenario", EVERYTHING, ids=lambda scenario: scenario.name)
def test_the_steps_of_every_scenario_are_read_as_they_were(scenario: Scenario) -> None:
    expect = {"pair": writer.pair(scenario.expect.claim), "cause": "this is a test"}
    text = writer.file(scenario.story, scenario.source, scenario.steps, expect, scenario.way)
    again = loader.parse(text, Path("again.yaml"))
    assert meant(again.steps) == meant(scenario.steps)
    assert (again.source, again.expect.claim) == (scenario.source, scenario.expect.claim)
    assert again.story.split() == scenario.story.split()


def bare(scenario: Scenario) -> Scenario:
    """A scenario without the places of its parts in a file."""

    def steps(known: Sequence[AnyStep]) -> tuple[AnyStep, ...]:
        return tuple(replace(step, line=0) for step in known)

    expect = replace(scenario.expect, line=0, heal=steps(scenario.expect.heal))
    if expect.ends is not None:
        expect = replace(expect, ends=replace(expect.ends, line=0, then=steps(expect.ends.then)))
    way = tuple(replace(hop, line=0) for hop in scenario.way)
    return replace(scenario, path=Path(), steps=steps(scenario.steps), way=way, expect=expect)


EXAMPLES = Path(__file__).parents[3] / "examples" / "scenarios"
FILES = sorted({scenario.path for scenario in (*catalogue.everything(), *cells.scenarios())})
FILES += sorted(EXAMPLES.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_whole_scenario_is_read_as_it_was_with_its_comments(path: Path) -> None:
    scenario = loader.load(path)
    text = writer.scenario(scenario)
    assert bare(loader.parse(text, path)) == bare(scenario)
    assert writer.scenario(loader.parse(text, path)) == text


def test_the_files_have_all_that_can_be_expected() -> None:
    loaded = [loader.load(path) for path in FILES]
    expected = [scenario.expect for scenario in loaded]
    for field in fields(Expectation):
        if field.name not in ("line", "claim"):
            assert any(getattr(expect, field.name) for expect in expected), field.name
    assert any(expect.ends and expect.ends.then for expect in expected)
    for name in ("differs", "family", "needs"):
        assert any(getattr(scenario, name) for scenario in loaded), name
    assert any(step.comment for scenario in loaded for step in scenario.steps)


def test_a_slow_scenario_of_one_family_says_so() -> None:
    plain = loader.load(catalogue.one("fin-dropped").path)
    scenario = replace(plain, slow=True, family=Family.IPV6)
    assert bare(loader.parse(writer.scenario(scenario), plain.path)) == bare(scenario)


@pytest.mark.parametrize("name", ["syn-dropped", "fin-dropped", "ack-of-fin-dropped"])
def test_a_whole_scenario_is_written_as_it_was_written_by_hand(name: str) -> None:
    path = catalogue.one(name).path
    assert writer.scenario(loader.load(path)) == path.read_text()


def test_the_house_has_all_kinds_of_steps() -> None:
    kinds = {type(step) for scenario in EVERYTHING for step in scenario.prepared}
    assert {kind.__name__ for kind in kinds} == {
        *("Do", "DropStep", "PlugStep", "Remove", "Reach", "HopStep", "HopOrder")
    }


def test_a_step_is_written_as_a_person_writes_it() -> None:
    scenario = catalogue.one("synack-dropped")
    text = writer.file("A story.", "here", scenario.steps, {"hold": "1s"})
    assert text == (
        "# A story.\nsource: here\nsteps:\n"
        "  - server: listen\n"
        "  - drop: {segment: SYN|ACK, to: client}\n"
        "  - client: connect\n"
        "expect:\n  hold: 1s\n"
    )
