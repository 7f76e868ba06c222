# SPDX-License-Identifier: GPL-2.0-or-later
"""Many kernels side by side, as one page: the differences from kernel to kernel, and the tables.

Like a report, it needs no network, no other file and no script.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from netlab.render import pages
from netlab.render.matrix import Column, Grid, MatrixRow

if TYPE_CHECKING:
    import jinja2

#: Pixels of a timer's picture, and the seconds below which its scale is nearly linear.
WIDTH, HEIGHT, EVEN = 96, 14, 0.2
WORDS = {"pass": "passed", "fail": "failed", "error": "not built", "skip": "skipped"}


@dataclass(frozen=True, slots=True)
class Item:
    """One difference, as a sentence."""

    anchor: str
    sentence: str
    change: str = ""  # the id of what explains it; "": unexplained
    why: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Two kernels."""

    before: str
    after: str
    number: int  # of differences
    unexplained: int
    notes: tuple[str, ...]
    items: tuple[Item, ...]


def page(
    version: str, columns: Sequence[Column], sections: Sequence[Section], grids: Sequence[Grid]
) -> str:
    """The whole page."""
    return (
        _environment()
        .get_template("matrix.html")
        .render(
            version=version,
            columns=columns,
            sections=sections,
            grids=grids,
            number=sum(section.number for section in sections),
            unexplained=sum(section.unexplained for section in sections),
            words=WORDS,
        )
    )


def longest(row: MatrixRow) -> float:
    """The seconds that the pictures of one timer span."""
    times = [at for mark in row.marks for at in (*mark.bars, mark.after or 0.0)]
    return max(times, default=0.0)


def sends(bars: Sequence[float], after: float | None, seconds: float) -> Markup:
    """A line for each packet and a taller one for the end, on a scale that gives each doubling
    the same room; all in seconds, of which the picture spans `seconds`.
    """
    if seconds <= 0 or (not bars and after is None):
        return Markup()
    shapes = [f'<path d="M{_x(at, seconds):.1f} 4v{HEIGHT - 5}"/>' for at in bars]
    if after is not None:
        shapes.append(f'<path class="end" d="M{_x(after, seconds):.1f} 0v{HEIGHT}"/>')
    head = f'<svg class="sends" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">'
    axis = f'<path class="axis" d="M0 {HEIGHT - 0.5}h{WIDTH}"/>'
    return Markup(f"{head}{axis}{''.join(shapes)}</svg>")


def _x(at: float, seconds: float) -> float:
    return 1 + (WIDTH - 2) * math.log1p(at / EVEN) / math.log1p(seconds / EVEN)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = pages.environment()
    environment.filters |= {"longest": longest}
    environment.globals["sends"] = sends
    return environment
