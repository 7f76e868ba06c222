# SPDX-License-Identifier: GPL-2.0-or-later
"""The texts of the lessons: one file a scenario, and the order in which they are best taken."""

from __future__ import annotations

import functools
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State
from netlab.model.vocabulary import ExpectedPair, Side
from netlab.scenario import catalogue
from netlab.scenario.model import PlugStep, Reach, Scenario

HOME = Path(__file__).parent
LESSONS = HOME / "lessons"
ORDER = HOME / "order.yaml"

#: What every lesson must say.
TEXTS = ("situation", "why", "proof", "cure", "wild")
#: The reason that is given for every state that has none of its own.
ANY_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of lessons."""

    name: str  # of the scenario
    title: str


@dataclass(frozen=True, slots=True)
class Part:
    """Lessons that belong together, in the order in which they are best taken."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is told of one scenario. An empty text is not told."""

    name: str
    title: str
    situation: str  # who wants what, and who believes what
    why: str = ""  # why the pair is what it is
    proof: str = ""  # what counters, columns and timers show of it
    cure: str = ""  # what the removal of the cause did, or why there is none
    wild: str = ""  # where this pair is met outside a lab
    predict: tuple[int, ...] = ()  # the steps before which a pair is asked for, counted from 1
    steps: Mapping[int, str] = field(default_factory=dict)  # instead of the usual words
    wrong: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)  # reasons of its own

    def told(self) -> tuple[str, ...]:
        """All that it tells, where each may call a source by its name."""
        return (*(getattr(self, name) for name in TEXTS), *self.steps.values())

    def reason(self, side: Side, said: State) -> str:
        """Why this end cannot be in the state that somebody said, if the text has a word on it."""
        reasons = self.wrong.get(side, {})
        return reasons.get(said.name) or reasons.get(ANY_OTHER, "")


@functools.cache
def parts() -> tuple[Part, ...]:
    """All lessons in their order."""
    document: list[dict[str, Any]] = _read(ORDER)
    return tuple(
        Part(part["part"], tuple(Entry(*each) for each in part["lessons"].items()))
        for part in document
    )


def entries() -> list[Entry]:
    """All lessons in their order, without the parts."""
    return [entry for part in parts() for entry in part.entries]


def following(name: str, done: Container[str] = ()) -> Entry | None:
    """The first lesson after this one that is not done, or else the first of all that is not.

    Begin with no name.
    """
    order = entries()
    names = [entry.name for entry in order]
    after = names.index(name) + 1 if name in names else 0
    return next((e for e in (*order[after:], *order[:after]) if e.name not in done), None)


def is_lesson(scenario: Scenario) -> bool:
    """Whether it is one of the list, and not a file of somebody's with the same name."""
    comes_with_netlab = scenario.path.resolve().is_relative_to(catalogue.home())
    return comes_with_netlab and scenario.name in {entry.name for entry in entries()}


def of(scenario: Scenario) -> Lesson:
    """The lesson of a scenario. One that has no text of its own is told by its file's comments.

    Raises `ScenarioError` where the text does not fit the scenario.
    """
    titles = {entry.name: entry.title for entry in entries()}
    path = LESSONS / f"{scenario.name}.yaml"
    if not is_lesson(scenario) or not path.is_file():
        story = " ".join(scenario.story.split())
        title = "a scenario of your own" if scenario.code is None else "a story"
        return Lesson(scenario.name, title, story, predict=(_last_act(scenario),))
    said = _read(path)
    _check(said, path, scenario)
    return Lesson(
        name=scenario.name,
        title=titles[scenario.name],
        predict=_numbers(said.get("predict", _last_act(scenario))),
        steps={number: _plain(text) for number, text in said.get("steps", {}).items()},
        wrong={
            Side(side): {state: _plain(text) for state, text in reasons.items()}
            for side, reasons in said.get("wrong", {}).items()
        },
        **{name: _plain(said[name]) for name in TEXTS},
    )


def questions(scenario: Scenario, text: Lesson) -> dict[int, ExpectedPair]:
    """What is asked before which step: the next pair that is waited for, at last the scenario's."""
    last = text.predict[-1]
    return {
        number: scenario.expect.claim
        if number == last
        else next(step.claim for step in scenario.steps[number:] if isinstance(step, Reach))
        for number in text.predict
    }


def _numbers(said: int | list[int]) -> tuple[int, ...]:
    return (said,) if isinstance(said, int) else tuple(said)


def _last_act(scenario: Scenario) -> int:
    """The number of the last step in which something is done, and not only waited for."""
    acts = [n for n, s in enumerate(scenario.steps, 1) if not isinstance(s, (Reach, PlugStep))]
    return acts[-1] if acts else len(scenario.steps)


def _check(said: dict[str, Any], path: Path, scenario: Scenario) -> None:
    missing = [name for name in TEXTS if not _plain(said.get(name) or "")]
    if missing:
        raise ScenarioError(f"the lesson does not say: {', '.join(missing)}", path)
    unknown = said.keys() - {*TEXTS, "predict", "steps", "wrong"}
    if unknown:
        raise ScenarioError(f"a lesson has no {', '.join(sorted(unknown))}", path)
    numbers = {*said.get("steps", {}), *_numbers(said.get("predict", 1))}
    beyond = sorted(numbers - {*range(1, len(scenario.steps) + 1)})
    if beyond:
        raise ScenarioError(f"{scenario.name} has no step {beyond[0]}", path)
    for side, reasons in said.get("wrong", {}).items():
        strange = reasons.keys() - {*State.__members__, ANY_OTHER}
        if side not in ("client", "server") or strange:
            raise ScenarioError(f"wrong: expected states of an end; found {side} {strange}", path)


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ScenarioError(f"cannot be read: {error}", path) from None


def _plain(text: str) -> str:
    return " ".join(text.split())
