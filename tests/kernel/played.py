# SPDX-License-Identifier: GPL-2.0-or-later
"""The atlas, played once for each family and for all that ask."""

from __future__ import annotations

import functools
from typing import NamedTuple

from netlab.atlas import grid
from netlab.model.evidence import Cell, Evidence
from netlab.model.vocabulary import Family
from netlab.scenario import runner


class Atlas(NamedTuple):
    """What came of every cell, at both hooks."""

    cells: list[Cell]
    runs: dict[str, Evidence]  # by their scenarios


@functools.cache
def atlas(family: Family) -> Atlas:
    """Every reachable pair of states."""
    runs: dict[str, Evidence] = {}

    def finished(run: Evidence) -> None:
        runs[run.scenario] = run

    options = runner.Options(family=family)
    return Atlas(grid.play(grid.scenarios(), options, finished=finished), runs)
