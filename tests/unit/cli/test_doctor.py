# SPDX-License-Identifier: GPL-2.0-or-later
"""What netlab doctor says of QEMU is what netlab matrix does."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from netlab.cli.commands import doctor
from netlab.kernels.vm import qemu
from netlab.model.errors import LabError


@pytest.mark.parametrize(
    ("machine", "there", "good"),
    [
        ("x86_64", "qemu-system-x86_64", True),
        ("x86_64", "qemu-system-aarch64", False),
        ("aarch64", "qemu-system-aarch64", False),
        ("aarch64", "qemu-system-x86_64", False),
    ],
)
def test_qemu_is_well_where_a_matrix_can_be_played(
    machine: str, there: str, good: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / there).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(qemu, "PROGRAMS", qemu.PROGRAMS[:1])  # the other one has its place in /usr
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    check = doctor._qemu()
    assert check.good is good
    if not good:
        with pytest.raises(LabError) as refused:
            qemu.program()
        assert check.fix == str(refused.value)
