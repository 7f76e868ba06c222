# SPDX-License-Identifier: GPL-2.0-or-later
"""A session as a file: nothing is overwritten unasked, and what cannot be written is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from netlab.live.session import Session
from netlab.model.errors import ScenarioError


def save(
    session: Session, name: str, story: str, now: float, packets: Mapping[str, int], confirmed: bool
) -> tuple[str, bool]:
    """Write it. Returns why it was not written, and whether that is a question: the same again
    with `confirmed` writes over what is there.
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
            _replace(path, text)
        else:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError:
        return f"{path} is there already: Enter again writes over it", True
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}", False
    return "", False


def _replace(path: Path, text: str) -> None:
    """Write beside it and move it there, so that a full disk does not cost the old one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
