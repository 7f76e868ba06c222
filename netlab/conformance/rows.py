# SPDX-License-Identifier: GPL-2.0-or-later
"""The table as data: ``table/*.yaml``. A row is a state and an event, what the RFC says of it, and
what Linux does.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from netlab.conformance import speech
from netlab.model.errors import ScenarioError
from netlab.model.tcp import State
from netlab.model.units import seconds
from netlab.model.vocabulary import Family
from netlab.scenario.document import hint

T = TypeVar("T")
HOME = Path(__file__).parent / "table"
STATES, RULES, DEPARTURES = "states.yaml", "rules.yaml", "departures.yaml"
NOTHING = "nothing"
Kind = Literal["arrives", "call", "timer", "quiet"]
KINDS: tuple[Kind, ...] = get_args(Kind)
#: The keys of an event, and of what it leads to in some states.
EVENT_KEYS = {*KINDS, "title", "source", "before", "sysctl", "family", "in"}
OUTCOME_KEYS = {
    "states", "rule", "answers", "then", "reads", "result", "counts", "info", "after", "but",
    "rfc",
}  # fmt: skip


FAMILIES = {str(family): family for family in Family}


@dataclass(frozen=True, slots=True)
class TableStep:
    """One thing that happens to the host under test: a segment arrives, its application calls, one
    of its timers ends, or nothing is heard of it for some time.
    """

    kind: Kind
    text: str  # a segment or an ICMP error in words, a call, or a time

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"

    @property
    def waits(self) -> bool:
        """True if a timer of the kernel is waited for: also the one of a delayed ACK."""
        return self.kind in ("timer", "quiet") or "data=window" in self.text.split()


@dataclass(frozen=True, slots=True)
class Setting:
    """A state of the host under test, and how it comes there."""

    name: str
    state: State
    other: State  # of the other end, as its segments have it
    steps: tuple[TableStep, ...]


@dataclass(frozen=True, slots=True)
class RfcRule:
    """What an RFC says, in words of our own, and where."""

    name: str
    source: str
    says: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: in this state, at this event, that is what comes of it."""

    topic: str  # the file it is from: arrivals, calls, timers, ...
    event: str
    title: str
    setting: Setting
    step: TableStep
    rule: RfcRule
    answers: tuple[str, ...]  # in words, in order
    then: State
    before: tuple[TableStep, ...] = ()  # what happens in that state first
    reads: str = NOTHING  # what the application reads afterwards: bytes, EOF, an error
    result: str = ""  # of a call
    counts: Mapping[str, int] = field(default_factory=dict)  # by nstat's names
    info: Mapping[str, int] = field(default_factory=dict)  # of TCP_INFO, by the names of ss -i
    after: float | None = None  # seconds until a timer ends
    why: str = ""  # Linux does something else than the RFC says: why
    rfc: str = ""  # and what that is: ACK -> CLOSED
    sysctls: Mapping[str, str] = field(default_factory=dict)
    family: Family | None = None  # the only one that it is about
    waits: bool = field(init=False)  # a timer of the kernel is waited for

    def __post_init__(self) -> None:
        steps = (*self.setting.steps, *self.before, self.step)
        object.__setattr__(self, "waits", any(step.waits for step in steps))

    @property
    def name(self) -> str:
        """Its name: ``rst-exact/ESTABLISHED``."""
        return f"{self.event}/{self.setting.name}"


@functools.cache
def rows() -> tuple[TableRow, ...]:
    """The whole table. Raises `ScenarioError` where a file is wrong."""
    aside = {STATES, RULES, DEPARTURES}
    return tuple(
        row for path in sorted(HOME.glob("*.yaml")) if path.name not in aside for row in read(path)
    )


@functools.cache
def rules() -> dict[str, RfcRule]:
    """What the RFCs say, by name."""
    data = _data(HOME / RULES)
    return {name: RfcRule(name, each["source"], each["says"]) for name, each in data.items()}


@functools.cache
def departures() -> dict[str, str]:
    """Where Linux does something else, and why, by name."""
    return _data(HOME / DEPARTURES)


@functools.cache
def settings() -> dict[str, Setting]:
    """The states of the host under test, by name, in the order of a connection's life."""
    path = HOME / STATES
    return {
        name: Setting(
            name,
            State[name.split()[0]],
            State[each["other"]],
            tuple(_steps(each.get("steps", []), path, name)),
        )
        for name, each in _data(path).items()
    }


