# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest gets: files, folders and links, each at the path that it has in its own tree."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from netlab.kernels.vm.archive import Archive
from netlab.kernels.warp.tree import Tree
from netlab.model.errors import of_file
from netlab.model.outside import MIB

#: Folders that a guest has of its own.
ITS_OWN = ("/proc", "/sys", "/dev", "/netlab")
DEPTH = 3  # folders of a path that name a large part in words: /usr/lib/python3


def everything(path: str) -> bool:
    """Leaves nothing out."""
    return True


class Packing:
    """Collects files. What is added is added with every link on the way to it."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.files: dict[str, Path] = {}  # regular ones, by their paths in the guest
        self.links: dict[str, str] = {}
        self.folders: dict[str, None] = {}
        self.fresh: list[str] = []  # files that nobody has looked into yet
        self.parts: set[str] = set()  # files of libraries, which are not executed themselves

    def add(self, path: str, wanted: Callable[[str], bool] = everything) -> str:
        """Add what is at a path, a folder with all in it that is `wanted`; what is not there is
        left out. Returns the path without links. Raises OSError where links never end.
        """
        way = self.tree.way(path)
        self.links |= way.links
        here = self.tree.outside(way.end)
        if _is_its_own(way.end):
            return way.end
        if here.is_dir():
            self._add_folder(way.end, wanted)
        elif here.is_file() and way.end not in self.files:
            self.files[way.end] = here
            self.fresh.append(way.end)
        return way.end

    def add_library(self, path: str, wanted: Callable[[str], bool] = everything) -> None:
        """Add as `add` does what a program reads and does not execute: scripts among it are texts
        like others.
        """
        known = len(self.fresh)
        self.add(path, wanted)
        self.parts.update(self.fresh[known:])

    def link(self, path: str, target: str) -> None:
        """Have a path lead to another, whatever there is at it here."""
        way = self.tree.way(path)
        self.links |= {at: to for at, to in way.links.items() if at != path}
        self.files.pop(path, None)
        self.links[path] = target

    def folder(self, path: str) -> str:
        """Add a folder without what is in it. Returns the path without links."""
        way = self.tree.way(path)
        self.links |= way.links
        if not _is_its_own(way.end):
            self.folders[way.end] = None
        return way.end

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self._sizes().values())

    def largest(self) -> str:
        """The folders that most of it is in, in words."""
        sizes: Counter[str] = Counter()
        for path, size in self._sizes().items():
            sizes["/".join(path.split("/")[: DEPTH + 1])] += size
        return ", ".join(f"{name} {size // MIB} MiB" for name, size in sizes.most_common(3))

    def write(self, archive: Archive) -> None:
        """Write it all. Raises `ScenarioError` for a file that may not be read."""
        for path in self.folders:
            archive.folder(path)
        for path, target in self.links.items():
            archive.link(path, target)
        for path, file in self.files.items():
            try:
                status, data = file.stat(), file.read_bytes()
            except OSError as error:
                raise of_file(error, f"{file} cannot be packed: {error.strerror}") from None
            archive.file(path, data, stat.S_IMODE(status.st_mode), int(status.st_mtime))

    def _add_folder(self, folder: str, wanted: Callable[[str], bool]) -> None:
        if folder in self.folders and wanted is everything:
            return
        self.folders[folder] = None
        try:
            entries = sorted(os.scandir(self.tree.outside(folder)), key=lambda each: each.name)
        except PermissionError:  # as the program would find it: a folder of somebody else's
            return
        except OSError as error:
            raise of_file(error, f"{folder} cannot be packed: {error.strerror}") from None
        for entry in entries:
            path = f"{folder.rstrip('/')}/{entry.name}"
            if wanted(path) and not _is_its_own(path):
                self._add_entry(path, entry, wanted)

    def _add_entry(self, path: str, entry: os.DirEntry[str], wanted: Callable[[str], bool]) -> None:
        if entry.is_symlink():
            self.links[path] = os.readlink(entry.path)
            end = self.tree.way(path).end
            if not self.tree.is_foreign and not f"{path}/".startswith(f"{end}/"):
                self.add(path, wanted)  # of a whole system, what it leads to comes anyway
        elif entry.is_dir():
            self._add_folder(path, wanted)
        elif entry.is_file() and path not in self.files and os.access(entry.path, os.R_OK):
            self.files[path] = Path(entry.path)
            self.fresh.append(path)

    def _sizes(self) -> dict[str, int]:
        return {path: file.stat().st_size for path, file in self.files.items()}


def _is_its_own(path: str) -> bool:
    return any(f"{path}/".startswith(f"{each}/") for each in ITS_OWN)


def sizes(folder: str, tree: Tree) -> Iterator[int]:
    """The sizes of the regular files below a folder, in bytes."""
    for path in tree.below(folder):
        status = tree.outside(path).lstat()
        if stat.S_ISREG(status.st_mode):
            yield status.st_size
