# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios as files: the way back from the model to the language.

It goes by the tables that the loader reads by, so that an action which the language learns can be
written as well.
"""

from __future__ import annotations

import re
import shlex
import signal
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import yaml

from netlab.model.tcp import State
from netlab.model.vocabulary import Claim, Family, Hook, Side
from netlab.scenario.kinds import (
    ANSWER,
    COMMAND,
    DURATION,
    FIN,
    OTHERWISE,
    SECONDS,
    SIGNAL,
    SOURCE,
    Kind,
)
from netlab.scenario.language import ACTIONS, DROP, REJECTION, Field, MapOf
from netlab.scenario.loader import DEFAULT_HOLD
from netlab.scenario.model import (
    ByKernel,
    Do,
    Drop,
    Ending,
    Expectation,
    Hold,
    Lift,
    Look,
    Range,
    Reach,
    Scenario,
    Step,
)

Said = dict[str, Any]
WIDTH = 98  # of a story's lines, without the "# "
ENDLESS = 1 << 20  # so that YAML breaks no line
_UNNAMED = re.compile(r"(?:drop|reject|hold)-\d+")  # as the loader names faults


def file(story: str, source: str, steps: Sequence[Step], expect: Mapping[str, Any]) -> str:
    """A whole scenario file."""
    lines = [f"# {line}" for line in textwrap.wrap(story, WIDTH)]
    lines += [f"source: {flow(source)}", "steps:"]
    lines += [f"  - {_entry(said(step, names_needed(steps)))}" for step in steps]
    lines += ["expect:"]
    lines += [f"  {key}: {flow(value)}" for key, value in expect.items()]
    return "\n".join(lines) + "\n"


def scenario(whole: Scenario) -> str:
    """A scenario as a file, with its story line by line and its comments."""
    expect = whole.expect
    named = _has_names(whole)
    head = {
        "source": whole.source,
        "differs": whole.differs,
        "slow": whole.slow,
        "family": str(whole.family).lower() if whole.family else None,
        "needs": _one_or_all([*whole.needs]) if whole.needs else None,
    }
    lines = [f"# {line}".rstrip() for line in whole.story.split("\n")]
    lines += [f"{key}: {flow(value)}" for key, value in head.items() if value]
    lines += ["steps:", *_steps(whole.steps, named, "  ")]
    lines += ["expect:", *_keys(_expectation(expect), named, "  ", expect.remarks)]
    return "\n".join(lines) + "\n"


def _keys(
    values: Said, named: bool, indent: str, remarks: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Keys and values: each in one line, or in several where one is too long or has steps."""
    for key, value in values.items():
        remark = f" # {remarks[key]}" if key in remarks else ""
        if isinstance(value, tuple):
            yield f"{indent}{key}:{remark}"
            yield from _steps(value, named, f"{indent}  ")
        elif isinstance(value, dict) and not _fits(key, value, indent):
            yield f"{indent}{key}:{remark}"
            yield from _keys(value, named, f"{indent}  ")
        else:
            yield f"{indent}{key}: {flow(value)}{remark}"


def _fits(key: str, value: Said, indent: str) -> bool:
    """Whether a mapping can be written in one line: it has no steps, and is short enough."""
    has_steps = any(isinstance(inner, tuple) for inner in value.values())
    return not has_steps and len(f"{indent}{key}: {flow(value)}") <= WIDTH


def _steps(steps: Sequence[Step], named: bool, indent: str) -> Iterator[str]:
    """Steps, one key a line; a comment that leaves no room beside its step stands above it."""
    for step in steps:
        first, *more = (f"{key}: {flow(value)}" for key, value in said(step, named).items())
        first = f"{indent}- {first}"
        if step.comment and len(first) + len(step.comment) + 3 <= WIDTH + 2:
            first += f" # {step.comment}"
        elif step.comment:
            yield from (f"{indent}# {part}" for part in textwrap.wrap(step.comment, WIDTH - 8))
        yield first
        yield from (f"{indent}  {line}" for line in more)


def _has_names(scenario: Scenario) -> bool:
    """Whether the names of faults are worth writing: one is used, or the loader did not give it."""
    expect = scenario.expect
    steps = (*scenario.steps, *expect.heal, *(expect.ends.then if expect.ends else ()))
    names = [step.name for step in steps if isinstance(step, Drop | Hold)]
    return names_needed(steps) or any(expect.dropped) or not all(map(_UNNAMED.fullmatch, names))


def _expectation(expect: Expectation) -> Said:
    """What is expected, as data but for steps, which are tuples."""
    values: Said = {
        "pair": pair(expect.claim),
        "of": expect.of,
        "hold": seconds(expect.hold) if expect.hold != DEFAULT_HOLD else None,
        "within": None if expect.within is None else seconds(expect.within),
        "dropped": _dropped(expect.dropped),
        "rows": {str(side): _row(look) for side, look in expect.rows.items()},
        "sockets": _counts(expect.sockets),
        "counters": _counts(expect.counters),
        "path": {str(side): [*map(str, states)] for side, states in expect.path.items()},
        "cause": expect.cause,
        "heal": expect.heal,
    }
    if expect.healed:
        values["healed"] = pair(expect.healed.claim)
        if expect.healed.counters:
            values["healed"]["counters"] = _counts(expect.healed.counters)
    if expect.ends:
        values["ends"] = _ending(expect.ends)
    return {key: value for key, value in values.items() if value not in (None, "", {}, ())}


