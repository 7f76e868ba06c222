# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets that a command is to look at: of files, or of this host."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.model.errors import ScenarioError

if TYPE_CHECKING:
    from netlab.snapshot.records import Snapshot

#: Bytes; a larger file is refused before it fills the memory.
LARGEST = 1 << 28


def snapshots(files: Sequence[str]) -> list[Snapshot]:
    """The snapshots in the files, or of this host. Raises `ScenarioError` for unreadable ones."""
    if not files:
        from netlab.snapshot import collect

        return [collect.snapshot(os.uname().nodename)]
    from netlab.snapshot import parse

    return [snapshot for name in files for snapshot in parse.read(*_text(name))]


def _text(name: str) -> tuple[str, str]:
    """A file's text, and its name in messages."""
    if name == "-":
        data, shown = sys.stdin.buffer.read(LARGEST + 1), "standard input"
    else:
        try:
            with open(name, "rb") as file:
                data, shown = file.read(LARGEST + 1), name
        except OSError as error:
            raise ScenarioError(f"cannot be read: {error.strerror}", Path(name)) from None
    if len(data) > LARGEST:
        raise ScenarioError(f"is larger than {LARGEST >> 20} MiB", Path(shown))
    return data.decode(errors="replace"), shown
