# SPDX-License-Identifier: GPL-2.0-or-later
"""Columns of a snapshot: one value where all sockets have the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netlab.snapshot.columns import column


@given(st.lists(st.integers(0, 1 << 40), min_size=1, max_size=5))
def test_a_column_is_one_value_where_all_are_the_same(values: list[int]) -> None:
    assert column(values) == (values[0] if len({*values}) == 1 else values)
