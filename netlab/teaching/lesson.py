# SPDX-License-Identifier: GPL-2.0-or-later
"""The texts of the lessons: one file per scenario, and the order in which to take them."""

from __future__ import annotations

import functools
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from netlab.model import outside
from netlab.model.errors import ScenarioError
from netlab.model.tcp import State
from netlab.model.vocabulary import ExpectedPair, Side
from netlab.scenario import catalogue
from netlab.scenario.model import PlugStep, Reach, Scenario

HOME = Path(__file__).parent
LESSONS = HOME / "lessons"
ORDER = HOME / "order.yaml"

#: The texts that every lesson must have.
TEXTS = ("situation", "why", "proof", "cure", "wild")
#: The key of the reason for every state that has no reason itself.
ANY_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of lessons."""

    name: str  # of the scenario
    title: str


@dataclass(frozen=True, slots=True)
class Part:
    """Lessons that belong together, in the order in which to take them."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Lesson:
    """The texts of one scenario. An empty text is not shown."""

    name: str
    title: str
    situation: str  # who wants what, and who believes what
    why: str = ""  # why the pair is what it is
    proof: str = ""  # how counters, columns and timers show it
    cure: str = ""  # what the removal of the cause did, or why there is none
    wild: str = ""  # where this pair is met outside a lab
    predict: tuple[int, ...] = ()  # the steps before which a pair is asked for, counted from 1
    steps: Mapping[int, str] = field(default_factory=dict)  # instead of the usual words
    wrong: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)  # reasons specific to it

    def told(self) -> tuple[str, ...]:
        """All of its texts, each of which may mention a source by name."""
        return (*(getattr(self, name) for name in TEXTS), *self.steps.values())

    def reason(self, side: Side, said: State) -> str:
        """The reason that this end cannot be in the predicted state, or '' if the text has none."""
        reasons = self.wrong.get(side, {})
        return reasons.get(said.name) or reasons.get(ANY_OTHER, "")


@functools.cache
def parts() -> tuple[Part, ...]:
    """All lessons in order, in their parts."""
    document: list[dict[str, Any]] = _read(ORDER)
    return tuple(
        Part(part["part"], tuple(Entry(*each) for each in part["lessons"].items()))
        for part in document
    )


def entries() -> list[Entry]:
    """All lessons in order, without the parts."""
    return [entry for part in parts() for entry in part.entries]


def following(name: str, done: Container[str] = ()) -> Entry | None:
    """The first lesson after this one that is not done, or else the first one not done.

    An empty name starts at the beginning.
    """
    order = entries()
    names = [entry.name for entry in order]
    after = names.index(name) + 1 if name in names else 0
    return next((e for e in (*order[after:], *order[:after]) if e.name not in done), None)


def is_lesson(scenario: Scenario) -> bool:
    """True if it is one of the list, and not a user's file with the same name."""
    comes_with_netlab = scenario.path.resolve().is_relative_to(catalogue.home())
    return comes_with_netlab and scenario.name in {entry.name for entry in entries()}


def _untitled(scenario: Scenario) -> str:
    """What stands for the title of what has no text."""
    if scenario.path.is_relative_to(catalogue.ATLAS):
        return "a pair of the atlas"
    return "a scenario of your own" if scenario.code is None else "a story"


def of(scenario: Scenario) -> Lesson:
    """The lesson of a scenario. If it has no text, the comments of its file are used instead.

    Raises `ScenarioError` if the text does not fit the scenario.
    """
    titles = {entry.name: entry.title for entry in entries()}
    path = LESSONS / f"{scenario.name}.yaml"
    if not is_lesson(scenario) or not path.is_file():
        story = " ".join(scenario.story.split())
        return Lesson(scenario.name, _untitled(scenario), story, predict=(_last_act(scenario),))
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
    """The pair to ask for before each step: the next one that is waited for, and last the
    scenario's.
    """
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
    """The number of the last step that does something, rather than only wait."""
    acts = [n for n, s in enumerate(scenario.steps, 1) if not isinstance(s, (Reach, PlugStep))]
    return acts[-1] if acts else len(scenario.steps)


def _check(said: dict[str, Any], path: Path, scenario: Scenario) -> None:
    missing = [name for name in TEXTS if not _plain(said.get(name) or "")]
    if missing:
        raise ScenarioError(f"the lesson lacks: {', '.join(missing)}", path)
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
    text = outside.text(path, outside.MIB, "a lesson")
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(f"cannot be read: {error}", path) from None


def _plain(text: str) -> str:
    return " ".join(text.split())