def _ending(ends: Ending) -> Said:
    values: Said = {**pair(ends.claim), "after": _number(ends.after)}
    if ends.counters:
        values["counters"] = _counts(ends.counters)
    if ends.then:
        values["then"] = ends.then
    return values


def _dropped(dropped: Mapping[str | None, Range]) -> object:
    if None in dropped:
        return _number(dropped[None])
    return {name: _number(number) for name, number in dropped.items()}


def _row(row: Look) -> Said:
    timer = {} if row.timer is None else {"timer": str(row.timer)}
    return timer | {name: _number(number) for name, number in row.numbers.items()}


def _counts(counts: Mapping[Side, Mapping[Any, Range]]) -> Said:
    return {
        str(side): {str(name): _number(number) for name, number in numbers.items()}
        for side, numbers in counts.items()
    }


def _number(number: Range) -> object:
    if isinstance(number, ByKernel):
        return {need or OTHERWISE: _number(case) for need, case in number.cases}
    return _plain(number.text)


def _plain(value: object) -> object:
    """A value without the quotes that YAML puts around a text of digits."""
    digits = isinstance(value, str) and value.isdecimal() and str(int(value)) == value
    return int(str(value)) if digits else value


def flow(value: object) -> str:
    """One value in one line."""
    written = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=ENDLESS, allow_unicode=True
    )
    return written.removesuffix("...\n").rstrip("\n")


def pair(claim: Claim) -> Said:
    """A pair of states, as `pair:` and `healed:` say it."""
    return {str(side): _states(claim.states(side)) for side in Side}


def names_needed(steps: Sequence[Step]) -> bool:
    """Whether a later step speaks of a fault by its name. All faults are named then: the names
    that the loader gives to others could be the same.
    """
    return any(isinstance(step, Lift) and step.name is not None for step in steps)


def said(step: Step, named: bool = True) -> Said:
    """One step as data; `named` says the names of faults."""
    match step:
        case Do():
            return _do(step)
        case Drop():
            return _drop(step, named)
        case Hold():
            sides: Any = _one_or_all([str(side) for side in step.sides])
            return {"hold": {"sides": sides, "as": step.name} if named else sides}
        case Lift():
            return {"release" if step.holds else "lift": step.name or "all"}
        case Reach():
            return {"reach": _reach(step)}
    raise AssertionError(f"no step is a {type(step).__name__}")


def _entry(step: Said) -> str:
    """A step with one key needs no braces."""
    if len(step) == 1:
        ((key, value),) = step.items()
        return f"{key}: {flow(value)}"
    return flow(step)


def _do(step: Do) -> Said:
    takes = ACTIONS[step.action]
    if isinstance(takes, MapOf):
        what: object = {step.action: {name: _plain(v) for name, v in step.arguments.items()}}
    else:
        arguments = _fields(takes.fields, step.arguments)
        what = {step.action: arguments} if arguments else step.action
        if [*arguments] == [takes.short]:
            what = {step.action: arguments[takes.short]}
    told: Said = {str(step.side): what}
    if step.fails:
        same = len(set(step.fails.values())) == 1 and len(step.fails) == len(Family)
        errors = {str(family).lower(): error for family, error in step.fails.items()}
        told["fails"] = next(iter(step.fails.values())) if same else errors
    if step.of:
        told["of"] = step.of
    return told


def _drop(step: Drop, named: bool) -> Said:
    lost_on_the_way = step.hook is Hook.INPUT
    told: Said = {
        "segment": _one_or_all([str(segment) for segment in step.segments]),
        "nft": _one_or_all(list(step.nft)),
        "with": step.reject,
        "to": str(step.side) if lost_on_the_way else None,
        "at": None if lost_on_the_way else f"{step.side} {step.hook}",
        "port": step.port,
        "first": step.first,
        "after": step.after,
        "covers": "FIN" if step.covers_fin else None,
        "as": step.name if named else None,
    }
    table = REJECTION if step.reject else DROP
    return {
        "reject" if step.reject else "drop": {
            key: value for key, value in told.items() if key in table.fields and value
        }
    }


def _reach(step: Reach) -> Said:
    told = pair(step.claim)
    if step.hold:
        told["hold"] = seconds(step.hold)
    if step.within is not None:
        told["within"] = seconds(step.within)
    if step.of:
        told["of"] = step.of
    return told


def seconds(number: float) -> str:
    """A duration."""
    return f"{number:g}s"


def _states(states: Sequence[State]) -> Any:
    return _one_or_all([str(state) for state in states])


def _one_or_all(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else values


#: Kinds whose values are something else than what a file says.
_WORDS: tuple[tuple[Kind, Callable[[Any], object]], ...] = (
    (COMMAND, shlex.join),
    (SIGNAL, lambda number: signal.Signals(number).name),
    (ANSWER, lambda answer: str(answer or "nothing")),
    (SOURCE, lambda _: "added"),
    (FIN, lambda _: "FIN"),
    (DURATION, seconds),
    (SECONDS, seconds),
)


def _fields(fields: Mapping[str, Field], values: Mapping[str, object]) -> Said:
    """The arguments of an action under the names that a file has for them."""
    return {
        key: _word(field, values[field.name or key])
        for key, field in fields.items()
        if (field.name or key) in values
    }


def _word(field: Field, value: object) -> object:
    return next((write(value) for kind, write in _WORDS if field.takes is kind), value)
