# SPDX-License-Identifier: GPL-2.0-or-later
"""Saves a session as a file: overwrites nothing unasked, and reports what cannot be written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from netlab.live.session import Session
from netlab.model import files
from netlab.model.errors import ScenarioError


def save(
    session: Session, name: str, story: str, now: float, packets: Mapping[str, int], confirmed: bool
) -> tuple[str, bool]:
    """Write the file; `now` is in seconds on the lab's clock, `packets` counts each fault's drops.

    Returns the reason if it was not written, and whether that is a question: the same call with
    `confirmed` overwrites the file.
    """
    path = Path(name)
    if path.suffix != ".yaml" or path.name == ".yaml":
        return "a scenario's file is called something.yaml", False
    try:
        text = session.written(story, now, packets, path.stem)
    except ScenarioError as error:
        return error.problem, False
    try:
        if confirmed:
            files.replace(path, text)
        else:
            _create(path, text)
    except FileExistsError:
        return f"{path} already exists: Enter again overwrites it", True
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}", False
    return "", False


def _create(path: Path, text: str) -> None:
    """Write a new file: none where it is there already, and none where it does not get whole."""
    with path.open("x"):
        pass
    try:
        files.replace(path, text)
    except OSError:
        path.unlink(missing_ok=True)
        raise
