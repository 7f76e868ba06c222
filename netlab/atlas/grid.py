# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the atlas: for each pair, the model's prediction and what this kernel did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from netlab.atlas import cells, store
from netlab.atlas.compose import name_of
from netlab.model.evidence import Cell, Evidence
from netlab.model.tcp import why_unreachable
from netlab.model.vocabulary import Pair
from netlab.scenario import runner
from netlab.scenario.model import Scenario

AT_THE_SENDER = "-at-the-sender"  # how the name of a cell's twin ends


def scenarios() -> list[Scenario]:
    """Every cell, with loss at the receiver and with a firewall at the sender."""
    receiver = cells.scenarios()
    return [*receiver, *(twin for each in receiver if (twin := cells.at_the_sender(each)))]


def play(
    played: Sequence[Scenario],
    options: runner.Options,
    meanwhile: Callable[[], None] = lambda: None,
    finished: Callable[[Evidence], None] = lambda evidence: None,
    complete: Callable[[Cell], None] = lambda cell: None,
) -> list[Cell]:
    """Play them side by side and return the grid. `finished` is called with the evidence of each
    run, and `complete` with each cell, as `cell_by_cell` has them.
    """
    grid: dict[str, Cell] = {}
    for cell in cell_by_cell(played, options, meanwhile, finished):
        complete(cell)
        grid[cell.pair] = cell
    return [grid[str(pair)] for pair in store.pairs()]


def cell_by_cell(
    played: Sequence[Scenario],
    options: runner.Options,
    meanwhile: Callable[[], None] = lambda: None,
    finished: Callable[[Evidence], None] = lambda evidence: None,
) -> Iterator[Cell]:
    """Play them side by side and yield each cell once all of its runs are over: first the cells
    that are not played at all.
    """
    scenarios = {scenario.name: scenario for scenario in played}
    runs: dict[str, Evidence] = {}
    waiting = {pair: _names(pair) & scenarios.keys() for pair in store.pairs()}
    yield from draw(scenarios, runs, [pair for pair, names in waiting.items() if not names])
    for _, evidence in runner.play_all(played, options, meanwhile):
        runs[evidence.scenario] = evidence
        finished(evidence)
        over = [
            pair
            for pair, names in waiting.items()
            if evidence.scenario in names and names <= runs.keys()
        ]
        yield from draw(scenarios, runs, over)


def draw(
    scenarios: dict[str, Scenario], runs: dict[str, Evidence], pairs: Sequence[Pair] | None = None
) -> list[Cell]:
    """The grid, or only these pairs of it, with the model's predictions and the runs' results."""
    reachable = store.reachable()
    wanted = store.pairs() if pairs is None else pairs
    return [_cell(pair, str(pair) in reachable, scenarios, runs) for pair in wanted]


def _names(pair: Pair) -> set[str]:
    return {name_of(pair), name_of(pair) + AT_THE_SENDER}


def _cell(
    pair: Pair, reachable: bool, scenarios: dict[str, Scenario], runs: dict[str, Evidence]
) -> Cell:
    why = why_unreachable(pair.client, pair.server) or ""
    cell = Cell(str(pair.client), str(pair.server), reachable, why)
    scenario = scenarios.get(name_of(pair))
    if scenario is None:
        return cell
    run = runs.get(scenario.name)
    twin = runs.get(scenario.name + AT_THE_SENDER)
    return dataclasses.replace(
        cell,
        scenario=scenario.name,
        crossing=not cells.is_constant(scenario),
        frozen=run is not None and run.outcome == "pass",
        frozen_at_sender=None if twin is None else twin.outcome == "pass",
        outcome=run.outcome if run else None,
        held_s=run.held_s if run else 0.0,
        problem=_problem(run),
    )


def _problem(run: Evidence | None) -> str:
    if run is None or run.outcome == "pass":
        return ""
    return run.failure.summary if run.failure else run.reason


def disagreements(grid: Sequence[Cell]) -> list[str]:
    """The cells where the model and the kernel disagree, which is an error of one of them."""
    found = []
    for cell in grid:
        if cell.frozen and not cell.reachable:
            found.append(f"{cell.pair} was frozen, but is not reachable in the model")
        if cell.reachable and cell.why:
            found.append(f"{cell.pair} is reachable in the model, but an invariant forbids it")
        if not cell.reachable and not cell.why:
            found.append(f"{cell.pair} is not reachable in the model, but no invariant forbids it")
    return found
