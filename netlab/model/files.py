# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that netlab was asked to write: whole or not at all, whatever the disk does meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from netlab.model.errors import of_file


def write(path: Path, content: bytes | str, option: str = "") -> None:
    """Write a file; a reader sees either the old one or the new one.

    `option` is what asked for it, for the message. Raises `ScenarioError` where there can be no
    such file, `LabError` where the machine does not let it be written (a full disk, a read-only
    one).
    """
    with writing(path, option):
        replace(path, content)


def replace(path: Path, content: bytes | str) -> None:
    """Write a file beside its place, and move it there: a link that is there is replaced, and what
    it leads to is not touched. Raises OSError, and leaves nothing then.
    """
    data = content.encode(errors="replace") if isinstance(content, str) else content
    device = path.absolute().is_relative_to("/dev")  # /dev/stdout may be any file
    if device or (path.exists() and not path.is_file()):
        path.write_bytes(data)  # it keeps what it is
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def prepare(folder: Path, option: str = "") -> None:
    """Make a folder if it is missing, and see that files can be written there. Raises as
    `write`.
    """
    with writing(folder, option):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".netlab.{os.getpid()}"
        try:
            probe.write_bytes(b"\n")  # a full disk still makes empty files
        finally:
            probe.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: Path, option: str = "") -> Iterator[None]:
    """Raises as `write`, where the body cannot write there."""
    try:
        yield
    except OSError as error:
        what = f"{option}: {path}" if option else str(path)
        raise of_file(error, f"{what} cannot be written: {error.strerror}") from None
