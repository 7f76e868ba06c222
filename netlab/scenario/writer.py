# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes scenarios as files: the way back from the model to the language.

It uses the same tables as the loader, so any action added to the language can be written as well.
"""

from __future__ import annotations

import signal
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, assert_never

import yaml

from netlab.model import evidence
from netlab.model.tcp import State
from netlab.model.vocabulary import ExpectedPair, Family, Side
from netlab.scenario.kinds import NEVER, OTHERWISE
from netlab.scenario.loader import DEFAULT_HOLD, PATIENCE
from netlab.scenario.model import (
    LAST,
    NO_LEAK,
    AnyStep,
    ByKernel,
    Do,
    Ending,
    Exit,
    Expectation,
    FaultStep,
    HopOrder,
    HopStep,
    Look,
    Range,
    Reach,
    Remove,
    Scenario,
)
from netlab.scenario.shapes import MapOf
from netlab.scenario.spelling import fields, one_or_all, seconds
from netlab.scenario.steps import ACTIONS, kind_of
from netlab.scenario.steps.hops import ORDERS

Said = dict[str, Any]
WIDTH = 98  # columns of a story's lines, without the "# "
ENDLESS = 1 << 20  # so that YAML breaks no line
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def file(
    story: str,
    source: str,
    steps: Sequence[AnyStep],
    expect: Mapping[str, Any],
    way: Sequence[HopStep] = (),
) -> str:
    """The text of a whole scenario file; `way` are its hops."""
    lines = [f"# {line}" for line in textwrap.wrap(story, WIDTH)]
    lines += [f"source: {flow(source)}"]
    if way:
        lines += ["path:", *_steps(way, False, "  ")]
    lines += ["steps:"]
    named = names_needed(steps) or "dropped" in expect
    lines += [f"  - {_entry(said(step, named))}" for step in steps]
    lines += ["expect:"]
    lines += [f"  {key}: {flow(value)}" for key, value in expect.items()]
    return "\n".join(lines) + "\n"


def scenario(whole: Scenario) -> str:
    """The text of a scenario's file, with its story line by line and its comments."""
    expect = whole.expect
    named = _has_names(whole)
    needs = [need for need in whole.needs if not (whole.way and need.startswith("path:"))]
    head = {
        "source": whole.source,
        "differs": whole.differs,
        "slow": whole.slow,
        "family": str(whole.family).lower() if whole.family else None,
        "needs": one_or_all(needs) if needs else None,
    }
    lines = [f"# {line}".rstrip() for line in whole.story.split("\n")]
    lines += [f"{key}: {flow(value)}" for key, value in head.items() if value]
    if whole.way:
        lines += ["path:", *_steps(whole.way, False, "  ")]
    lines += ["steps:", *_steps(whole.steps, named, "  ")]
    lines += ["expect:", *_keys(_expectation(expect), named, "  ", expect.remarks)]
    return "\n".join(lines) + "\n"


