# SPDX-License-Identifier: GPL-2.0-or-later
"""Which stored runs are compared: no folder of them is missed in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.kernels.compare import stored
from netlab.model.errors import ScenarioError
from netlab.model.kernel_run import KernelRun, Machine
from tests.build import evidence
from tests.rights import nobody


def test_a_folder_that_may_not_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for release in ("6.1", "6.12"):
        folder = Path("runs", release)
        folder.mkdir(parents=True)
        about = Machine("host", release, "", "x86_64", 250)
        KernelRun(about, (evidence(),), done=True).write(folder / "run.jsonl")
    assert len(stored.runs(["runs"])) == 2
    Path("runs", "6.12").chmod(0)
    with nobody(), pytest.raises(ScenarioError) as caught:
        stored.runs(["runs"])
    Path("runs", "6.12").chmod(0o755)
    assert str(caught.value) == "runs/6.12: cannot be read: Permission denied"
