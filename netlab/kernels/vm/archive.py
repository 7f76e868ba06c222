# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the archives that a kernel unpacks as its initial root file system.

The format is cpio's "newc" (Documentation/driver-api/early-userspace/buffer-format.rst): a kernel
accepts several of them in a row, so the part that never changes is made only once.
"""

from __future__ import annotations

import os
import stat
from pathlib import PurePosixPath
from typing import BinaryIO

MAGIC = b"070701"
LAST = "TRAILER!!!"
#: Another archive may follow one only if this divides the length of the first.
BLOCK = 512


class Archive:
    """A cpio archive that is written to a file as entries are added, with folders as needed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._entries = 0
        self._folders = {"", "."}

    def folder(self, path: str, mode: int = 0o755) -> None:
        """Add a folder and all its parents; those that exist are skipped."""
        name = path.strip("/")
        if name not in self._folders:
            self.folder(str(PurePosixPath(name).parent))
            self._folders.add(name)
            self._write(name, stat.S_IFDIR | mode)

    def file(self, path: str, data: bytes, mode: int = 0o644, seconds: int = 0) -> None:
        """Add a file with its content, last changed at that time (seconds since 1970). A later one
        of the same path replaces an earlier one.
        """
        self.folder(str(PurePosixPath(path.strip("/")).parent))
        self._write(path.strip("/"), stat.S_IFREG | mode, data, seconds=seconds)

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self.folder(str(PurePosixPath(path.strip("/")).parent))
        self._write(path.strip("/"), stat.S_IFLNK | 0o777, os.fsencode(target))

    def device(self, path: str, major: int, minor: int) -> None:
        """Add a character device that only root may use."""
        self.folder(str(PurePosixPath(path.strip("/")).parent))
        self._write(path.strip("/"), stat.S_IFCHR | 0o600, device=(major, minor))

    def close(self) -> None:
        """Write the end; the file itself stays open."""
        self._write(LAST, 0)
        self._file.write(bytes(-self._length % BLOCK))

    _length = 0

    def _write(
        self,
        name: str,
        mode: int,
        data: bytes = b"",
        device: tuple[int, int] = (0, 0),
        seconds: int = 0,
    ) -> None:
        self._entries += 1
        path = os.fsencode(name) + b"\0"
        # inode, mode, user, group, links, time, size, two numbers of the disk, of the device,
        # length of the name, and a sum that this variant does not have
        numbers = self._entries, mode, 0, 0, 1, seconds & 0xFFFFFFFF, len(data)
        fields = (*numbers, 0, 0, *device, len(path), 0)
        head = MAGIC + b"".join(b"%08X" % field for field in fields) + path
        head += bytes(-len(head) % 4)
        self._file.write(head)
        self._file.write(data)
        self._file.write(bytes(-len(data) % 4))
        self._length += len(head) + len(data) + -len(data) % 4
