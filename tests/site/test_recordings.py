# SPDX-License-Identifier: GPL-2.0-or-later
"""What a page shows of a scenario, and of the conformance table, was played."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netlab.conformance import rows
from netlab.scenario import catalogue

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))

from reference.recordings import Recordings


def recordings(folder: Path, play: str) -> Recordings:
    """Those in a folder."""
    config: Any = {"netlab_play": play, "netlab_recordings": str(folder)}
    return Recordings(config)


def test_a_ladder_is_played_once_and_kept(tmp_path: Path) -> None:
    scenarios = [catalogue.one("port-closed")]
    assert recordings(tmp_path, "0").pictures(scenarios) == {}
    pictures = recordings(tmp_path, "1").pictures(scenarios)
    assert "RST|ACK" in pictures["port-closed"]
    assert recordings(tmp_path, "0").pictures(scenarios) == pictures


def test_the_conformance_table_is_played_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = rows.choose(["rst-exact"])
    monkeypatch.setattr(rows, "rows", lambda: chosen)
    assert recordings(tmp_path, "0").table() == ""
    page = recordings(tmp_path, "1").table()
    assert 'id="rst-exact/ESTABLISHED"' in page
    assert "├── RST seq=1 " in page
    assert '<a href="../index.html">netlab' in page
    assert recordings(tmp_path, "0").table() == page


def test_a_table_with_a_row_that_is_otherwise_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = rows.choose(["rst-exact/ESTABLISHED"])
    monkeypatch.setattr(rows, "rows", lambda: [replace(row, answers=("RST",))])
    assert recordings(tmp_path, "1").table() == ""
    assert [*tmp_path.iterdir()] == []
