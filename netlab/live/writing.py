# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps as a scenario file says them: the way back from the model to the language.

It goes by the tables that the loader reads by, so that an action which the language learns can be
written as well.
"""

from __future__ import annotations

import shlex
import signal
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from netlab.scenario.kinds import ANSWER, COMMAND, DURATION, FIN, SECONDS, SIGNAL, SOURCE, Kind
from netlab.scenario.language import ACTIONS, DROP, REJECTION, Field, MapOf
from netlab.scenario.model import Do, Drop, Hold, Lift, Reach, Step
from netlab.tcp import State
from netlab.testbed.words import Claim, Family, Hook, Side

Said = dict[str, Any]
WIDTH = 98  # of a story's lines, without the "# "
ENDLESS = 1 << 20  # so that YAML breaks no line


def file(story: str, source: str, steps: Sequence[Step], expect: Mapping[str, Any]) -> str:
    """A whole scenario file."""
    lines = [f"# {line}" for line in textwrap.wrap(story, WIDTH)]
    lines += [f"source: {flow(source)}", "steps:"]
    lines += [f"  - {_entry(said(step, names_needed(steps)))}" for step in steps]
    lines += ["expect:"]
    lines += [f"  {key}: {flow(value)}" for key, value in expect.items()]
    return "\n".join(lines) + "\n"


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
        what: object = {step.action: dict(step.arguments)}
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
