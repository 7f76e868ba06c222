# SPDX-License-Identifier: GPL-2.0-or-later
"""The causes in ``causes.yaml``: what they are made of, read and checked."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlab.diagnosis.ends import End, Value
from netlab.diagnosis.facts import FACTS
from netlab.tcp import State

HOME = Path(__file__).parent / "causes.yaml"
GONE = (State.CLOSED, State.LISTEN)
#: Peers of a case that does not say: any state, nothing known, or nothing there.
ANYTHING: frozenset[State | None] = frozenset({*State, None})

TEXTS = ("id", "title", "told", "next", "confirm", "fix", "scenario")
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq,
    "is": operator.eq,
}  # fmt: skip
CONDITION = re.compile(
    r"(?P<no>not )?(?P<end>own|peer|both)\.(?P<word>\w+)"
    r"(?: (?P<compared>>=|<=|==|>|<|is) (?P<value>\S+)| (?P<counted>rises|counted))?"
)
PLACE = re.compile(r"\{(own|peer)(?:\.(\w+))?\}")


class BrokenRules(ValueError):
    """``causes.yaml`` is wrong: the message says where, and what was expected."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must be known of one end, or of both."""

    text: str
    end: str
    holds_for: Callable[[End, End | None], Value] = field(compare=False, repr=False)

    def holds(self, own: End, peer: End | None) -> bool | None:
        """Whether it is so; None where nobody knows."""
        if self.end == "own":
            return _truth(self.holds_for(own, peer))
        if self.end == "peer":
            return None if peer is None else _truth(self.holds_for(peer, own))
        known = [_truth(self.holds_for(own, peer))]
        if peer is not None:
            known.append(_truth(self.holds_for(peer, own)))
        return False if False in known else None if None in known else True


def _truth(value: Value) -> bool | None:
    return None if value is None else bool(value)


@dataclass(frozen=True, slots=True)
class Sign:
    """What speaks for a cause or against it."""

    when: tuple[Condition, ...]
    points: float
    because: str


@dataclass(frozen=True, slots=True)
class Case:
    """In which states a cause is seen, and under which conditions."""

    own: frozenset[State]
    peer: frozenset[State | None]
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    points: float
    because: str
    scenario: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause, as ``causes.yaml`` tells it."""

    id: str
    title: str
    told: str
    next: str
    confirm: str
    fix: str
    scenario: str
    seen: tuple[Case, ...]
    signs: tuple[Sign, ...]
    host: tuple[Sign, ...]  # what is true of a whole host, and of no connection in particular


def parse(text: str) -> list[Cause]:
    """Causes from YAML. Raises `BrokenRules` for whatever is wrong in it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # 10 ms instead of 120
    try:
        found = yaml.load(text, loader)
    except yaml.YAMLError as error:
        raise BrokenRules(f"causes.yaml: {error}") from None
    if not isinstance(found, list):
        raise BrokenRules("causes.yaml: expected a list of causes")
    causes = [_cause(said, number) for number, said in enumerate(found, start=1)]
    doubled = {c.id for c in causes if sum(c.id == other.id for other in causes) > 1}
    if doubled:
        raise BrokenRules(f"causes.yaml: twice: {', '.join(sorted(doubled))}")
    return causes


def _cause(said: Any, number: int) -> Cause:
    where = f"causes.yaml: cause {number}"
    texts = _taken(said, where, TEXTS, ("seen", "signs", "host"))
    where = f"causes.yaml: {texts['id']}"
    for name in TEXTS:
        if not isinstance(texts[name], str) or not texts[name]:
            raise BrokenRules(f"{where}: {name}: expected a text; found {texts[name]!r}")
    seen, signs, host = (texts.pop(name, ()) for name in ("seen", "signs", "host"))
    return Cause(
        **texts,
        seen=tuple(
            _case(each, f"{where}: seen {place}", texts["scenario"])
            for place, each in enumerate(seen, start=1)
        ),
        signs=tuple(_sign(each, f"{where}: sign {n}") for n, each in enumerate(signs, start=1)),
        host=tuple(_sign(each, f"{where}: host {n}") for n, each in enumerate(host, start=1)),
    )


