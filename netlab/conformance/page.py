# SPDX-License-Identifier: GPL-2.0-or-later
"""The conformance table as one page for the browser."""

from __future__ import annotations

import os
from collections.abc import Sequence

from netlab.conformance import telling
from netlab.conformance.rows import TableRow
from netlab.model.kernel_run import PlayedRow
from netlab.render import conformance_page
from netlab.render.conformance_page import AnswerChapter, ToldRow
from netlab.render.ladder import ladder
from netlab.render.style import Style

WIDTH = 96  # columns of a ladder


def page(
    rows: Sequence[TableRow], played: Sequence[PlayedRow], version: str, home: str = ""
) -> str:
    """The page as HTML. `version`: netlab's. `home`: where its first line leads, if anywhere."""
    kernel = os.uname().release
    chapters: dict[str, AnswerChapter] = {}
    for line in telling.lines(rows, played):
        told = [
            _told(row, [one for one in played if one.name == row.name], kernel)
            for row in rows
            if row.event == line.event
        ]
        chapter = chapters.setdefault(line.topic, AnswerChapter(line.topic, []))
        chapter.events.append((line, told))
    families = " and ".join(dict.fromkeys(str(one.family) for one in played))
    return conformance_page.page([*chapters.values()], version, kernel, families, home)


def _told(row: TableRow, played: Sequence[PlayedRow], kernel: str) -> ToldRow:
    facts = [*telling.facts(row), *telling.discarded(played)]
    drawn = next((one for one in played if one.frames), None)
    return ToldRow(
        row.name,
        str(row.setting.state),
        telling.sign(row, played),
        *facts[0],
        tuple(facts[1:]),
        tuple(f"{one.family}: {one.problem}" for one in played if one.problem),
        ladder(telling.evidence(row, drawn, kernel), WIDTH, Style(False)) if drawn else "",
    )