def _keys(
    values: Said, named: bool, indent: str, remarks: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Keys and values: one line each, or several where a value is too long or has steps."""
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


def _pair(item: tuple[str, object]) -> str:
    """A key with its value; alone, where it has none."""
    key, value = item
    return key if value is None else f"{key}: {flow(value)}"


def _fits(key: str, value: Said, indent: str) -> bool:
    """True if a mapping fits on one line: it has no steps, and is short enough."""
    has_steps = any(isinstance(inner, tuple) for inner in value.values())
    return not has_steps and len(f"{indent}{key}: {flow(value)}") <= WIDTH


def _steps(steps: Sequence[AnyStep], named: bool, indent: str) -> Iterator[str]:
    """Steps, one key per line; a comment too long to stand beside its step goes above it."""
    for step in steps:
        first, *more = map(_pair, said(step, named).items())
        first = f"{indent}- {first}"
        if step.comment and len(first) + len(step.comment) + 3 <= WIDTH + 2:
            first += f" # {step.comment}"
        elif step.comment:
            yield from (f"{indent}# {part}" for part in textwrap.wrap(step.comment, WIDTH - 8))
        yield first
        yield from (f"{indent}  {line}" for line in more)


def _has_names(scenario: Scenario) -> bool:
    """True if the names of faults must be written: one is used, or was not given by the loader."""
    expect = scenario.expect
    steps = (*scenario.steps, *expect.heal, *(expect.ends.then if expect.ends else ()))
    given = [
        not step.name.removeprefix(f"{step.kind}-").isdecimal()
        for step in steps
        if isinstance(step, FaultStep)
    ]
    return names_needed(steps) or any(expect.dropped) or any(given)


def _expectation(expect: Expectation) -> Said:
    """The expectation as plain data, except for steps, which are tuples."""
    values: Said = {
        "pair": pair(expect.claim),
        "of": expect.of,
        "hold": seconds(expect.hold) if expect.hold != DEFAULT_HOLD else None,
        "within": None if expect.within is None else seconds(expect.within),
        "dropped": _dropped(expect.dropped),
        "rows": {str(side): _row(look) for side, look in expect.rows.items()},
        "sockets": _sockets(expect.sockets),
        "info": _counts(expect.info),
        "reads": {str(side): _few(words) for side, words in expect.reads.items()},
        "counters": _counts(expect.counters),
        "path": {str(side): [*map(str, states)] for side, states in expect.path.items()},
        "tracked": dict(expect.tracked),
        "program": None if expect.program is None else _exit(expect.program),
        "cause": expect.cause,
        "heal": expect.heal,
    }
    if expect.healed:
        values["healed"] = pair(expect.healed.claim)
        if expect.healed.counters:
            values["healed"]["counters"] = _counts(expect.healed.counters)
        if expect.healed.program:
            values["healed"]["program"] = _exit(expect.healed.program)
    if expect.ends:
        values["ends"] = _ending(expect.ends)
    return {key: value for key, value in values.items() if value not in (None, "", {}, ())}


def _exit(program: Exit) -> Said:
    code = program.code
    if code is None:
        values: Said = {"exits": NEVER}
    else:
        values = {"exits": code if code >= 0 else signal.Signals(-code).name}
    if program.at is not None:
        values["at"] = str(program.at)
    if program.within != PATIENCE:
        values["within"] = seconds(program.within)
    if program.takes is not None:
        values["takes"] = _number(program.takes)
    return values | ({"says": program.says} if program.says else {})


def _few(words: Sequence[str]) -> str | list[str]:
    """One word as it is, several as a list."""
    return words[0] if len(words) == 1 else [*words]


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


def _sockets(counts: Mapping[Side, Mapping[State, Range]]) -> Said:
    return {
        side: "none" if counts[Side(side)] == NO_LEAK else numbers
        for side, numbers in _counts(counts).items()
    }


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
    """A text of digits as a number, so that YAML does not quote it."""
    digits = isinstance(value, str) and value.isdecimal() and str(int(value)) == value
    return int(str(value)) if digits else value


def flow(value: object) -> str:
    """One value as YAML on one line."""
    written: str = yaml.dump(
        value,
        Dumper=DUMPER,
        default_flow_style=True,
        sort_keys=False,
        width=ENDLESS,
        allow_unicode=True,
    )
    return written.removesuffix("...\n").rstrip("\n")


def pair(claim: ExpectedPair) -> Said:
    """A pair of states, as `pair:` and `healed:` have it."""
    return {str(side): _states(claim.states(side)) for side in Side}


def names_needed(steps: Sequence[AnyStep]) -> bool:
    """True if a later step refers to a fault by its name. Then all faults are named, as a name
    that the loader gives to another could be the same.
    """
    return any(isinstance(step, Remove) and step.name is not None for step in steps)


def said(step: AnyStep, named: bool = True) -> Said:
    """One step as data; with `named`, faults have their names."""
    match step:
        case Do():
            return _do(step)
        case HopStep():
            return {step.kind: _fault(step, False) or None}
        case FaultStep():
            return {step.kind: _fault(step, named)}
        case HopOrder():
            takes = ORDERS[step.word].takes
            values = fields(takes.fields, {"hop": step.hop, **step.values})
            return {step.word: step.hop if takes.short and not step.values else values}
        case Remove():
            return {"remove": step.name or "all"}
        case Reach():
            return {"reach": _reach(step)}
        case _:
            assert_never(step)


def line(step: AnyStep) -> str:
    """A step on one line for people, the same however its file is formatted."""
    return _line(said(step, named=False))


def played(step: AnyStep, family: Family, at: float, result: str) -> evidence.PlayedStep:
    """The record of a step: its data, when it was done (`at`, seconds on the lab's clock), and
    its result.
    """
    written = said(step, named=False)
    if not isinstance(step, Do):
        ((kind, value),) = written.items()
        side = step.where[0] if isinstance(step, FaultStep) and len(step.where) == 1 else None
        of = step.of if isinstance(step, Reach) else LAST
        return evidence.PlayedStep(at, step.line, _line(written), kind, side, value, of, "", result)
    what = written[str(step.side)]
    ((kind, value),) = what.items() if isinstance(what, dict) else ((what, None),)
    fails = step.fails.get(family, "")
    return evidence.PlayedStep(
        at, step.line, _line(written), kind, step.side, value, step.of, fails, result
    )


def _line(step: Said) -> str:
    return ", ".join(map(_pair, step.items()))


def _entry(step: Said) -> str:
    """A step as a file has it: a single key needs no braces."""
    return _line(step) if len(step) == 1 else flow(step)


def _do(step: Do) -> Said:
    takes, word = ACTIONS[step.action].takes, step.action
    if isinstance(takes, MapOf):
        what: object = {word: {name: _plain(v) for name, v in step.arguments.items()}}
    else:
        arguments = fields(takes.fields, step.arguments)
        what = {word: arguments} if arguments else word
        if [*arguments] == [takes.short]:
            what = {word: arguments[takes.short]}
    told: Said = {str(step.side): what}
    if step.fails:
        same = len(set(step.fails.values())) == 1 and len(step.fails) == len(Family)
        errors = {str(f).lower(): step.fails[f] for f in Family if f in step.fails}
        told["fails"] = next(iter(step.fails.values())) if same else errors
    if step.of:
        told["of"] = step.of
    return told


def _fault(step: FaultStep, named: bool) -> object:
    kind = kind_of(step)
    values: Any = kind.written(step)
    if named:
        return {**values, "as": step.name}
    return values[kind.takes.short] if [*values] == [kind.takes.short] else values


def _reach(step: Reach) -> Said:
    told = pair(step.claim)
    if step.hold:
        told["hold"] = seconds(step.hold)
    if step.within is not None:
        told["within"] = seconds(step.within)
    if step.of:
        told["of"] = step.of
    return told | ({"tracked": dict(step.tracked)} if step.tracked else {})


def _states(states: Sequence[State]) -> Any:
    return one_or_all([str(state) for state in states])
