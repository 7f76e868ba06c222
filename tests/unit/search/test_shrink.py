# SPDX-License-Identifier: GPL-2.0-or-later
"""What is left when what need not be there is taken away."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.search.shrink import fewest


def left(parts: Collection[int], needed: Collection[int]) -> tuple[tuple[int, ...], int]:
    """What is left of parts of which these are needed, and how often was asked."""
    asked: list[tuple[int, ...]] = []

    def fails(some: tuple[int, ...]) -> bool:
        asked.append(some)
        return {*needed} <= {*some}

    found = fewest(tuple(parts), fails)
    assert len(asked) == len({*asked})
    return found, len(asked)


@pytest.mark.parametrize("needed", [{0}, {7}, {3, 4}, {0, 7}, {1, 4, 6}, {*range(8)}])
def test_exactly_what_is_needed_is_left(needed: set[int]) -> None:
    found, asked = left(range(8), needed)
    assert found == tuple(sorted(needed))
    assert asked <= 8 * 8


def test_one_of_many_is_found_by_halving() -> None:
    assert left(range(64), {41}) == ((41,), left(range(64), {41})[1])
    assert left(range(64), {41})[1] <= 2 * 6


def test_of_one_nothing_is_asked() -> None:
    assert left([5], {5}) == ((5,), 0)


@given(st.sets(st.integers(0, 15), min_size=1), st.data())
def test_whatever_is_needed_no_part_can_be_left_out(parts: set[int], data: st.DataObject) -> None:
    needed = data.draw(st.sets(st.sampled_from(sorted(parts)), min_size=1))
    assert left(sorted(parts), needed)[0] == tuple(sorted(needed))
