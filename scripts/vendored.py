# SPDX-License-Identifier: GPL-2.0-or-later
"""Says what packages of Debian's and Fedora's bring along, as two lists for pip, with hashes.

    python scripts/vendored.py FOLDER

FOLDER gets requirements.txt (what plays, of requirements.lock, without what the system has recent
enough) and builders.txt (what builds these and netlab).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HOME = Path(__file__).parents[1]
LOCK = HOME / "requirements.lock"
PACKAGING = HOME / "packaging"
TESTS_BEGIN = "# --- what the tests need besides"
#: What the lock has only to build netlab.
BUILD = {"docutils", "editables", "hatchling", "pathspec", "tomlkit", "trove-classifiers"}
#: What builds netlab, and plays, too.
BOTH = {"packaging", "pluggy"}


def locked(text: str) -> dict[str, str]:
    """What the players' part of a lock has for Linux: the whole entry, by its name."""
    first = text.split(TESTS_BEGIN, maxsplit=1)[0]
    found = re.findall(r"^([a-z0-9._-]+)(==.*(?:\n .*)*\n)", first, re.MULTILINE)
    return {name: name + rest for name, rest in found if "sys_platform == 'win32'" not in rest}


def named(text: str) -> set[str]:
    """The names in a file that has one a line, and comments."""
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def plays() -> dict[str, str]:
    """What is vendored to play: each entry of the lock, by its name."""
    entries = locked(LOCK.read_text())
    there = named((PACKAGING / "from-system.txt").read_text())
    return {name: entries[name] for name in sorted(entries.keys() - BUILD - there)}


def builds() -> dict[str, str]:
    """What builds these and netlab, of the lock. (builders.txt has what the lock has not.)"""
    entries = locked(LOCK.read_text())
    return {name: entries[name] for name in sorted(BUILD | BOTH)}


def main(folder: Path) -> None:
    """Write both lists."""
    (folder / "requirements.txt").write_text("".join(plays().values()))
    more = (PACKAGING / "builders.txt").read_text()
    (folder / "builders.txt").write_text("".join([*builds().values(), more]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
