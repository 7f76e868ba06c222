# SPDX-License-Identifier: GPL-2.0-or-later
"""The atlas on the kernel: every reachable pair, at both hooks; and what the model allows."""

from __future__ import annotations

import pytest

from netlab.atlas import cells, grid, recorded, store
from netlab.atlas.compose import name_of
from netlab.atlas.recorded import RecordedCell
from netlab.model.evidence import Cell
from netlab.model.tcp import State, both_named, ss_name
from netlab.model.vocabulary import Family, Pair
from netlab.render import atlas_page
from netlab.scenario import runner

from . import played
from .tools import program


@pytest.fixture
def atlas(netlab_family: Family) -> list[Cell]:
    return played.atlas(netlab_family).cells


def test_every_reachable_pair_is_frozen_and_held(atlas: list[Cell]) -> None:
    missing = {cell.pair: cell.problem for cell in atlas if cell.reachable and not cell.frozen}
    assert missing == {}
    assert sum(cell.frozen for cell in atlas) == 79
    assert min(cell.held_s for cell in atlas if cell.frozen) >= 1.0


def test_model_and_kernel_agree(atlas: list[Cell]) -> None:
    assert grid.disagreements(atlas) == []


#: A SYN-ACK that the own firewall refuses ends its request after a second: fact 1 of what Linux
#: does (reqsk_timer_handler), and the only two pairs in which it matters.
REQUESTS = {
    str(pair): f"{name_of(pair)}{grid.AT_THE_SENDER}"
    for pair in (Pair(State.CLOSED, State.SYN_RECV), Pair(State.SYN_SENT, State.SYN_RECV))
}


def test_a_firewall_at_the_sender_freezes_all_but_requests(
    atlas: list[Cell], netlab_family: Family
) -> None:
    lost = {cell.pair for cell in atlas if cell.frozen_at_sender is False}
    assert lost <= REQUESTS.keys()
    # Until the next SYN makes another request there are milliseconds, and a busy machine may not
    # look in them.
    scenarios = {each.name: each for each in grid.scenarios()}
    for pair in REQUESTS.keys() - lost:
        options, alone = runner.Options(netlab_family), scenarios[REQUESTS[pair]]
        assert any(runner.play(alone, options).outcome == "fail" for _ in range(3)), pair


def test_the_grid_is_whole() -> None:
    assert len(store.pairs()) == 110
    assert len(cells.scenarios()) == 79


# --- with its evidence


SHOWN = ("SYN_SENT/SYN_RECV", "FIN_WAIT1/CLOSE_WAIT")


def happened(each: RecordedCell) -> set[tuple[str, str]]:
    """Which packets there are, and what becomes of them, however often."""
    assert each.run
    steps = atlas_page.steps(each.run)
    return {(step.text.partition(",")[0], step.fate) for step in steps if step.kind == "packet"}


def test_what_comes_with_netlab_is_what_this_kernel_shows() -> None:
    program("ss")
    recorder = recorded.CellRecorder()
    chosen = [
        each
        for each in cells.scenarios()
        if each.name in {name_of(Pair(*both_named(pair))) for pair in SHOWN}
    ]
    drawn = grid.play(chosen, recorder.options(Family.IPV4), finished=recorder.finished)
    stored = {each.cell.pair: each for each in recorded.read()}
    for each in recorder.cells(drawn):
        if each.cell.pair in SHOWN:
            old = stored[each.cell.pair]
            assert happened(each) == happened(old)
            states = [state for state in State if f"{ss_name(state)} " in each.listings["client"]]
            assert states == [State[each.cell.client]]
            assert f"{ss_name(State[each.cell.server])} " in each.listings["server"]
