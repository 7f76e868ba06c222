# SPDX-License-Identifier: GPL-2.0-or-later
"""Which kernels have held which pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.atlas import grid, held, store
from netlab.model.errors import ScenarioError
from netlab.model.evidence import Cell
from netlab.model.kernel_run import KernelRun, Machine

PAIR = "FIN_WAIT1/CLOSE_WAIT"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(held, "HOME", tmp_path / "held.yaml")
    held.HOME.write_text("6.12.1: []\n")
    held.kernels.cache_clear()
    yield tmp_path
    held.kernels.cache_clear()


def test_only_pairs_that_there_are_are_named() -> None:
    assert held.kernels()
    assert set().union(*held.kernels().values()) <= {*store.reachable()}


def stored(folder: Path, cells: tuple[Cell, ...], release: str = "6.8.0") -> Path:
    machine = Machine("host", release, "#1", "x86_64", 250)
    path = folder / "run.jsonl"
    KernelRun(machine, cells=cells, done=True).write(path)
    return path


def test_a_stored_run_is_added_in_its_place(home: Path) -> None:
    cells = tuple(grid.draw({}, {}))  # none was frozen
    held.add([stored(home, cells)])
    held.kernels.cache_clear()
    assert [*held.kernels()] == ["6.8.0", "6.12.1"]
    assert held.holding(PAIR) == ["6.12.1"]


def test_a_run_without_the_atlas_is_refused(home: Path) -> None:
    with pytest.raises(ScenarioError, match="was not played to its end"):
        held.add([stored(home, ())])
