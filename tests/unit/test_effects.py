# SPDX-License-Identifier: GPL-2.0-or-later
"""What a wire does to packets, without a wire: times are what they are asked to be, to the bit."""

from __future__ import annotations

import pytest

from netlab.programs.effects import EFFECTS, Corrupt, Crossing, Delay, Rate, WireEffect
from netlab.programs.pump import chooser

FRAME = bytes(range(250)) * 4  # a thousand bytes


def arrivals(*effects: WireEffect, count: int = 3) -> list[float]:
    """When so many frames arrive that are sent at once, in milliseconds; those that do."""
    acts = [each.act(chooser(0, n), each.numbers) for n, each in enumerate(effects)]
    found = []
    for number in range(count):
        crossing = Crossing(FRAME, (number,), 0.0)
        for act in acts:
            if not crossing.lost:
                act(crossing)
        if not crossing.lost:
            found.append(crossing.due * 1000)
    return found


def test_a_rate_spaces_what_comes_at_once() -> None:
    assert arrivals(Rate("8mbit")) == pytest.approx([1, 2, 3])


def test_of_two_rates_the_lower_one_is_kept() -> None:
    assert arrivals(Rate("8mbit"), Rate("16mbit")) == pytest.approx([1.5, 2.5, 3.5])
    assert arrivals(Rate("16mbit"), Rate("8mbit")) == pytest.approx([1.5, 2.5, 3.5])


def test_a_delay_does_not_space_them() -> None:
    assert arrivals(Rate("8mbit"), Delay("40ms")) == pytest.approx([41, 42, 43])


def test_a_queue_loses_what_finds_it_full() -> None:
    assert arrivals(Rate("8mbit", "3kB"), count=10) == pytest.approx([1, 2, 3, 4])


@pytest.mark.parametrize("share", [0.001, 0.5, 1.0])
def test_one_bit_is_wrong_and_never_in_the_first_header(share: float) -> None:
    act = Corrupt(share).act(chooser(0, 0), Corrupt(share).numbers)
    places = set()
    for number in range(3000):
        crossing = Crossing(FRAME, (number,), 0.0)
        if act(crossing):
            (at,) = [n for n in range(len(FRAME)) if FRAME[n] != crossing.frame[n]]
            assert (FRAME[at] ^ crossing.frame[at]).bit_count() == 1
            places.add(at)
    assert min(places) >= 14
    assert max(places) < len(FRAME)
    if share > 0.1:
        assert len(places) > 500


@pytest.mark.parametrize("word", [word for word in EFFECTS if word not in ("delay", "rate")])
def test_a_share_of_none_does_nothing_and_of_all_everything(word: str) -> None:
    for share, met in ((0, False), (1, True)):
        effect = EFFECTS[word](share)  # type: ignore[call-arg]
        act = effect.act(chooser(0, 0), effect.numbers)
        assert {act(Crossing(FRAME, (number,), 0.0)) for number in range(100)} == {met}


@pytest.mark.parametrize(
    ("effect", "why"),
    [
        (Delay("4h"), "delay: expected 0 to 60 seconds, such as 40ms; found '4h'"),
        (Delay("", ""), "delay: expected 0 to 60 seconds, such as 40ms; found ''"),
        (Delay("1ms", ""), "jitter: expected 0 to 60 seconds, such as 40ms; found ''"),
        (Rate("2mbit", "0kB"), "queue: expected a number of bytes, such as 64kB; found '0kB'"),
    ],
)
def test_what_cannot_be_read_is_named(effect: WireEffect, why: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        _ = effect.numbers
    assert str(refused.value) == why
