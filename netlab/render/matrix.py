# SPDX-License-Identifier: GPL-2.0-or-later
"""Many kernels side by side, as text: a row for each thing, a column for each kernel.

Where there are more kernels than columns fit, the table goes on below with the rest of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from netlab.render.style import OUTCOME_COLOURS, Style

Kind = Literal["pass", "fail", "error", "skip", "value", "absent"]
GAP = 2  # columns between two cells
NAME = 44  # columns that the first column may have, where others need them
NARROWEST = 24
TEXT = 16  # columns of the longest cell that is printed whole


@dataclass(frozen=True, slots=True)
class Mark:
    """One cell: what a kernel did."""

    text: str
    kind: Kind = "value"
    news: bool = False  # the kernel to the left did something else
    told: tuple[str, ...] = ()  # what is otherwise, and why
    anchor: str = ""  # of the sentence on the page that tells what is otherwise
    bars: tuple[float, ...] = ()  # seconds at which a timer sent
    after: float | None = None  # seconds after which it was over


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario, timer or setting on all kernels."""

    name: str
    marks: tuple[Mark, ...]
    about: str = ""

    @property
    def differs(self) -> bool:
        """Whether any kernel did something else than its neighbour."""
        return any(mark.news for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Column:
    """One kernel."""

    label: str  # short, and no other kernel's
    title: str  # its release, its clock, ...
    error: str = ""  # why its column is empty, or not whole
    console: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """One table."""

    title: str  # scenarios
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def matrix(grid: Grid, width: int, style: Style, every: bool = False) -> str:
    """The rows that are not the same on all kernels, or every row; and how many are the same."""
    rows = [row for row in grid.rows if every or row.differs]
    same = sum(not row.differs for row in grid.rows)
    lines = []
    if rows:
        name = min(max(len(row.name) for row in rows), max(NARROWEST, min(NAME, width // 3)))
        widths = [
            max(len(column.label), *(min(len(row.marks[place].text), TEXT) for row in rows))
            for place, column in enumerate(grid.columns)
        ]
        for block in _blocks(widths, width - name):
            lines += [*_table(grid, rows, block, name, widths, style), ""]
    if same and not every:
        said = "1 is" if same == 1 else f"{same} are"
        lines.append(style(f"{said} the same wherever they were compared", "dim"))
    title = style(grid.title, "bold")
    return "\n".join([title, *lines]).rstrip()


def _blocks(widths: Sequence[int], room: int) -> Iterator[range]:
    """Which columns stand side by side: as many as there is room for, and one at least."""
    first, used = 0, 0
    for place, width in enumerate(widths):
        if place > first and used + width + GAP > room:
            yield range(first, place)
            first, used = place, 0
        used += width + GAP
    yield range(first, len(widths))


def _table(
    grid: Grid, rows: Sequence[Row], block: range, name: int, widths: Sequence[int], style: Style
) -> Iterator[str]:
    heads = (" " * GAP + grid.columns[place].label.rjust(widths[place]) for place in block)
    yield style(" " * name + "".join(heads), "dim")
    for row in rows:
        cells = (_cell(row.marks[place], widths[place], style) for place in block)
        yield cut(row.name, name).ljust(name) + "".join(cells)


def _cell(mark: Mark, width: int, style: Style) -> str:
    text = cut(mark.text, TEXT).rjust(width + GAP)
    if mark.news:
        return style(text, "yellow", "bold")
    return style(text, OUTCOME_COLOURS[mark.kind]) if mark.kind in OUTCOME_COLOURS else text


def cut(text: str, width: int) -> str:
    """The text, or its beginning with a sign that it goes on."""
    return text if len(text) <= width else text[: width - 1] + "…"


def problems(columns: Sequence[Column], style: Style) -> list[str]:
    """The kernels that could not be played on, or not to the end, and what they said last."""
    lines = []
    for column in columns:
        if column.error:
            lines.append(f"{style('ERROR', 'yellow')} {column.label}: {column.error}")
            lines += [style(f"    {line}", "dim") for line in column.console]
    return lines
