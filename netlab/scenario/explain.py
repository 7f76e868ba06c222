# SPDX-License-Identifier: GPL-2.0-or-later
"""Explains a scenario to a person: the commands that do the same by hand on two machines, or the
code of a story.
"""

from __future__ import annotations

import ast
import math
import textwrap
from collections.abc import Iterator, Mapping
from typing import assert_never

from netlab.model.vocabulary import Family, Side
from netlab.scenario.model import (
    AnyStep,
    Do,
    FaultStep,
    HopOrder,
    Reach,
    Remove,
    Scenario,
    WireStep,
    in_force,
)
from netlab.scenario.steps import ACTIONS, kind_of, wire
from netlab.scenario.steps.fault import Command
from netlab.scenario.steps.hops import ORDERS


def by_hand(scenario: Scenario, family: Family) -> Iterator[tuple[AnyStep, list[Command]]]:
    """Each hop and each step with the commands that do it."""
    done: list[AnyStep] = []
    for step in scenario.prepared:
        yield step, list(_commands(step, family, done))
        done.append(step)


def _commands(step: AnyStep, family: Family, done: list[AnyStep]) -> Iterator[Command]:
    match step:
        case Do():
            yield Command(step.side, ACTIONS[step.action].by_hand(step, family))
        case WireStep():
            yield from wire.added(step, _wires(in_force(done)))
        case FaultStep():
            yield from kind_of(step).by_hand(step, family)
        case HopOrder():
            yield Command(step.hop, ORDERS[step.word].by_hand(step))
        case Remove():
            before, after = in_force(done), in_force([*done, step])
            gone = {name: past for name, past in before.items() if name not in after}
            for past in gone.values():
                if not isinstance(past, WireStep):
                    yield from kind_of(past).undo(past, family)
            yield from wire.removed(_wires(gone), _wires(after))
        case Reach():
            for side in Side:
                states = step.claim.written(side)
                yield Command(side, f"ss -tan  # until it shows {states}")
            for hop, entry in step.tracked.items():
                yield Command(hop, f"conntrack -L  # until it shows {entry}")
        case _:
            assert_never(step)


def _wires(faults: Mapping[str, FaultStep]) -> list[WireStep]:
    return [step for step in faults.values() if isinstance(step, WireStep)]


# --- stories


def listing(scenario: Scenario, since: int = 0, until: float = math.inf) -> list[tuple[int, str]]:
    """The numbered body lines of a story, dedented, without its head and docstring.

    `since` and `until` are the first and the last line number, not times in seconds.
    """
    code = scenario.code
    if code is None:
        return []
    tree = ast.parse(code.text)
    function = next(
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == code.function
    )
    docstring = function.body[0]
    first = max(since, (docstring.end_lineno or docstring.lineno) + 1)
    last = int(min(until, code.last))
    lines = code.text.splitlines()[first - 1 : last]
    return list(enumerate(textwrap.dedent("\n".join(lines)).splitlines(), first))
