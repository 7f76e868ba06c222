# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables fit where they are shown: what gives way, in which order, and what is never done."""

from __future__ import annotations

import pytest

from netlab.render.fitting import Columns, Giving, cut, fit, width_of
from netlab.render.style import Style

NATURAL = {"outcome": 7, "scenario": 30, "state": 11, "source": 40}
GIVING: tuple[Giving, ...] = (
    (("source",), 12),
    (("source",), 0),
    (("scenario",), 10),
    (("state",), 0),
)
WORDS = (
    "PASS",
    "a-scenario-with-a-long-name-an",
    "ESTABLISHED",
    "said somewhere at great length, ok",
)
PAINTED = [("PASS", "green"), (WORDS[1],), (WORDS[2],), (WORDS[3], "dim")]


def lines(room: int | None, colour: bool = False) -> list[str]:
    columns = Columns.of(NATURAL, GIVING, Style(colour), room)
    short = columns.row([("SKIP", "dim")], ("a reason that is quite long, and said in full", "dim"))
    return [*columns.head(), columns.row(PAINTED), short]


@pytest.mark.parametrize("colour", [False, True], ids=["plain", "coloured"])
def test_no_line_is_longer_than_its_terminal(colour: bool) -> None:
    for room in range(1, 130):
        longest = max(width_of(line) for line in lines(room, colour))
        assert longest <= room


def test_with_all_the_room_nothing_is_left_out() -> None:
    head, _, row, skip = lines(None)
    assert head.split() == [*NATURAL]
    assert all(word in row for word in WORDS)
    assert skip.endswith("  a reason that is quite long, and said in full")
    assert lines(None) == lines(200)


def test_what_matters_least_is_shortened_and_then_goes_and_only_then_a_name_is_shortened() -> None:
    assert fit(NATURAL, GIVING, 94) == NATURAL
    assert fit(NATURAL, GIVING, 80) == {**NATURAL, "source": 26}
    without = {"outcome": 7, "scenario": 30, "state": 11}
    assert fit(NATURAL, GIVING, 65) == without  # 12 would need 66
    assert fit(NATURAL, GIVING, 52) == without
    assert fit(NATURAL, GIVING, 40) == {**without, "scenario": 18}
    assert fit(NATURAL, GIVING, 31) == {"outcome": 7, "scenario": 22}  # the name has its room again
    assert fit(NATURAL, GIVING, 12) == {"outcome": 7}
    assert fit(NATURAL, GIVING, 3) == {"outcome": 3}


def test_columns_that_belong_together_go_together() -> None:
    pair: tuple[Giving, ...] = ((("a", "b"), 0),)
    assert fit({"x": 5, "a": 5, "b": 5}, pair, 18) == {"x": 5}


@pytest.mark.parametrize(
    ("text", "room", "left"),
    [
        ("fin-dropped", 11, "fin-dropped"),
        ("fin-dropped", 10, "fin-dropp…"),
        ("one two", 5, "one…"),  # no blank before it
        ("漢字漢字", 8, "漢字漢字"),
        ("漢字漢字", 7, "漢字漢…"),
        ("漢字漢字", 6, "漢字…"),  # half a letter is none
        ("cafe\u0301s", 5, "cafe\u0301s"),
        ("ab", 1, "…"),
        ("ab", 0, ""),
    ],
)
def test_a_text_is_cut_by_the_places_it_takes(text: str, room: int, left: str) -> None:
    assert cut(text, room) == left


def test_wide_letters_and_colours_keep_the_next_column_in_its_place() -> None:
    columns = Columns.of({"name": 8, "state": 6}, (), Style(True))
    plain, wide = columns.row([("abcd",), ("LISTEN",)]), columns.row([("漢字", "red"), ("LISTEN",)])
    assert width_of(plain[: plain.index("LISTEN")]) == width_of(wide[: wide.index("LISTEN")]) == 10
