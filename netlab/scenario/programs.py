# SPDX-License-Identifier: GPL-2.0-or-later
"""The programs that a stranger's scenarios start, before anything runs."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netlab.model.errors import ScenarioError
from netlab.model.vocabulary import Side
from netlab.scenario import catalogue
from netlab.scenario.model import AnyStep, Do, Scenario

SHOWN = 80  # characters of a command line in an error


@dataclass(frozen=True, slots=True)
class Started:
    """A step of a scenario that starts a program."""

    scenario: Scenario
    line: int
    side: Side
    command: str

    def __str__(self) -> str:
        command = " ".join(self.command.split())
        return f"{self.scenario.name} runs, confined, on the {self.side}: {command}"

    @property
    def refusal(self) -> ScenarioError:
        """The error where nobody has allowed it."""
        shortened = textwrap.shorten(self.command, SHOWN, placeholder=" ...")
        return ScenarioError(
            f"starts a program on the {self.side}. Read the file, and if it may, allow it with "
            f"--allow-programs (pytest: netlab_programs = true). The program: {shortened}",
            self.scenario.path,
            self.line,
        )


def by_strangers(scenarios: Iterable[Scenario]) -> list[Started]:
    """Every program that files start which did not come with netlab, in the order of the steps."""
    return [
        Started(scenario, step.line, step.side, shlex.join(step.starts))
        for scenario in scenarios
        if not catalogue.is_built_in(scenario)
        for step in _steps(scenario)
        if isinstance(step, Do) and step.starts
    ]


def _steps(scenario: Scenario) -> Iterator[AnyStep]:
    yield from scenario.steps
    yield from scenario.expect.heal
    if scenario.expect.ends is not None:
        yield from scenario.expect.ends.then
