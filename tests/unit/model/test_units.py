# SPDX-License-Identifier: GPL-2.0-or-later
"""Durations are written in one way, in files and in options."""

from __future__ import annotations

import pytest

from netlab.model.units import duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2", 2), ("1.5s", 1.5), ("300ms", 0.3), ("2min", 120), ("1.5 h", 5400), ("1d", 86400)],
)
def test_a_duration_has_its_unit_behind_it(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1m", "1us", "2w", "1h30min", "9" * 400])
def test_what_is_none_is_refused_with_what_it_may_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"a duration such as 1\.2s, 300ms, 2min or 1h"):
        duration(text)
