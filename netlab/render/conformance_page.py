# SPDX-License-Identifier: GPL-2.0-or-later
"""The conformance table as one page: a grid of events and states, whose squares lead to their rows.

Like a report, it needs no network and no other file. Without scripts every square is a stop of the
Tab key; with them each grid is one, and arrow keys move in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from netlab.render import pages
from netlab.render.conformance import (
    DEPARTS,
    ERROR,
    FAILS,
    MEANINGS,
    NONE,
    PASSES,
    SKIPPED,
    STATES,
    EventLine,
)
from netlab.render.grid import SHORT

KINDS = {PASSES: "pass", DEPARTS: "departs", FAILS: "fail", ERROR: "error", SKIPPED: "skip"}


class ToldRow(NamedTuple):
    """One row, in words."""

    name: str  # fin/FIN_WAIT2 orphaned
    state: str  # FIN_WAIT2
    sign: str
    source: str
    says: str  # what that says
    facts: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]  # what was otherwise, by family
    ladder: str  # the packets, drawn as text; "": not recorded


class AnswerChapter(NamedTuple):
    """The events of one kind, each with its rows."""

    topic: str
    events: list[tuple[EventLine, list[ToldRow]]]


def page(
    chapters: Sequence[AnswerChapter], version: str, kernel: str, families: str, home: str = ""
) -> str:
    """The whole page. `home`: where its first line leads, if anywhere."""
    told = [row for chapter in chapters for _, rows in chapter.events for row in rows]
    counts = Counter(row.sign for row in told)
    return (
        pages.environment()
        .get_template("conformance.html")
        .render(
            version=version,
            home=home,
            kernel=kernel,
            families=families,
            chapters=chapters,
            states=STATES,
            short=SHORT,
            kinds=KINDS,
            number=len(told),
            fails=counts[FAILS] + counts[ERROR],
            legend=[
                (sign, counts[sign], meaning)
                for sign, meaning in MEANINGS.items()
                if sign != NONE and counts[sign]
            ],
            none=NONE,
        )
    )
