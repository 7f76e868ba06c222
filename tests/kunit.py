# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own tools: its reader of KTAP, asked what it makes of netlab's, and its tests.

They come with nothing but the kernel's source: Debian's package linux-source, or a tree that
NETLAB_TEST_TREE names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest

from netlab.kernels import cache

from . import programs

READER = "tools/testing/kunit"
SELFTESTS = "tools/testing/selftests/net"
#: What is taken out of the archive, in its order.
PLACES = (READER, SELFTESTS)
SOURCES = "/usr/src"
COLOURS = re.compile(r"\033\[[0-9;]*m")
RESULT = re.compile(r"\[(PASSED|FAILED|SKIPPED|CRASHED)\] (.*)")


class Parsed(NamedTuple):
    """What kunit.py found."""

    code: int  # its exit code: 0 where nothing failed
    results: dict[str, str]  # of each test: PASSED, FAILED, SKIPPED
    complaints: list[str]  # about the text
    counts: str  # Ran 5 tests: passed: 2, ...


def parsed(path: Path) -> Parsed:
    """Read a file as `kunit.py parse` does."""
    program = tree() / READER / "kunit.py"
    done = subprocess.run(
        [sys.executable, str(program), "parse", str(path.absolute())],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    lines = [COLOURS.sub("", line).partition("] ")[2] for line in done.stdout.splitlines()]
    return Parsed(
        done.returncode,
        {found[2]: found[1] for line in lines if (found := RESULT.match(line))},
        [line for line in lines if line.startswith("[ERROR]")],
        next(line for line in lines if line.startswith("Testing complete")).partition(". ")[2],
    )


def tree() -> Path:
    """A folder with `PLACES` of the kernel's tree; the test is skipped where none can be had."""
    named = os.environ.get("NETLAB_TEST_TREE")
    if named:
        return Path(named)
    sources = sorted(Path(SOURCES).glob("linux-source-*.tar.*"))
    if not sources:
        missing = (
            "the kernel's source is missing: install linux-source (Debian), or set NETLAB_TEST_TREE"
        )
        if not programs.found("apt-get"):  # Fedora has no such package
            pytest.skip(missing)
        programs.lacking(missing)
    place = cache.folder("kernel-tools") / sources[-1].name
    with cache.locked(place):
        if not place.exists():
            with cache.draft(place) as begun:
                _extract(sources[-1], begun)
    return place


def _extract(source: Path, folder: Path) -> None:
    """Take those folders out of the archive, and read no further: 12 s instead of 14."""
    with tarfile.open(source, "r|*") as archive:
        last = False
        for member in archive:
            place = next((each for each in PLACES if f"/{each}/" in member.name), None)
            if place and (content := member.isfile() and archive.extractfile(member)):
                target = folder / member.name.partition("/")[2]
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)
            if last and not place:
                return
            last = place == PLACES[-1]
