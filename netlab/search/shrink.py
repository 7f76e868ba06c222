# SPDX-License-Identifier: GPL-2.0-or-later
"""From many packets to the fewest with which it still fails: Zeller's and Hildebrandt's ddmin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def fewest(parts: Sequence[T], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """A part of `parts`, in their order, that fails, and none of whose members can be left out.

    `fails` is asked about parts, each once, and never about the whole.
    """
    known: dict[tuple[T, ...], bool] = {tuple(parts): True}

    def still_fails(some: tuple[T, ...]) -> bool:
        if some not in known:
            known[some] = fails(some)
        return known[some]

    left, grain = tuple(parts), 2
    while len(left) > 1:
        size = -(-len(left) // grain)
        chunks = [left[start : start + size] for start in range(0, len(left), size)]
        rests = [tuple(each for each in left if each not in chunk) for chunk in chunks]
        smaller = next((some for some in (*chunks, *rests) if some and still_fails(some)), None)
        if smaller is not None:
            grain = 2 if len(smaller) <= size else max(grain - 1, 2)
            left = smaller
        elif size == 1:
            break
        else:
            grain = min(2 * grain, len(left))
    return left