def choose(names: Sequence[str]) -> list[TableRow]:
    """The rows of these names, which may be patterns: ``rst-*/TIME_WAIT``, ``rst-exact``, a state.

    Raises `ScenarioError` for a name that fits none.
    """
    if not names:
        return [*rows()]
    chosen: dict[str, TableRow] = {}
    for name in names:
        found = {
            row.name: row
            for row in rows()
            if any(fnmatchcase(told, name) for told in (row.name, row.event, row.setting.name))
        }
        if not found:
            raise ScenarioError(
                f"no row is called {name!r}{hint(name, _names())} 'netlab conformance --list' has "
                "their names"
            )
        chosen |= found
    return [row for row in rows() if row.name in chosen]


def _names() -> tuple[str, ...]:
    """All that `choose` takes, but for patterns."""
    found = [*(row.name for row in rows()), *(row.event for row in rows()), *settings()]
    return tuple(dict.fromkeys(found))


def read(path: Path) -> Iterator[TableRow]:
    """The rows of one file. Raises `ScenarioError`."""
    for event, given in _data(path).items():
        if not isinstance(given, dict) or not given.keys() <= EVENT_KEYS:
            raise ScenarioError(f"{event}: expected some of {', '.join(sorted(EVENT_KEYS))}", path)
        steps = [TableStep(kind, str(given[kind])) for kind in KINDS if kind in given]
        if len(steps) != 1:
            raise ScenarioError(f"{event}: expected one of {', '.join(KINDS)}", path)
        _checked(steps[0], path, event)
        for outcome in given["in"]:
            yield from _rows(event, steps[0], given, outcome, path)


def _rows(
    event: str,
    step: TableStep,
    given: Mapping[str, Any],
    outcome: Mapping[str, Any],
    path: Path,
) -> Iterator[TableRow]:
    if not outcome.keys() <= OUTCOME_KEYS:
        wrong = ", ".join(sorted(outcome.keys() - OUTCOME_KEYS))
        raise ScenarioError(
            f"{event}: expected some of {', '.join(sorted(OUTCOME_KEYS))}; found {wrong}", path
        )
    for name in _listed(outcome["states"]):
        setting = _known(name, settings(), f"{event}: state", path)
        given_answers = outcome.get("answers", NOTHING)
        answers = given_answers if isinstance(given_answers, list) else [str(given_answers)]
        yield TableRow(
            topic=path.stem,
            event=event,
            title=given["title"],
            setting=setting,
            step=step,
            rule=_known(outcome.get("rule"), rules(), f"{event}: rule", path),
            answers=() if answers == [NOTHING] else tuple(answers),
            then=State[outcome.get("then", setting.state.name)],
            before=tuple(_steps(given.get("before", []), path, event)),
            reads=str(outcome.get("reads", NOTHING)),
            result=str(outcome.get("result", "")),
            counts=outcome.get("counts", {}),
            info=outcome.get("info", {}),
            after=seconds(outcome["after"]) if "after" in outcome else None,
            why=_known(outcome["but"], departures(), f"{event}: but", path)
            if "but" in outcome
            else "",
            rfc=outcome.get("rfc", ""),
            sysctls={key: str(value) for key, value in given.get("sysctl", {}).items()},
            family=FAMILIES[given["family"]] if "family" in given else None,
        )


def _known(name: str | None, all_of_them: Mapping[str, T], where: str, path: Path) -> T:
    if name is None or name not in all_of_them:
        raise ScenarioError(f"{where}: {name!r} is none; there are {', '.join(all_of_them)}", path)
    return all_of_them[name]


def _steps(given: Sequence[Mapping[str, Any]], path: Path, name: str) -> Iterator[TableStep]:
    for each in given:
        [(kind, text)] = each.items()
        if kind not in KINDS:
            raise ScenarioError(f"{name}: expected one of {', '.join(KINDS)}; found {kind}", path)
        step = TableStep(kind, str(text))
        _checked(step, path, name)
        yield step


def _checked(step: TableStep, path: Path, name: str) -> None:
    if step.kind == "arrives":
        try:
            if not speech.icmp(step.text):
                speech.read(step.text)
        except ValueError as error:
            raise ScenarioError(f"{name}: {step.text}: expected {error}", path) from None


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [each.strip() for each in str(value).split(",")]


def _data(path: Path) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    data: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), loader)
    return data
