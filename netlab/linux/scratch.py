# SPDX-License-Identifier: GPL-2.0-or-later
"""Temporary folders that go with this process, also where it is killed.

All are in one folder, which a process of its own removes when this one has ended: a mount that the
kernel would remove needs a place that no program looks for anything at, and there is none.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from netlab.linux.privileges import refused
from netlab.programs import sweeper


def place() -> str:
    """Where temporary files belong, as `tempfile.gettempdir` has it. That writes a file there to
    see whether it can, which would stay if this process were killed just then; this has no name.
    Raises FileNotFoundError where no folder can be written to.
    """
    if tempfile.tempdir is None:
        named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
        folders = [os.path.abspath(folder) for folder in (*named, "/tmp", "/var/tmp") if folder]
        tempfile.tempdir = next(filter(_takes_files, folders), None)
    return tempfile.gettempdir()


def _takes_files(folder: str) -> bool:
    with contextlib.suppress(OSError):
        file = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            return os.write(file, b"any") > 0
        finally:
            os.close(file)
    return False


def made(name: str) -> Path:
    """A new and empty folder, whose name begins so. Others than this user may enter it, too: a
    program may run as somebody else. Raises OSError, and `LabError` where no process can be had.
    """
    path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_all()))
    path.chmod(0o755)
    return path


@contextlib.contextmanager
def folder(name: str) -> Iterator[Path]:
    """One for the body alone. Raises as `made`."""
    path = made(name)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@cache
def _all() -> Path:
    """The folder of all. Whoever removes it is there before it is."""
    path = Path(place(), f"netlab-{secrets.token_hex(8)}")
    waits, holds = os.pipe()  # the other end is closed with this process
    try:
        sweeping = subprocess.Popen(
            [sys.executable, "-IS", sweeper.__file__, str(path)],
            stdin=waits, stdout=waits, stderr=waits,  # there may be no /dev/null
            cwd="/", start_new_session=True,  # Ctrl-C is not for it
        )  # fmt: skip
    except OSError as error:
        os.close(holds)
        raise refused(error) from None
    finally:
        os.close(waits)
    path.mkdir(0o755)
    atexit.register(_end, path, holds, sweeping)
    return path


def _end(path: Path, holds: int, sweeping: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(holds)
    sweeping.wait()
