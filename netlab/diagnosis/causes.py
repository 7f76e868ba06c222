# SPDX-License-Identifier: GPL-2.0-or-later
"""The causes of ``causes.yaml``: read, checked, and turned into conditions to evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netlab.diagnosis.conditions import (
    BrokenRules,
    Condition,
    DestinationCondition,
    because,
    conditions,
    destination_conditions,
)
from netlab.diagnosis.facts import DESTINATION_FACTS
from netlab.model.tcp import State

HOME = Path(__file__).parent / "causes.yaml"
GONE = (State.CLOSED, State.LISTEN)
#: The peers of a case without `peer`: in any state, unknown, or gone.
ANYTHING: frozenset[State | None] = frozenset({*State, None})

TEXTS = ("id", "title", "source", "next", "confirm", "fix", "scenario")
LISTS = ("seen", "signs", "host", "destinations")


@dataclass(frozen=True, slots=True)
class Sign:
    """Evidence for a cause or against it."""

    when: tuple[Condition, ...]
    points: float
    because: str


@dataclass(frozen=True, slots=True)
class Case:
    """The states in which a cause is seen, with the conditions for it."""

    own: frozenset[State]
    peer: frozenset[State | None]
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    points: float
    because: str
    scenario: str
    confirm: str = ""  # where it differs from the cause's


@dataclass(frozen=True, slots=True)
class HostCase:
    """Conditions that show a cause at a whole host, and how certain it then is (0 to 1)."""

    when: tuple[Condition, ...]
    confidence: float
    because: str


@dataclass(frozen=True, slots=True)
class DestinationCase:
    """Conditions that show a cause at one destination of a host, and its certainty (0 to 1)."""

    when: tuple[DestinationCondition, ...]
    confidence: float
    because: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of ``causes.yaml``."""

    id: str
    title: str
    source: str
    next: str
    confirm: str
    fix: str
    scenario: str
    seen: tuple[Case, ...]
    signs: tuple[Sign, ...]
    host: tuple[HostCase, ...]  # for the host as a whole, whatever its connections
    destinations: tuple[DestinationCase, ...]
    stand_in: bool = False  # its scenario comes to the same states by another fault

    def advising(self, port: int | str, here: bool = True) -> Cause:
        """The cause with its advice about a port, which is at this end or at the other one. A word
        stands for any port.

        ``{side}`` is where a filter of ss has that port, sport or dport; ``{there}`` is where one
        at the other end has it.
        """
        side, there = ("sport", "dport") if here else ("dport", "sport")
        next_, confirm, fix = (
            text.replace("{port}", str(port)).replace("{side}", side).replace("{there}", there)
            for text in (self.next, self.confirm, self.fix)
        )
        return replace(self, next=next_, confirm=confirm, fix=fix)


def parse(text: str) -> list[Cause]:
    """Causes from YAML. Raises `BrokenRules` for anything that is wrong in it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 10 ms instead of 120
    try:
        entries = yaml.load(text, loader)
    except yaml.YAMLError as error:
        raise BrokenRules(f"causes.yaml: {error}") from None
    if not isinstance(entries, list):
        raise BrokenRules("causes.yaml: expected a list of causes")
    causes = [_cause(entry, number) for number, entry in enumerate(entries, start=1)]
    doubled = {c.id for c in causes if sum(c.id == other.id for other in causes) > 1}
    if doubled:
        raise BrokenRules(f"causes.yaml: twice: {', '.join(sorted(doubled))}")
    return causes


def _cause(entry: Any, number: int) -> Cause:
    where = f"causes.yaml: cause {number}"
    values = _checked(entry, where, TEXTS, (*LISTS, "stand_in"))
    where = f"causes.yaml: {values['id']}"
    for name in TEXTS:
        if not isinstance(values[name], str) or not values[name]:
            raise BrokenRules(f"{where}: {name}: expected a text; found {values[name]!r}")

    if not isinstance(stand_in := values.get("stand_in", False), bool):
        raise BrokenRules(f"{where}: stand_in: expected true or false; found {stand_in!r}")

    def entries(name: str, called: str) -> Iterator[tuple[Any, str]]:
        for place, value in enumerate(values.get(name, ()), start=1):
            yield value, f"{where}: {called} {place}"

    return Cause(
        **{name: values[name] for name in TEXTS},
        seen=tuple(_case(*each, values["scenario"]) for each in entries("seen", "seen")),
        signs=tuple(_sign(*each) for each in entries("signs", "sign")),
        host=tuple(_host_case(*each) for each in entries("host", "host")),
        destinations=tuple(
            _destination_case(*each) for each in entries("destinations", "destination")
        ),
        stand_in=stand_in,
    )


def _case(entry: Any, where: str, scenario: str) -> Case:
    optional = ("peer", "if", "unless", "scenario", "confirm")
    values = _checked(entry, where, ("own", "points", "because"), optional)
    own = frozenset(_states(values["own"], where))
    if None in own:
        raise BrokenRules(f"{where}: own: expected states")
    return Case(
        own=frozenset(state for state in own if state is not None),
        peer=frozenset(_states(values["peer"], where)) if "peer" in values else ANYTHING,
        when=conditions(values.get("if", ()), where),
        unless=conditions(values.get("unless", ()), where),
        points=_number(values, "points", where),
        because=because(values["because"], where),
        scenario=values.get("scenario", scenario),
        confirm=values.get("confirm", ""),
    )


def _sign(entry: Any, where: str) -> Sign:
    values = _checked(entry, where, ("if", "points", "because"), ())
    points = _number(values, "points", where)
    return Sign(conditions(values["if"], where), points, because(values["because"], where))


def _host_case(entry: Any, where: str) -> HostCase:
    values = _checked(entry, where, ("if", "confidence", "because"), ())
    confidence = _confidence(values, where)
    return HostCase(conditions(values["if"], where), confidence, because(values["because"], where))


def _destination_case(entry: Any, where: str) -> DestinationCase:
    values = _checked(entry, where, ("if", "confidence", "because"), ())
    return DestinationCase(
        destination_conditions(values["if"], where),
        _confidence(values, where),
        because(values["because"], where, DESTINATION_FACTS),
    )


def _checked(
    entry: Any, where: str, needed: Sequence[str], optional: Sequence[str]
) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise BrokenRules(f"{where}: expected keys and values; found {entry!r}")
    missing = [name for name in needed if name not in entry]
    unknown = [str(name) for name in entry if name not in (*needed, *optional)]
    if missing or unknown:
        wrong = [*(f"{name} is missing" for name in missing), *(f"{n}: unknown" for n in unknown)]
        raise BrokenRules(f"{where}: {'; '.join(wrong)}")
    return dict(entry)


def _states(value: Any, where: str) -> Iterator[State | None]:
    for word in value if isinstance(value, list) else [value]:
        if word == "GONE":
            yield from GONE
        elif word == "UNKNOWN":
            yield None
        elif word in State.__members__:
            yield State[word]
        else:
            raise BrokenRules(f"{where}: expected a state, GONE or UNKNOWN; found {word!r}")


def _number(values: dict[str, Any], name: str, where: str) -> float:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BrokenRules(f"{where}: {name}: expected a number; found {value!r}")
    return float(value)


def _confidence(values: dict[str, Any], where: str) -> float:
    number = _number(values, "confidence", where)
    if not 0 < number <= 1:
        raise BrokenRules(f"{where}: confidence: expected more than 0, at most 1; found {number:g}")
    return number
