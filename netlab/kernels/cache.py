# SPDX-License-Identifier: GPL-2.0-or-later
"""The one place where netlab keeps files between runs: kernels, lists of packages, stored runs.

Everything below it can be deleted at any time; it is fetched or made again. Each entry is written
under a temporary name first and renamed when it is complete, so a netlab that is killed leaves
nothing that a later one would mistake for a complete entry.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from netlab.model.errors import LabError

#: The suffix of what is not complete yet.
DRAFT = ".part"


def root() -> Path:
    """$NETLAB_CACHE, or else netlab's folder in the user's cache directory."""
    if own := os.environ.get("NETLAB_CACHE"):
        return Path(own).absolute()
    # A relative XDG_CACHE_HOME counts as none (XDG Base Directory Specification).
    others = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(others) if others.startswith("/") else Path.home() / ".cache") / "netlab"


def folder(*names: str) -> Path:
    """A folder of the cache, created if missing. Raises `LabError` if it cannot be created."""
    path = root().joinpath(*names)
    with written(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Be the only netlab that works on `path`, which need not exist.

    `waiting` is called once if another netlab holds the lock; the kernel releases the lock of a
    netlab that dies. Raises `LabError` if the lock file cannot be opened.
    """
    with written(path):
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def draft(path: Path) -> Iterator[Path]:
    """An empty folder that replaces `path` if the body succeeds. Raises `LabError` as `written`."""
    begun = path.with_name(path.name + DRAFT)
    with written(path):
        remove(begun)
        begun.mkdir(parents=True)
    try:
        yield begun
        with written(path):
            remove(path)
            begun.rename(path)
    finally:
        remove(begun)


@contextlib.contextmanager
def written(path: Path) -> Iterator[None]:
    """Raises `LabError`, with what to do, where the body cannot write to the cache."""
    try:
        yield
    except OSError as error:
        raise LabError(
            f"{path} cannot be written: {error.strerror}. netlab keeps what it fetches there; "
            "NETLAB_CACHE=FOLDER names another place"
        ) from None


def remove(path: Path) -> None:
    """Delete a folder of the cache; a missing one is no error."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)