def _case(said: Any, where: str, scenario: str) -> Case:
    known = _taken(said, where, ("own", "points", "because"), ("peer", "if", "unless", "scenario"))
    own = frozenset(_states(known["own"], where))
    if None in own:
        raise BrokenRules(f"{where}: own: expected states")
    return Case(
        own=frozenset(state for state in own if state is not None),
        peer=frozenset(_states(known["peer"], where)) if "peer" in known else ANYTHING,
        when=_conditions(known.get("if", ()), where),
        unless=_conditions(known.get("unless", ()), where),
        points=_points(known["points"], where),
        because=_because(known["because"], where),
        scenario=known.get("scenario", scenario),
    )


def _sign(said: Any, where: str) -> Sign:
    known = _taken(said, where, ("if", "points", "because"), ())
    conditions = _conditions(known["if"], where)
    return Sign(conditions, _points(known["points"], where), _because(known["because"], where))


def _taken(said: Any, where: str, needed: Sequence[str], more: Sequence[str]) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise BrokenRules(f"{where}: expected keys and values; found {said!r}")
    missing = [name for name in needed if name not in said]
    unknown = [str(name) for name in said if name not in (*needed, *more)]
    if missing or unknown:
        wrong = [*(f"{name} is missing" for name in missing), *(f"{n}: unknown" for n in unknown)]
        raise BrokenRules(f"{where}: {'; '.join(wrong)}")
    return dict(said)


def _states(said: Any, where: str) -> Iterator[State | None]:
    for word in said if isinstance(said, list) else [said]:
        if word == "GONE":
            yield from GONE
        elif word == "UNKNOWN":
            yield None
        elif word in State.__members__:
            yield State[word]
        else:
            raise BrokenRules(f"{where}: expected a state, GONE or UNKNOWN; found {word!r}")


def _points(said: Any, where: str) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise BrokenRules(f"{where}: points: expected a number; found {said!r}")
    return float(said)


def _because(said: Any, where: str) -> str:
    if not isinstance(said, str):
        raise BrokenRules(f"{where}: because: expected a text; found {said!r}")
    left = PLACE.sub("", said)
    wrong = [word for _, word in PLACE.findall(said) if word and word not in FACTS]
    if wrong or "{" in left:
        raise BrokenRules(f"{where}: because: nothing is called {', '.join(wrong) or left!r}")
    return said


def _conditions(said: Any, where: str) -> tuple[Condition, ...]:
    if not isinstance(said, list | tuple):
        raise BrokenRules(f"{where}: expected a list of conditions; found {said!r}")
    return tuple(_condition(each, where) for each in said)


def _condition(text: Any, where: str) -> Condition:
    found = CONDITION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise BrokenRules(f"{where}: expected a condition such as own.probes >= 1; found {text!r}")
    word, compared, value = found["word"], found["compared"], found["value"]
    if word[0].isupper():
        asked = _counter(word, found["counted"] or value, text, where)
    elif word not in FACTS or found["counted"]:
        raise BrokenRules(f"{where}: nothing is called {word!r} in {text!r}")
    elif compared:
        asked = _comparison(FACTS[word], COMPARED[compared], value, compared == "is")
    else:
        asked = FACTS[word]
    return Condition(text, found["end"], _denied(asked) if found["no"] else asked)


def _counter(
    name: str, how: str | None, text: str, where: str
) -> Callable[[End, End | None], Value]:
    if how not in ("rises", "counted", "steady"):
        raise BrokenRules(f"{where}: a counter rises, is steady or is counted; found {text!r}")

    def asked(own: End, peer: End | None) -> Value:
        host = own.host
        if how == "counted":
            return host.counters[name] > 0 if name in host.counters else None
        if host.risen is None:
            return None
        return (host.risen.get(name, 0) > 0) is (how == "rises")

    return asked


def _comparison(
    fact: Callable[[End, End | None], Value],
    compare: Callable[[Any, Any], bool],
    value: str,
    word: bool,
) -> Callable[[End, End | None], Value]:
    wanted: str | float = value if word else float(value)

    def asked(own: End, peer: End | None) -> Value:
        found = fact(own, peer)
        return None if found is None else compare(found, wanted)

    return asked


def _denied(asked: Callable[[End, End | None], Value]) -> Callable[[End, End | None], Value]:
    def denied(own: End, peer: End | None) -> Value:
        found = asked(own, peer)
        return None if found is None else not found

    return denied
