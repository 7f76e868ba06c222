# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables that fit where they are shown: what matters least gives way, and no row takes two lines.

A table is its columns' headings, the natural width of each, and a list of what gives way, in order.
Where there is room for everything (a file, a pipe), the room is None, and nothing is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netlab.render.style import Style

GAP = 2  # between two columns
ELLIPSIS = "…"
COLOURS = re.compile(r"\033\[[0-9;]*m")

#: A text, and the colours it is painted in.
Cell = tuple[str, ...]
#: Headings, and the width that each of their columns is shortened to; 0: all are left out.
Giving = tuple[tuple[str, ...], int]


def width_of(text: str) -> int:
    """The columns of a terminal that a text takes: wide East Asian letters two, colours none."""
    return sum(map(_places, COLOURS.sub("", text)))


def _places(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, room: int) -> str:
    """The text, or as much of its beginning as fits into `room` columns with an ellipsis.

    Where there is only ASCII, the stream writes another sign (`netlab.render.letters`).
    """
    if width_of(text) <= room:
        return text
    left = room - width_of(ELLIPSIS)
    kept = ""
    for letter in text:
        left -= _places(letter)
        if left < 0:
            break
        kept += letter
    return (kept.rstrip() + ELLIPSIS)[:room]


def fit(natural: Mapping[str, int], giving: Sequence[Giving], room: int | None) -> dict[str, int]:
    """The width of each column that is shown, by its heading, so that a row fits into `room`.

    Columns left over at the end go back to what was shortened, the last one first.
    """
    widths = dict(natural)
    if room is None:
        return widths
    shortened: list[str] = []
    for names, least in giving:
        while least and _total(widths) > room:
            widest = max(names, key=lambda name: widths[name])
            if widths[widest] <= least:
                break
            widths[widest] -= 1
            shortened.append(widest)
        if not least and _total(widths) > room:
            for name in names:
                del widths[name]
    for name in reversed(shortened):
        if name in widths and _total(widths) < room:
            widths[name] += 1
    while _total(widths) > room and len(widths) > 1:
        del widths[list(widths)[-1]]
    if _total(widths) > room:
        widths = {name: max(1, room) for name in widths}
    return widths


def _total(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


@dataclass(frozen=True)
class Columns:
    """The columns of one table, and how its lines are written."""

    headings: tuple[str, ...]
    widths: Mapping[str, int]  # of those that are shown
    style: Style
    room: int | None = None
    right: frozenset[str] = frozenset()  # columns of numbers

    @classmethod
    def of(
        cls,
        natural: Mapping[str, int],
        giving: Sequence[Giving],
        style: Style,
        room: int | None = None,
        right: Sequence[str] = (),
    ) -> Columns:
        """Columns whose cells are at most as wide as in `natural`; headings always fit."""
        wanted = {name: max(size, width_of(name)) for name, size in natural.items()}
        widths = fit(wanted, giving, room)
        return cls(tuple(natural), widths, style, room, frozenset(right))

    def head(self) -> Iterator[str]:
        """The headings, and a line below them."""
        yield self.row([(heading,) for heading in self.headings])
        yield (" " * GAP).join("-" * self.widths[name] for name in self._shown())

    def row(self, cells: Sequence[Cell], rest: Cell = ("",)) -> str:
        """One line: a cell for each heading, shown or not. Where there are fewer, `rest` takes
        all the room that is left.
        """
        words = []
        for name, (text, *colours) in zip(self.headings, cells, strict=False):
            if name in self.widths:
                words.append(self._padded(name, text, colours))
        line = (" " * GAP).join(words)
        text, *colours = rest
        if self.room is not None:
            text = cut(text, max(0, self.room - width_of(line) - GAP))
        if text:
            line += " " * GAP + self.style(text, *colours)
        return line.rstrip()

    def _padded(self, name: str, text: str, colours: Sequence[str]) -> str:
        size = self.widths[name]
        if self.room is not None:
            text = cut(text, size)
        blanks = " " * (size - width_of(text))
        painted = self.style(text, *colours)
        return blanks + painted if name in self.right else painted + blanks

    def _shown(self) -> Iterator[str]:
        return (name for name in self.headings if name in self.widths)
