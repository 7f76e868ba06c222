# SPDX-License-Identifier: GPL-2.0-or-later
"""Which folders of scenarios a confined program is shown."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

import pytest

from netlab.linux import confinement

HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)


@pytest.mark.parametrize(
    "folder", [Path("/"), Path("/root"), Path("/home"), Path("/home/somebody-else"), HOME]
)
def test_nobodys_home_is_shown_whoever_plays_the_scenario(folder: Path) -> None:
    assert confinement._is_private(folder)


def test_the_folder_of_a_scenario_is_shown(tmp_path: Path) -> None:
    assert not confinement._is_private(tmp_path)
    assert not confinement._is_private(Path("/home/somebody-else/project"))


def test_a_home_elsewhere_is_known_by_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = pwd.struct_passwd(("a", "x", 4242, 4242, "", str(tmp_path / "homes" / "a"), ""))
    monkeypatch.setattr(pwd, "getpwall", lambda: [entry])
    assert confinement._is_private(tmp_path / "homes" / "a")
    assert confinement._is_private(tmp_path / "homes")
    assert not confinement._is_private(tmp_path / "homes" / "a" / "project")


def test_this_python_finds_its_packages_and_no_other_does(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [Path(pytest.__file__).parents[1]]
    monkeypatch.setattr(sys, "path", ["", "/nowhere/site-packages", "/usr/lib", *map(str, folders)])
    assert confinement.packages() == folders
    found = confinement.Confinement.environment(["sh", "-c", f"{confinement.PYTHON} -V"])
    assert found["PYTHONPATH"] == str(*folders)
    assert "PYTHONPATH" not in confinement.Confinement.environment(["python3", "-V"])


@pytest.mark.parametrize(
    ("mapped", "user"),
    [
        ("0 0 4294967295", confinement.SPARE + 7),  # root of the machine
        ("0 1001 1", 0),  # in a namespace of netlab's own
        ("0 1001 1\n1 100000 65536", 65535),  # in a container of a user's
        ("1 100000 65536\n0 1001 1", 65535),
        ("0 100000 65536", 65534),
    ],
)
def test_a_program_has_the_user_that_is_most_likely_nobody_elses(mapped: str, user: int) -> None:
    assert confinement._spare_user(7, mapped) == user
