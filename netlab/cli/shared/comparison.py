# SPDX-License-Identifier: GPL-2.0-or-later
"""The comparison of several kernels, in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netlab import __version__, extras
from netlab.model import files
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.kernels.compare.overview import Overview


def closing(seen: Overview, style: Style) -> str:
    """``42 differences between 11 kernels: 40 explained, 2 unexplained``."""
    number = sum(len(one.comparison.differences) for one in seen.compared)
    unexplained = sum(one.unexplained for one in seen.compared)
    kernels = f"{len(seen.runs)} runs"
    if not number:
        return style(f"no differences between {kernels}", "green")
    said = style(f"{unexplained} unexplained", "red") if unexplained else "all explained"
    explained = f"{number - unexplained} explained, " if unexplained else ""
    return f"{counted(number, 'difference')} between {kernels}: {explained}{said}"


def tables(seen: Overview, columns: int | None, style: Style, every: bool) -> str:
    """Scenario by kernel, timer by kernel, and so on, in a terminal `columns` wide."""
    from netlab.render.matrix import matrix

    return "\n\n".join(matrix(grid, columns, style, every) for grid in seen.grids())


def counted(number: int, word: str) -> str:
    """``1 difference``, ``2 differences``."""
    return f"{number} {word}" + ("" if number == 1 else "s")


def write_page(path: Path, seen: Overview) -> None:
    """Write the page. Raises `ScenarioError` or `LabError` where it cannot be written."""
    extras.require("report", "--page")
    from netlab.kernels.compare.page import page

    files.write(path, page(seen, __version__), "--page")
