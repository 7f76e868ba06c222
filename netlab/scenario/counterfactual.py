# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes without a fault: the second proof from its other side.

A scenario that has passed is played again without each of its faults, and everything else stays the
same. If its pair comes and is held all the same, and its ends look as claimed, that fault is no
cause of it. What was counted meanwhile does not matter: a fault that changes only counters holds
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from netlab.model.evidence import Counterfactual, Evidence, Failure
from netlab.scenario import runner
from netlab.scenario.model import FaultStep, Scenario


def play_all(
    scenarios: Sequence[Scenario],
    options: runner.Options,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, Evidence]]:
    """Play all side by side, and then, side by side again, those that passed without each of their
    faults. Yield each one's index and evidence once both is done.

    The evidence has the counterfactuals, and is a failure where a fault was not needed. Raises as
    `runner.play_all` does.
    """
    passed: dict[int, Evidence] = {}
    for number, run in runner.play_all(scenarios, options, meanwhile):
        if faults(scenarios[number], run):
            passed[number] = run
        else:
            yield number, run
    left_out = [
        (number, name) for number, run in passed.items() for name in faults(scenarios[number], run)
    ]
    plays = [partial(without, scenarios[number], name, options) for number, name in left_out]
    found: dict[tuple[int, str], Evidence] = {}
    for index, run in runner.side_by_side(plays, runner.at_once(options, scenarios), meanwhile):
        found[left_out[index]] = run
        number, _ = left_out[index]
        mine = [each for each in left_out if each[0] == number]
        if found.keys() >= set(mine):
            runs = {name: found[number, name] for _, name in mine}
            yield number, judged(scenarios[number], passed[number], runs)


def faults(scenario: Scenario, run: Evidence) -> list[str]:
    """The faults that are claimed to be causes of a pair that was held: what a scenario has to
    prove. None if it did not pass, and none that came after the pair or that may drop nothing.
    """
    if run.outcome != "pass":
        return []
    return [
        fault.name
        for fault in run.faults
        if fault.while_held is not None and not scenario.expect.may_drop_nothing(fault.name)
    ]


def without(scenario: Scenario, fault: str, options: runner.Options) -> Evidence:
    """The run of a scenario until its pair is held, without this fault."""
    plain = runner.Options(options.family, options.hold, sysctls=options.sysctls, without=fault)
    return runner.play(scenario, plain)


def judged(scenario: Scenario, run: Evidence, runs: dict[str, Evidence]) -> Evidence:
    """The evidence of a run that passed, with those of the same scenario without each fault."""
    tried = tuple(_compared(run, name, other) for name, other in runs.items())
    run = replace(run, counterfactuals=tried)
    unknown = next((each for each in tried if each.needed is None), None)
    if unknown is not None:
        return replace(run, outcome="error", reason=f"without {unknown.fault}: {unknown.found}")
    needless = [each.fault for each in tried if each.needed is False]
    if not needless:
        return run
    it = "it" if len(needless) == 1 else "each of them"
    are = "is no cause" if len(needless) == 1 else "are no causes"
    summary = (
        f"{' and '.join(needless)} {are} of the pair: without {it}, {run.expected} is reached and "
        "held all the same"
    )
    return replace(run, outcome="fail", failure=Failure(summary, _line(scenario, needless[0])))


def _compared(run: Evidence, fault: str, other: Evidence) -> Counterfactual:
    """What came of a scenario without a fault, in words."""
    if other.outcome == "pass":
        said = f"{run.expected} was reached and held all the same"
        return Counterfactual(fault, False, said, other.observed)
    if other.failure is not None:
        return Counterfactual(fault, True, _what_failed(other.failure), other.observed)
    return Counterfactual(fault, None, other.reason)


def _what_failed(failure: Failure) -> str:
    if not failure.rows:
        return failure.summary
    wanted = "/".join(" or ".join(map(str, row.expected)) for row in failure.rows)
    sampled = "/".join(str(row.sampled) for row in failure.rows)
    return f"{wanted} was not {'held' if failure.reached else 'reached'} ({sampled})"


def _line(scenario: Scenario, fault: str) -> int:
    """The line of the fault; in a story, that of the pair."""
    faults = (step for step in scenario.prepared if isinstance(step, FaultStep))
    lines = (step.line for step in faults if step.name == fault)
    return next(lines, scenario.expect.line)
