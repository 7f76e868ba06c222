# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy of this checkout, for tests that change one, or build of another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]


def copied(folder: Path) -> Path:
    """Copy what git would commit, as it is now. Skips the test where git knows nothing of it."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    asked = subprocess.run(listed, cwd=HOME, capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip("not a checkout of git's")
    for name in asked.stdout.split("\0"):
        if (HOME / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(HOME / name, folder / name)
    return folder
