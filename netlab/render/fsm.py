# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 9293's state diagram in a terminal: what was seen is solid, the rest dotted, and a table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from netlab.render.fsm_layout import BOXES, HEIGHT, ROUTES, WIDTH, Drawn, Point, Route
from netlab.render.style import Style

#: Columns from which Linux's own arrows stand beside the diagram.
WIDE = 120
GAP, WIDEST_TABLE = 2, 132
_CORNERS = {"RD": "┐", "UL": "┐", "RU": "┘", "DL": "┘", "LD": "┌", "UR": "┌", "LU": "└", "DR": "└"}
_HEADS = {"R": "▶", "L": "◀", "U": "▲", "D": "▼"}
LEGEND = ("✓ seen on this kernel", "· not seen", "✗ not in Linux")


def fsm(arrows: Sequence[Drawn], width: int, style: Style) -> str:
    """The diagram for a terminal `width` columns wide, and the table of all arrows."""
    rows = [line.rstrip() for line in _Canvas(arrows, style).lines()]
    beside = list(_beside(arrows, width - WIDTH - 2 * GAP, style)) if width >= WIDE else []
    drawn = []
    for number in range(max(len(rows), len(beside))):
        left = rows[number] if number < len(rows) else ""
        right = beside[number] if number < len(beside) else ""
        blank = WIDTH + 2 * GAP - _length(left)
        drawn.append(f"{left}{' ' * blank}{right}" if right else left)
    legend = "   ".join(_legend(style))
    return "\n".join((*drawn, "", legend, "", table(arrows, width, style)))


def table(arrows: Sequence[Drawn], width: int, style: Style) -> str:
    """Every arrow: its event, and the scenario that shows it or the reason why none does."""
    arrow_width = max(len(_name(arrow)) for arrow in arrows)
    rest = min(width, WIDEST_TABLE) - arrow_width - 2 - 2 * GAP
    event_width = min(max(len(arrow.event) for arrow in arrows), rest * 45 // 100)
    widths = (arrow_width + 2, event_width, rest - event_width)
    lines = []
    for origin in dict.fromkeys(arrow.origin for arrow in arrows):
        headings = (f"  {_HEADINGS.get(origin, origin)}", "event", "shown by")
        lines += ["", *(style(line, "bold") for line in _row(headings, widths))]
        for arrow in arrows:
            if arrow.origin == origin:
                cells = (f"{arrow.mark} {_name(arrow)}", arrow.event, arrow.shown_by)
                lines += [_painted(line, arrow, style) for line in _row(cells, widths)]
    return "\n".join(lines[1:])


_HEADINGS = {"RFC 9293": "RFC 9293, Figure 5", "Linux": "Linux only"}


def _name(arrow: Drawn) -> str:
    return f"{arrow.source} → {arrow.target}"


def _row(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    wrapped = [
        textwrap.wrap(cell, width, drop_whitespace=number > 0)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    for number in range(max(map(len, wrapped))):
        parts = [
            (column[number] if number < len(column) else "").ljust(width)
            for column, width in zip(wrapped, widths, strict=True)
        ]
        yield (" " * GAP).join(parts).rstrip()


def _painted(text: str, arrow: Drawn, style: Style) -> str:
    return style(text, "green" if arrow.scenarios else "red" if arrow.absent else "dim")


def _legend(style: Style) -> Iterator[str]:
    for words, colour in zip(LEGEND, ("green", "dim", "red"), strict=True):
        yield style(words, colour)


def _beside(arrows: Sequence[Drawn], width: int, style: Style) -> Iterator[str]:
    """Linux's own arrows, for which Figure 5 has no lines."""
    yield style("Linux only", "bold")
    for arrow in arrows:
        if arrow.origin == "Linux":
            yield _painted(f"{arrow.mark} {_name(arrow)}", arrow, style)
            for line in textwrap.wrap(arrow.event, width - 4):
                yield style(f"    {line}", "dim")


def _length(text: str) -> int:
    """The columns that a text takes, without its colours."""
    inside, length = False, 0
    for letter in text:
        inside = inside or letter == "\033"
        length += not inside
        inside = inside and letter != "m"
    return length


class _Canvas:
    """Letters at places, each with the colours it is painted in."""

    def __init__(self, arrows: Sequence[Drawn], style: Style) -> None:
        self._style = style
        self._letters: dict[Point, tuple[str, tuple[str, ...]]] = {}
        for box in BOXES:
            self._box(box.left, box.top, box.width, box.height, str(box.state))
        for arrow in arrows:
            route = ROUTES.get((arrow.source, arrow.target))
            if route and arrow.origin != "Linux":
                self._route(arrow, route)

    def lines(self) -> Iterator[str]:
        """Top to bottom. Neighbours in the same colour are painted together."""
        for row in range(HEIGHT):
            line, run, colours = "", "", tuple[str, ...]()
            for column in range(WIDTH + 1):
                letter, now = self._letters.get((column, row), (" ", ()))
                if now != colours:
                    line, run, colours = line + self._style(run, *colours), "", now
                run += letter
            yield line + self._style(run, *colours)

    def _write(self, at: Point, text: str, *colours: str) -> None:
        for offset, letter in enumerate(text):
            self._letters[at[0] + offset, at[1]] = letter, colours

    def _box(self, left: int, top: int, width: int, height: int, name: str) -> None:
        self._write((left, top), f"┌{'─' * (width - 2)}┐")
        for row in range(top + 1, top + height - 1):
            self._write((left, row), f"│{' ' * (width - 2)}│")
        self._write((left, top + height - 1), f"└{'─' * (width - 2)}┘")
        middle = left + (width - len(name)) // 2
        self._write((middle, top + (height - 1) // 2), name, "bold")

    def _route(self, arrow: Drawn, route: Route) -> None:
        colours = ("green",) if arrow.scenarios else ("red",) if arrow.absent else ("dim",)
        across, down = ("─", "│") if arrow.scenarios else ("┄", "┆")
        ways = [_way(a, b) for a, b in zip(route.corners, route.corners[1:], strict=False)]
        for number, way in enumerate(ways):
            for place in _between(route.corners[number], route.corners[number + 1]):
                self._write(place, across if way in "LR" else down, *colours)
            if number:
                self._write(route.corners[number], _CORNERS[ways[number - 1] + way], *colours)
        self._write(route.corners[-1], _HEADS[ways[-1]], *colours)
        for number, words in enumerate(route.words):
            mark = f"{arrow.mark} " if number == 0 else "  "
            self._write((route.at[0], route.at[1] + number), mark + words, *colours)


def _way(start: Point, end: Point) -> str:
    if start[1] == end[1]:
        return "R" if end[0] > start[0] else "L"
    return "D" if end[1] > start[1] else "U"


def _between(start: Point, end: Point) -> Iterator[Point]:
    for column in range(min(start[0], end[0]), max(start[0], end[0]) + 1):
        for row in range(min(start[1], end[1]), max(start[1], end[1]) + 1):
            yield column, row
