# SPDX-License-Identifier: GPL-2.0-or-later
"""The atlas' page: of every pair its evidence, and what all rooms know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netlab.atlas import held
from netlab.atlas.recorded import RecordedCell
from netlab.diagnosis.rank import diagnose
from netlab.glossary import states
from netlab.model.evidence import FaultRecord
from netlab.model.tcp import State
from netlab.model.vocabulary import Pair
from netlab.render import atlas_page, grid
from netlab.render.atlas_page import PairChapter
from netlab.render.findings import findings
from netlab.render.style import Style
from netlab.snapshot import parse

WIDTH = 84  # columns of a diagnosis


def page(recorded: Sequence[RecordedCell], version: str, home: str = "") -> str:
    """The whole page. `recorded`: every pair of the grid, row by row. `home`: where its first line
    leads, if anywhere.
    """
    kernels = dict.fromkeys(each.run.kernel for each in recorded if each.run)
    return atlas_page.page([*map(chapter, recorded)], version, " and ".join(kernels), home)


def chapter(recorded: RecordedCell) -> PairChapter:
    """Everything about one pair, in words."""
    cell, run = recorded.cell, recorded.run
    pair = Pair(State[cell.client], State[cell.server])
    sign = grid.mark(cell)
    if not cell.reachable:
        return PairChapter(cell.client, cell.server, sign, f"It cannot be: {cell.why}.")
    scenario = states.cell_of(pair)
    return PairChapter(
        cell.client,
        cell.server,
        sign,
        _sentence(states.story(scenario, pair)),
        tuple(fact for fact in _facts(pair, recorded) if fact[1]),
        tuple((_where(fault), fault.rules.rstrip()) for fault in run.faults) if run else (),
        tuple(recorded.listings.items()),
        _diagnosis(recorded.listings),
        f"netlab atlas {pair}",
        tuple(atlas_page.steps(run)) if run else (),
        scenario.expect.healed is not None,
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _where(fault: FaultRecord) -> str:
    return (
        f"{fault.name} {fault.does}: {fault.counted}"
        if fault.counts
        else f"{fault.name} {fault.does}"
    )


def _facts(pair: Pair, recorded: RecordedCell) -> Iterator[tuple[str, str]]:
    scenario = states.cell_of(pair)
    yield "what is done to packets", _sentence("; ".join(states.rules(scenario)) or "nothing")
    if run := recorded.run:
        yield "held", f"{run.held_s:.1f} s on kernel {run.kernel}, in {run.samples} samples"
    yield "held also on", ", ".join(held.holding(str(pair)))
    healed = scenario.expect.healed
    yield "and then", f"it becomes {healed.claim}" if healed else scenario.expect.cause
    for side, said in states.lasting(pair):
        yield f"the {side} lasts", said or "it is not there"


def _diagnosis(listings: Mapping[str, str]) -> str:
    """What netlab diagnose says of both ends' listings."""
    looks = [look for side, text in listings.items() for look in parse.read(text, side)]
    return findings(diagnose(looks), Style(False), WIDTH) if looks else ""
