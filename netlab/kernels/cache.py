# SPDX-License-Identifier: GPL-2.0-or-later
"""The one place where netlab keeps files of its own between runs: kernels, lists of packages, runs.

Everything below it can be deleted at any time; it is fetched or made again. What is written there
is written beside its place first, and moved when it is whole, so a netlab that is killed leaves
nothing that a later one would take for good.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from netlab.model.errors import LabError

#: The end of the name of what is not whole yet.
DRAFT = ".part"


def root() -> Path:
    """$NETLAB_CACHE, else where this user's other caches are."""
    if own := os.environ.get("NETLAB_CACHE"):
        return Path(own).absolute()
    # A relative XDG_CACHE_HOME counts as none (XDG Base Directory Specification).
    others = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(others) if others.startswith("/") else Path.home() / ".cache") / "netlab"


def folder(*names: str) -> Path:
    """A folder of the cache, made where it is missing. Raises `LabError` where it cannot be."""
    path = root().joinpath(*names)
    with written(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Be the only netlab that works on `path`, which need not be there.

    `waiting` is called once if another one does. The kernel lifts the lock of a netlab that dies.
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
    """An empty folder that becomes `path` if all goes well, and what was there before is gone."""
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
    """Say what to do where the cache cannot be written: `LabError`."""
    try:
        yield
    except OSError as error:
        raise LabError(
            f"{path} cannot be written: {error.strerror}. netlab keeps what it fetches there; "
            "NETLAB_CACHE=FOLDER names another place"
        ) from None


def remove(path: Path) -> None:
    """Delete a folder of the cache; one that is not there is no mistake."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)
