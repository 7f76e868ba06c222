# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario in another format is played and recorded as the original is, and so nothing differs
that is made of its record (`tests/unit/scenario/test_formats.py`): ladders, state diagrams,
baselines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netlab.kernels.compare.behaviour import Play, behaviour
from netlab.model.evidence import Evidence
from netlab.model.kernel_run import KernelRun, Machine
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, loader, runner
from tests.unit.scenario.formats import turned

#: Faults, errors by family, steps that heal, sysctls, names; and nothing that a timer decides, but
#: for SYNs a second apart.
PATHS = [
    catalogue.one(name).path
    for name in ("syn-dropped", "port-is-reused", "syn-rejected-with-admin-prohibited")
]


def played(family: Family) -> Iterator[tuple[Evidence, Evidence]]:
    """What came of each file as it is, and of the same in the other format."""
    texts = [
        (path, text) for path in PATHS for text in (path.read_text(), turned(path.read_text()))
    ]
    scenarios = [loader.parse(text, path).variants()[0] for path, text in texts]
    runs = dict(runner.play_all(scenarios, runner.Options(family, record=True)))
    for number in range(0, len(scenarios), 2):
        yield runs[number], runs[number + 1]


def at_times_of(one: Evidence, other: Evidence) -> Evidence:
    """The other's, as if it had been in the same lines, at the same times, to as many packets."""
    steps = [
        replace(step, at=mine.at, line=mine.line)
        for mine, step in zip(one.steps, other.steps, strict=True)
    ]
    faults = [
        replace(
            fault, packets=mine.packets, bytes=mine.bytes, installed=mine.installed,
            removed=mine.removed,
        )
        for mine, fault in zip(one.faults, other.faults, strict=True)
    ]  # fmt: skip
    return replace(other, steps=tuple(steps), faults=tuple(faults))


def facts(run: Evidence) -> dict[str, Play]:
    machine = Machine("host", "6.18", "", "x86_64", 250)
    return behaviour(KernelRun(machine, (run,), done=True)).scenarios


def test_a_scenario_in_another_format_is_recorded_and_compared_alike(netlab_family: Family) -> None:
    for before, after in played(netlab_family):
        assert (before.outcome, after.outcome) == ("pass", "pass"), (before, after)
        assert [step.line for step in after.steps] != [step.line for step in before.steps]
        alike = at_times_of(before, after)
        assert (alike.steps, alike.faults) == (before.steps, before.faults)
        assert facts(after) == facts(before)
