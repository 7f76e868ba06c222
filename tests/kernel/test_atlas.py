# SPDX-License-Identifier: GPL-2.0-or-later
"""The atlas on the kernel: every reachable pair, at both hooks; and what the model allows."""

from __future__ import annotations

import pytest

from netlab.atlas import cells, grid, store
from netlab.model.evidence import Cell
from netlab.model.vocabulary import Family

from . import played


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


def test_a_firewall_at_the_sender_freezes_all_but_requests(atlas: list[Cell]) -> None:
    # A SYN-ACK that the own firewall refuses ends its request after a second: fact 1 of what
    # Linux does (reqsk_timer_handler), and the only two pairs in which it matters.
    lost = {cell.pair for cell in atlas if cell.frozen_at_sender is False}
    assert lost == {"CLOSED/SYN_RECV", "SYN_SENT/SYN_RECV"}


def test_the_grid_is_whole() -> None:
    assert len(store.pairs()) == 110
    assert len(cells.scenarios()) == 79
