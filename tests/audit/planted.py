# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of planted flaws (`flaws.yaml`), read: its programs, and the words that start them."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.programs import found

HERE = Path(__file__).parent
LIST: dict[str, Any] = yaml.safe_load((HERE / "flaws.yaml").read_text())
KINDS = ("clients", "servers")
GROUPS = ("flawed", "sound")


def entries(kind: str, *groups: str) -> Iterator[dict[str, Any]]:
    """What the list says of each client or server: of the flawed, the sound, or both groups."""
    for group in groups or GROUPS:
        yield from LIST[kind][group]


def words(entry: dict[str, Any], built: Path, **values: str) -> list[str] | None:
    """The words of its command, with `values` for its {server} and {port}, to be started in `HERE`.

    What it needs is made in the folder `built`. None where this machine lacks a program for it.
    """
    made = shlex.split(entry.get("build", "").replace("{built}", str(built)))
    line = entry["command"].replace("{built}", str(built))
    for name, value in values.items():
        line = line.replace(f"{{{name}}}", value)
    command = shlex.split(line)
    if command[0] == "python3":
        command[0] = sys.executable
    if not all(map(found, [*entry.get("needs", []), made[0] if made else command[0]])):
        return None
    if made:
        subprocess.run(made, cwd=HERE, check=True)
    return command
