# SPDX-License-Identifier: GPL-2.0-or-later
"""A small share of `scripts/fuzz`, always the same one; and that it sees what it looks for."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.model.errors import ScenarioError
from tests.fuzz.kinds import KINDS
from tests.fuzz.trial import MEMORY, SECONDS, trials

NUMBER = 30


@pytest.mark.parametrize("name", KINDS)
def test_broken_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    _, kind = KINDS[name]
    seen = list(trials(kind, range(NUMBER), tmp_path))
    assert [trial.number for trial in seen] == list(range(NUMBER))
    assert [trial.fault for trial in seen if trial.fault] == []
    assert any(not trial.read for trial in seen)  # they are broken


@pytest.mark.parametrize("name", KINDS)
def test_files_that_are_not_broken_are_read(tmp_path: Path, name: str) -> None:
    """Otherwise nothing but the first line of a reader would ever be tried."""
    _, kind = KINDS[name]
    path = tmp_path / f"whole{kind.suffix}"
    read = 0
    for seed in kind.seeds():
        path.write_bytes(seed)
        try:
            kind.read(path)
        except ScenarioError:
            continue
        read += 1
    assert read >= len(kind.seeds()) - 1  # one listing needs the command that made it


def test_every_kind_of_fault_is_seen(tmp_path: Path) -> None:
    _, kind = KINDS["texts"]

    def wrong(path: Path) -> None:
        match int(path.stem):
            case 0:
                raise KeyError("x\ny")
            case 1:
                begun = time.process_time()
                while time.process_time() - begun <= SECONDS:
                    pass
            case 2:
                bytes(range(256)) * ((MEMORY >> 8) + (1 << 16))
            case 3:
                raise SystemExit(0)
            case 4:
                raise ScenarioError("as it should be")

    seen = list(trials(replace(kind, read=wrong), range(6), tmp_path))
    assert [trial.number for trial in seen] == list(range(6))
    assert "KeyError: 'x\\ny'" in seen[0].fault
    assert seen[1].fault.startswith("took 2.")
    assert seen[2].fault.startswith("took 3")
    assert "SystemExit" in seen[3].fault
    assert [trial.fault for trial in seen[4:]] == ["", ""]
    assert [*tmp_path.iterdir()] == []
