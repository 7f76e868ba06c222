# SPDX-License-Identifier: GPL-2.0-or-later
"""The atlas with its evidence: each pair with its packets, and with what ss prints of both ends.

``recorded.json.gz`` has all of it as one kernel played it, so that a page can be made in a second,
and where nothing may be played. ``python -m netlab.atlas.recorded`` plays all and writes it anew.
What was recorded of a scenario that has changed since is not read: a test finds that it is old.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from netlab.atlas import cells, grid
from netlab.model.errors import LabError
from netlab.model.evidence import Cell, Evidence, converter
from netlab.model.vocabulary import Family, Side
from netlab.scenario import runner
from netlab.scenario.model import Scenario
from netlab.testbed.lab import Lab

HOME = Path(__file__).parent / "recorded.json.gz"
SS = ("ss", "-tanoei")
#: Labs at a time: to start a program takes milliseconds, in which nobody looks at the others.
JOBS = 12


@dataclass(frozen=True, slots=True)
class RecordedCell:
    """One pair: what the model says and a kernel did, its run, and how its ends were listed."""

    cell: Cell
    run: Evidence | None = None  # None: it cannot be, or nothing is recorded of it
    #: By the names of the sides, what ss printed while the pair was held; nothing without an ss.
    listings: Mapping[str, str] = field(default_factory=dict)


class CellRecorder:
    """Collects what one playing of the atlas shows: has methods for `grid.play`."""

    def __init__(self) -> None:
        self._listings: dict[str, dict[str, str]] = {}
        self._runs: dict[str, Evidence] = {}

    def options(self, family: Family, hold: float = 0.0) -> runner.Options:
        """How to play: every packet is kept, and both ends are listed while the pair is held.
        `hold`: seconds, at least.
        """
        return runner.Options(family, hold, JOBS, record=True, frozen=self._look)

    def _look(self, lab: Lab, scenario: Scenario) -> None:
        if not scenario.name.endswith(grid.AT_THE_SENDER):
            with contextlib.suppress(LabError):  # there is no ss here
                listed = {str(side): _listed(lab, side) for side in Side}
                self._listings[scenario.name] = listed

    def finished(self, evidence: Evidence) -> None:
        """Keep a run, without the programs that only looked at it."""
        self._runs[evidence.scenario] = replace(evidence, programs=())

    def cells(self, drawn: Sequence[Cell]) -> list[RecordedCell]:
        """All pairs of the grid, with what was collected of each."""
        return [
            RecordedCell(cell, self._runs.get(cell.scenario), self._listings.get(cell.scenario, {}))
            for cell in drawn
        ]


def _listed(lab: Lab, side: Side) -> str:
    program = lab.host(side).run(SS)
    program.wait()
    return program.output


def checksum(scenario: Scenario) -> str:
    """Of what a scenario's file says."""
    return hashlib.sha256(scenario.path.read_bytes()).hexdigest()[:12]


def read() -> list[RecordedCell]:
    """Every pair of the grid as it was recorded; without a run where its scenario has changed."""
    stored = json.loads(gzip.decompress(HOME.read_bytes()))
    wanted = {scenario.name: checksum(scenario) for scenario in cells.scenarios()}
    current = {
        pair: data
        for pair, data in stored.items()
        if data["checksum"] == wanted.get(data["cell"]["scenario"])
    }
    blank = grid.draw({}, {})
    return [
        _structured(current[cell.pair]) if cell.pair in current else RecordedCell(cell)
        for cell in blank
    ]


def _structured(data: dict[str, object]) -> RecordedCell:
    return converter().structure(
        {name: data[name] for name in ("cell", "run", "listings")}, RecordedCell
    )


def written(recorded: Sequence[RecordedCell]) -> bytes:
    """The file, without what only this machine has."""
    wanted = {scenario.name: checksum(scenario) for scenario in cells.scenarios()}
    data = {
        each.cell.pair: {
            "checksum": wanted[each.cell.scenario],
            **converter().unstructure(replace(each, run=_anywhere(each.run))),
        }
        for each in recorded
        if each.run is not None
    }
    return gzip.compress(json.dumps(data).encode(), mtime=0)


def _anywhere(run: Evidence) -> Evidence:
    return replace(run, path=Path(run.path).name)


def main() -> int:
    """Play all, and write the file. Returns 1, and writes nothing, where a pair was not frozen."""
    recorder = CellRecorder()
    options = recorder.options(Family.IPV4)
    drawn = grid.play(grid.scenarios(), options, finished=recorder.finished)
    for cell in drawn:
        if cell.reachable and not cell.frozen:
            print(f"{cell.pair}: {cell.problem}", file=sys.stderr)
    if not all(cell.frozen for cell in drawn if cell.reachable):
        return 1
    HOME.write_bytes(written(recorder.cells(drawn)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
