# SPDX-License-Identifier: GPL-2.0-or-later
"""Git trees for tests of bisections: one file, whose text says what a commit is."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

WHO = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")


def git(tree: Path, *words: str) -> str:
    """What git prints, or the test fails."""
    done = subprocess.run(
        ["git", *WHO, *words], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def grown(tree: Path, kinds: Sequence[str], **files: str) -> list[str]:
    """A tree with a commit for each kind, numbered from 1; their ids. `files`: what it has, too."""
    git(tree, "init", "--quiet", "--initial-branch=main")
    for name, text in files.items():
        (tree / name).write_text(text)
    ids = []
    for number, kind in enumerate(kinds, start=1):
        (tree / "kind").write_text(f"KIND={kind}\n# {number}\n")
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "--message", f"tcp: change {number}")
        ids.append(git(tree, "rev-parse", "HEAD"))
    return ids


def kind(tree: Path) -> str:
    """What is checked out."""
    return (tree / "kind").read_text().split()[0].removeprefix("KIND=")
