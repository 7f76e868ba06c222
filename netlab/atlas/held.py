# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernels on which every pair was tried, as data: ``held.yaml``.

``python -m netlab.atlas.held RUN.jsonl ...`` adds what ``netlab matrix --atlas --output DIR`` has
stored, and replaces what is known of a kernel that is there already.
"""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path

import yaml

from netlab.model import kernel_run
from netlab.model.errors import ScenarioError

HOME = Path(__file__).parent / "held.yaml"
HEAD = """\
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernels on which every pair of the atlas was tried, each with the pairs that it did not hold.
# Written by 'python -m netlab.atlas.held RUN.jsonl ...' from what 'netlab matrix --atlas' stores.
"""


@functools.cache
def kernels() -> dict[str, frozenset[str]]:
    """By their releases, oldest first: the pairs that each did not hold."""
    data = yaml.safe_load(HOME.read_text(encoding="utf-8"))
    return {release: frozenset(pairs) for release, pairs in data.items()}


def holding(pair: str) -> list[str]:
    """The releases of the kernels that held a pair."""
    return [release for release, lost in kernels().items() if pair not in lost]


def add(files: list[Path]) -> None:
    """Add stored runs. Raises `ScenarioError` for one without the whole atlas."""
    found = dict(kernels())
    for file in files:
        run = kernel_run.read(file)
        if run.error or not run.cells:
            raise ScenarioError("the atlas was not played to its end", file)
        lost = [cell.pair for cell in run.cells if cell.reachable and not cell.frozen]
        found[run.machine.release] = frozenset(lost)
    lines = [
        f"{release}: [{', '.join(sorted(found[release]))}]" for release in sorted(found, key=_order)
    ]
    HOME.write_text("\n".join([HEAD, *lines, ""]), encoding="utf-8")


def _order(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)]


if __name__ == "__main__":
    add([*map(Path, sys.argv[1:])])
