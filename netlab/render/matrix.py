# SPDX-License-Identifier: GPL-2.0-or-later
"""Many kernels side by side, as text: a row for each thing, a column for each kernel.

Where not all kernels fit side by side, the table goes on below with the rest of them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from netlab.render.fitting import cut, width_of
from netlab.render.style import OUTCOME_COLOURS, Style

Kind = Literal["pass", "fail", "error", "skip", "value", "absent"]
GAP = 2  # columns between two cells
NAME = 44  # columns that the names may take, where kernels need the others
NARROWEST = 24
SHORTEST = 8  # and what they keep where one kernel alone needs the rest
TEXT = 16  # columns of the longest cell that is printed whole


@dataclass(frozen=True, slots=True)
class Mark:
    """One cell: what a kernel did."""

    text: str
    kind: Kind = "value"
    news: bool = False  # the kernel to the left did something else
    told: tuple[str, ...] = ()  # what differs, and why
    anchor: str = ""  # of the sentence on the page that states the difference
    bars: tuple[float, ...] = ()  # seconds at which a timer sent
    after: float | None = None  # seconds after which it was over


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One scenario, timer or setting on all kernels."""

    name: str
    marks: tuple[Mark, ...]
    about: str = ""

    @property
    def differs(self) -> bool:
        """True if any kernel did something else than its neighbour."""
        return any(mark.news for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Column:
    """One kernel."""

    label: str  # short and unique
    title: str  # its release, its clock, ...
    error: str = ""  # why its column is empty or incomplete
    console: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """One table."""

    title: str  # scenarios
    columns: tuple[Column, ...]
    rows: tuple[MatrixRow, ...]
    legend: str = ""  # what its signs mean


def matrix(grid: Grid, width: int | None, style: Style, every: bool = False) -> str:
    """The rows that differ between kernels, or every row; and the number that are the same.

    `width`: columns of the terminal; None: everything is printed whole, all kernels side by side.
    """
    rows = [row for row in grid.rows if every or row.differs]
    same = sum(not row.differs for row in grid.rows)
    lines = []
    if rows:
        name, widths = _sizes(grid, rows, width)
        room = name + sum(widths) + GAP * len(widths) if width is None else width
        for block in _blocks(widths, room - name):
            lines += [*_table(grid, rows, block, name, widths, style), ""]
        legend = textwrap.wrap(grid.legend, width) if width else [grid.legend]
        lines += [style(line, "dim") for line in legend if line]
    if same and not every:
        said = "1 is" if same == 1 else f"{same} are"
        lines.append(style(f"{said} the same wherever they were compared", "dim"))
    title = style(grid.title, "bold")
    return "\n".join([title, *lines]).rstrip()


def _sizes(grid: Grid, rows: Sequence[MatrixRow], width: int | None) -> tuple[int, list[int]]:
    """The width of the names, and of each kernel. At least one kernel fits beside the names."""
    name = max(width_of(row.name) for row in rows)
    widths = [
        max(width_of(text) for text in (column.label, *(row.marks[place].text for row in rows)))
        for place, column in enumerate(grid.columns)
    ]
    if width is None:
        return name, widths
    widths = [
        max(1, min(size, max(width_of(column.label), TEXT), width - SHORTEST - GAP))
        for size, column in zip(widths, grid.columns, strict=True)
    ]
    name = min(name, max(NARROWEST, min(NAME, width // 3)), width - max(widths) - GAP)
    return max(1, name), widths


def _blocks(widths: Sequence[int], room: int) -> Iterator[range]:
    """Which columns stand side by side: as many as there is room for, and at least one."""
    first, used = 0, 0
    for place, width in enumerate(widths):
        if place > first and used + width + GAP > room:
            yield range(first, place)
            first, used = place, 0
        used += width + GAP
    yield range(first, len(widths))


def _table(
    grid: Grid,
    rows: Sequence[MatrixRow],
    block: range,
    name: int,
    widths: Sequence[int],
    style: Style,
) -> Iterator[str]:
    def right(text: str, place: int) -> str:
        text = cut(text, widths[place])
        return " " * (GAP + widths[place] - width_of(text)) + text

    heads = (right(grid.columns[place].label, place) for place in block)
    yield style(" " * name + "".join(heads), "dim")
    for row in rows:
        text = cut(row.name, name)
        cells = (_painted(right(row.marks[p].text, p), row.marks[p], style) for p in block)
        yield text + " " * (name - width_of(text)) + "".join(cells)


def _painted(text: str, mark: Mark, style: Style) -> str:
    if mark.news:
        return style(text, "yellow", "bold")
    return style(text, OUTCOME_COLOURS[mark.kind]) if mark.kind in OUTCOME_COLOURS else text


def problems(columns: Sequence[Column], style: Style) -> list[str]:
    """The kernels that could not be played on, or not to the end, and their last console lines."""
    lines = []
    for column in columns:
        if column.error:
            lines.append(f"{style('ERROR', 'yellow')} {column.label}: {column.error}")
            lines += [style(f"    {line}", "dim") for line in column.console]
    return lines
