# SPDX-License-Identifier: GPL-2.0-or-later
"""The conditions and the texts of ``causes.yaml``: expressions over facts, read and checked."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from netlab.diagnosis.facts import (
    DESTINATION_FACTS,
    FACTS,
    OF_FIGURES,
    DestinationFact,
    Fact,
    Value,
)
from netlab.diagnosis.observed import Destination, ObservedEnd

COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq,
    "is": operator.eq,
}  # fmt: skip
CONDITION = re.compile(
    r"(?P<no>not )?(?P<end>own|peer|both|destination)\.(?P<word>\w+)"
    r"(?: (?P<compared>>=|<=|==|>|<|is) (?P<value>\S+)| (?P<counted>rises|counted))?"
)
PLACE = re.compile(r"\{(own|peer|destination)(?:\.(\w+))?\}")
AnyAsk = TypeVar("AnyAsk", Fact, DestinationFact)


class BrokenRules(ValueError):
    """``causes.yaml`` is wrong: the message says where, and what was expected."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must be known about one end, or both."""

    text: str
    end: str
    fact: Fact = field(compare=False, repr=False)
    of_state: bool = False  # the state of an end answers it, whatever else is known
    of_figures: bool = False  # so it does if no figures are (`ObservedEnd.has_figures`)

    @property
    def holds(self) -> Fact:
        """Whether the condition is known to be met by two ends: a value that is true or not.

        A function, so that who asks about many connections looks it up once.
        """
        fact = self.fact
        if self.end == "own":
            return fact
        if self.end == "peer":
            return lambda own, peer: peer is not None and fact(peer, own)
        return lambda own, peer: fact(own, peer) and (peer is None or fact(peer, own))


@dataclass(frozen=True, slots=True)
class DestinationCondition:
    """One thing that must be known about a destination."""

    text: str
    fact: DestinationFact = field(compare=False, repr=False)

    def holds(self, destination: Destination) -> bool:
        """True if the condition is known to be met."""
        return bool(self.fact(destination))


def conditions(value: Any, where: str) -> tuple[Condition, ...]:
    """Conditions on ends. Raises `BrokenRules`; its message begins with `where`."""
    return tuple(_condition(text, where) for text in _list(value, where))


def destination_conditions(value: Any, where: str) -> tuple[DestinationCondition, ...]:
    """Conditions on destinations. Raises `BrokenRules`; its message begins with `where`."""
    return tuple(_destination_condition(text, where) for text in _list(value, where))


def because(text: Any, where: str, facts: Mapping[str, object] = FACTS) -> str:
    """A text with facts as placeholders. Raises `BrokenRules`; its message begins with `where`."""
    if not isinstance(text, str):
        raise BrokenRules(f"{where}: because: expected a text; found {text!r}")
    left = PLACE.sub("", text)
    ends = {"destination"} if facts is DESTINATION_FACTS else {"own", "peer"}
    wrong = [
        word or end
        for end, word in PLACE.findall(text)
        if (word and word not in facts) or end not in ends
    ]
    if wrong or "{" in left:
        raise BrokenRules(f"{where}: because: nothing is called {', '.join(wrong) or left!r}")
    return text


def _list(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise BrokenRules(f"{where}: expected a list of conditions; found {value!r}")
    return value


def _condition(text: Any, where: str) -> Condition:
    match = CONDITION.fullmatch(text) if isinstance(text, str) else None
    if match is None or match["end"] == "destination":
        raise BrokenRules(f"{where}: expected a condition such as own.probes >= 1; found {text!r}")
    counted = match["word"][0].isupper()
    if counted:
        fact = _counter(match["word"], match["counted"] or match["value"], text, where)
    else:
        fact = _known(FACTS, match, text, where)
        if match["compared"]:
            fact = _compared(fact, match)
    fact = _denied(fact) if match["no"] else fact
    return Condition(
        text,
        match["end"],
        fact,
        of_state=match["word"] == "state",
        of_figures=counted or match["word"] in OF_FIGURES,
    )


def _destination_condition(text: Any, where: str) -> DestinationCondition:
    match = CONDITION.fullmatch(text) if isinstance(text, str) else None
    if match is None or match["end"] != "destination":
        raise BrokenRules(
            f"{where}: expected a condition such as destination.share >= 0.9; found {text!r}"
        )
    fact = _known(DESTINATION_FACTS, match, text, where)
    if match["compared"]:
        fact = _compared(fact, match)
    return DestinationCondition(text, _denied(fact) if match["no"] else fact)


def _known(facts: Mapping[str, AnyAsk], match: re.Match[str], text: str, where: str) -> AnyAsk:
    if match["word"] not in facts or match["counted"]:
        raise BrokenRules(f"{where}: nothing is called {match['word']!r} in {text!r}")
    return facts[match["word"]]


def _counter(name: str, how: str | None, text: str, where: str) -> Fact:
    if how not in ("rises", "counted", "steady"):
        raise BrokenRules(f"{where}: a counter rises, is steady or is counted; found {text!r}")

    def fact(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
        host = own.host
        if how == "counted":
            return host.counters[name] > 0 if name in host.counters else None
        if host.risen is None:
            return None
        if how == "steady" and name not in host.counters:
            return None  # left out, which is not the same as 0
        return (host.risen.get(name, 0) > 0) is (how == "rises")

    return fact


def _compared(fact: Callable[..., Value], match: re.Match[str]) -> Callable[..., Value]:
    compare = COMPARED[match["compared"]]
    wanted: str | float = match["value"] if match["compared"] == "is" else float(match["value"])

    def compared(*subjects: Any) -> Value:
        value = fact(*subjects)
        return None if value is None else compare(value, wanted)

    return compared


def _denied(fact: Callable[..., Value]) -> Callable[..., Value]:
    def denied(*subjects: Any) -> Value:
        value = fact(*subjects)
        return None if value is None else not value

    return denied
