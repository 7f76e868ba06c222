# SPDX-License-Identifier: GPL-2.0-or-later
"""tracefs: one for the whole machine, whatever namespaces a process is in.

Tracepoints see every namespace and every container. So what keeps their users apart must be as wide
as they are: locks of its files (fcntl_locking(2), flock(2)), which every mount of it shares, and
which end with the process that holds them, however it ends. Where it is not mounted, a detached
mount (fsopen(2), Linux 5.2) serves.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from netlab.linux import syscalls

MOUNTED = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
#: Instances of netlab's begin with this.
OWN = "netlab-"
#: A file that is always there, and that to open for writing changes nothing.
LOCKED = "tracing_on"


def root() -> int:
    """A descriptor of its root. Raises OSError where this process may not have it."""
    for path in MOUNTED:
        if os.path.isdir(f"{path}/instances"):
            return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return syscalls.detached("tracefs")


def instances(root: int) -> Path:
    """The folder of the instances."""
    return Path(f"/proc/self/fd/{root}/instances")


@contextlib.contextmanager
def alone(root: int) -> Iterator[None]:
    """Be the only netlab that makes or removes instances. Raises OSError."""
    folder = os.open("instances", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def name_of(process: int) -> str:
    """What the instances of a process begin with: the process namespace that it is in, its number,
    and when it began. Raises OSError where there is no such process.
    """
    status = Path(f"/proc/{process}/stat").read_text()
    began = status[status.rindex(")") :].split()[20]
    namespace = os.stat(f"/proc/{process}/ns/pid").st_ino
    return f"{OWN}{namespace}-{process}-{began}"


def _lives(instance: str) -> bool:
    """True if the process of an instance has not ended: it is about to remove that itself."""
    try:
        return instance.startswith(f"{name_of(int(instance.split('-')[2]))}-")
    except (OSError, ValueError, IndexError):
        return False


def remove_orphans(root: int) -> list[str]:
    """Remove the instances that a netlab left, killed together with its guardian; their names.

    To be called `alone`. An instance that is read from cannot be removed (EBUSY), so a living
    netlab keeps its own until it ends.
    """
    removed = []
    for instance in instances(root).glob(f"{OWN}*"):
        with contextlib.suppress(OSError):
            ending = _lives(instance.name)
            instance.rmdir()
            if not ending:
                removed.append(instance.name)
    return removed


def removed_orphans() -> list[str]:
    """The same for whoever has nothing to do with tracefs otherwise; none where it may not."""
    try:
        folder = root()
    except OSError:
        return []
    try:
        with alone(folder):
            return remove_orphans(folder)
    except OSError:
        return []
    finally:
        os.close(folder)


class Claims:
    """Numbers that belong to one process of this machine. Raises OSError where it may not trace."""

    def __init__(self) -> None:
        folder = root()
        try:
            self._file = os.open(LOCKED, os.O_RDWR | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)

    def take(self, number: int) -> bool:
        """Claim a number; False if another process has it. Its own it may claim again."""
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, number, 1, 0)
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, lock)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Give all of them back; in a forked child, leave them to the parent."""
        os.close(self._file)
