# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever file it is: what the collector wrote, ``netlab snapshot``, or a paste."""

from __future__ import annotations

from netlab.snapshot.parse import collected, paste
from netlab.snapshot.records import Snapshot


def read(text: str | bytes, name: str) -> list[Snapshot]:
    """Every snapshot in a text; `name` is its own, for messages. Raises `ScenarioError` for what
    cannot be read.
    """
    data = text.encode(errors="replace") if isinstance(text, str) else text
    return collected.read(data, name) if collected.begins(data) else paste.read(data, name)
