# SPDX-License-Identifier: GPL-2.0-or-later
"""Files from outside: the one place that opens them.

A pipe would make netlab wait, a device need never end, and any file can be larger than memory. So
only regular files are opened, and no more is read of them than their kind can need.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import UnsupportedOperation
from pathlib import Path
from typing import Any, BinaryIO

from netlab.model.errors import NetlabError, ScenarioError, of_file

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
GLANCE, PIECE = MIB, MIB

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def opened(path: Path, what: str) -> BinaryIO:
    """A regular file, to be read and closed by the caller; `what` it should be, for messages:
    "a scenario".

    Raises `ScenarioError` where there is none, where it is anything else, or may not be read, and
    `LabError` where the machine cannot read it (a broken disk, too many open files).
    """
    try:
        _check(path, path.stat(), what)  # to open some devices is to act on them
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise of_file(error, f"cannot be read: {error.strerror}", path) from error
    except ValueError:
        raise ScenarioError("cannot be read: its name has a null byte", path) from None
    file = os.fdopen(descriptor, "rb")
    try:
        _check(path, os.fstat(descriptor), what)  # it may have been replaced since
    except ScenarioError:
        file.close()
        raise
    return file


def _check(path: Path, about: os.stat_result, what: str) -> None:
    if not stat.S_ISREG(about.st_mode):
        found = KINDS[stat.S_IFMT(about.st_mode)]
        raise ScenarioError(f"is {found}, and {what} is a regular file", path)


def contents(path: Path, most: int, what: str, instead: str = "") -> bytes:
    """What is in a file of at most `most` bytes. Raises `ScenarioError` as `opened` does, and where
    there is more in it; `instead` is what to do then.
    """
    with opened(path, what) as file:
        return up_to(most, file, path, instead or f"this is not {what}")


def text(path: Path, most: int, what: str) -> str:
    """The same of a text in UTF-8. Raises `ScenarioError` also where it is anything else."""
    data = contents(path, most, what)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"is not UTF-8 text: this is not {what}", path, line) from None


def document(path: Path, most: int, what: str) -> Any:
    """A YAML file's data. Raises `ScenarioError`, also for one that is no YAML (path:line)."""
    import yaml

    try:
        return yaml.safe_load(text(path, most, what))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ScenarioError("this is no YAML", path, mark.line + 1 if mark else None) from None


def glance(path: Path) -> str:
    """The beginning of a text, to see what it is; "" where it cannot be read, or is no file."""
    try:
        return beginning(path)
    except NetlabError:
        return ""


def beginning(path: Path) -> str:
    """The same, where it must not be missed. Raises as `opened` does."""
    with opened(path, "it") as file:
        try:
            return file.read(GLANCE).decode(errors="replace")
        except OSError as error:
            raise of_file(error, f"cannot be read: {error.strerror}", path) from error


def below(folder: Path) -> list[Path]:
    """Every file below a folder, at any depth, sorted.

    Raises as `opened` does where a folder cannot be read: its files must not be missed in silence.
    """

    def refuse(error: OSError) -> None:
        raise of_file(error, f"cannot be read: {error.strerror}", Path(error.filename)) from error

    found = os.walk(folder, onerror=refuse)
    return sorted(Path(inner, name) for inner, _, names in found for name in names)


def up_to(most: int, file: BinaryIO, path: Path, instead: str) -> bytes:
    """The rest of an open file, whatever its kind. Raises `ScenarioError` where it has more bytes
    than `most`, or cannot be read.
    """
    try:
        data = file.read(most + 1)
    except OSError as error:
        raise of_file(error, f"cannot be read: {error.strerror}", path) from error
    if len(data) > most:
        raise ScenarioError(f"is larger than {size(most)}: {instead}", path)
    return data


def pieces(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """The rest of an open file, whatever its kind, a megabyte at a time. Raises as `up_to`
    does where it cannot be read.

    A regular one is read from where it stands to where it ends now, and stays there: a fork of this
    process may go on by itself.
    """
    try:
        if (end := length(file)) is None:
            while piece := file.read(PIECE):
                yield piece
            return
        at = file.tell()
        while at < end and (piece := os.pread(file.fileno(), min(PIECE, end - at), at)):
            at += len(piece)
            yield piece
    except OSError as error:
        raise of_file(error, f"cannot be read: {error.strerror}", path) from error


def length(file: BinaryIO) -> int | None:
    """The bytes of a regular file; None where nobody knows: of a pipe, and of files of /proc."""
    try:
        about = os.fstat(file.fileno())
    except UnsupportedOperation:  # it is in memory
        return None
    return (about.st_size or None) if stat.S_ISREG(about.st_mode) else None


def size(number: int) -> str:
    """A number of bytes as a person writes it: ``64 KiB``, ``4 MiB``."""
    return f"{number // MIB} MiB" if number >= MIB else f"{number // KIB} KiB"
