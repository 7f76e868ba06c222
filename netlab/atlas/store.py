# SPDX-License-Identifier: GPL-2.0-or-later
"""The results of exploring the model, as data: ``python -m netlab.atlas.store`` regenerates them.

That takes seconds, so they are shipped: ``reachable.json`` and the scenario files of
``cells/constant``. Tests regenerate them and compare.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from netlab.atlas import cells
from netlab.atlas.compose import compose, name_of
from netlab.atlas.explore import Reached, explore
from netlab.atlas.search import GRID_ORDER, Recipe, by_pair, recipes
from netlab.model.tcp import State
from netlab.model.vocabulary import Pair

REACHABLE = Path(__file__).parent / "reachable.json"


def pairs() -> list[Pair]:
    """The grid: rows are the client's states, columns the server's. A client does not listen."""
    return [
        Pair(client, server)
        for client in GRID_ORDER
        if client is not State.LISTEN
        for server in GRID_ORDER
    ]


def as_json(reached: Reached) -> str:
    """Every reachable pair of the grid with its trace, as JSON."""
    traces = {
        str(pair): [[event, str(after)] for event, after in reached.traces[pair]]
        for pair in pairs()
        if pair in reached.traces
    }
    lines = ",\n".join(f"{json.dumps(pair)}: {json.dumps(way)}" for pair, way in traces.items())
    return f'{{"worlds": {reached.worlds}, "traces": {{\n{lines}\n}}}}\n'


def reachable() -> dict[str, list[tuple[str, str]]]:
    """A shortest way to each reachable pair: each event, and the pair that it leads to."""
    stored = json.loads(REACHABLE.read_text(encoding="utf-8"))
    return {
        pair: [(event, after) for event, after in way] for pair, way in stored["traces"].items()
    }


def constant_cells(found: Mapping[Pair, Recipe]) -> dict[str, str]:
    """File name and text of each scenario that the search has found."""
    return {f"{name_of(r.pair)}.yaml": compose(r) for r in by_pair(found)}


def main() -> None:
    """Regenerate everything."""
    REACHABLE.write_text(as_json(explore()), encoding="utf-8")
    for old in cells.CONSTANT.glob("*.yaml"):
        old.unlink()
    for name, text in constant_cells(recipes()).items():
        (cells.CONSTANT / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
