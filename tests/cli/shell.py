# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs netlab as a process of its own, as a shell does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

NETLAB = (sys.executable, "-m", "netlab")
#: Seconds that anything may take on a machine whose cores are all busy with something else.
PATIENCE = 60.0
#: What a person may have set, and what would change what is printed.
TELLING = (
    "FORCE_COLOR", "NO_COLOR", "SUDO_USER", "TERM", "COLUMNS", "LC_ALL", "PYTHONIOENCODING",
    "_ARGCOMPLETE",
)  # fmt: skip


class Done(NamedTuple):
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """The environment of a pipe, whatever this process has."""
    plain = {name: value for name, value in os.environ.items() if name not in TELLING}
    return {**plain, "TERM": "xterm", **more}


def netlab(*arguments: str | Path, **more: str) -> Done:
    """One command, run to its end. No command ever shows a traceback."""
    return netlab_in(Path.cwd(), *arguments, **more)


def netlab_in(folder: Path, *arguments: str | Path, **more: str) -> Done:
    """The same in another folder."""
    done = subprocess.run(
        [*NETLAB, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(**more),
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def scenario(
    folder: Path,
    *steps: str,
    pair: str = "CLOSED/LISTEN",
    within: str = "10s",
    name: str = "mine",
) -> Path:
    """A scenario file of one's own, whose pair is held for 50 ms."""
    path = folder / f"{name}.yaml"
    client, server = pair.split("/")
    path.write_text(
        "\n".join(
            (
                "source: here",
                "steps:",
                "  - server: listen",
                *(f"  - {step}" for step in steps),
                "expect:",
                f"  pair: {{client: {client}, server: {server}}}",
                f"  within: {within}",
                "  hold: 50ms",
                "  cause: this is a test",
                "",
            )
        )
    )
    return path
