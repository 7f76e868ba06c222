# SPDX-License-Identifier: GPL-2.0-or-later
"""All runs side by side as one page for the browser."""

from __future__ import annotations

from netlab.kernels.compare.overview import Compared, Overview, anchor
from netlab.render import matrix_page
from netlab.render.matrix_page import Item, Section


def page(seen: Overview, version: str) -> str:
    """The page as HTML. `version`: netlab's."""
    sections = [_section(each) for each in seen.compared]
    return matrix_page.page(version, seen.columns, sections, seen.grids())


def _section(each: Compared) -> Section:
    items = tuple(
        Item(
            anchor(each, number),
            one.sentence,
            one.change.id if one.change else "",
            f"{one.change.what} {one.change.source}" if one.change else "",
            one.change.since if one.change else "",
        )
        for number, one in enumerate(each.told)
    )
    number = len(each.comparison.differences)
    return Section(*each.labels, number, each.unexplained, each.comparison.notes, items)
