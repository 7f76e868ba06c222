# SPDX-License-Identifier: GPL-2.0-or-later
"""Where temporary files are, and that looking for the place leaves none there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Writes each file with a name that is opened in the folder.
LOOKS = """
import os, sys
def told(event, given):
    if event == "open" and os.path.dirname(str(given[0])) == sys.argv[1]:
        print("opened", given[0])
sys.addaudithook(told)
{}
"""
OURS = "from netlab.linux import scratch; print(scratch.place())"
PYTHONS = "import tempfile; print(tempfile.gettempdir())"


def looked(folder: Path | str, code: str, place: Path | str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOOKS.format(code), str(folder)],
        env={**os.environ, "TMPDIR": str(place)}, cwd=Path(folder).parent,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_no_file_has_a_name_while_the_place_is_looked_for(tmp_path: Path) -> None:
    folder = tmp_path / "T"
    folder.mkdir()
    assert looked(folder, OURS, folder) == [str(folder)]
    first, _ = looked(folder, PYTHONS, folder)
    assert first.startswith("opened ")  # the kind that a killed netlab would leave


@pytest.mark.parametrize(
    ("given", "place"), [("T", "{}/T"), ("no-such", "/tmp"), ("", "/tmp")], ids=str
)
def test_the_place_is_the_one_that_python_takes(given: str, place: str, tmp_path: Path) -> None:
    folder = tmp_path / "T"
    folder.mkdir()
    ours, pythons = (looked(folder, code, given)[-1] for code in (OURS, PYTHONS))
    assert ours == pythons == place.format(tmp_path)
