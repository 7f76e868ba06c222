# SPDX-License-Identifier: GPL-2.0-or-later
"""A tree of files that a program is taken from: this machine's, or that of another system in a
folder, whose links are followed inside it, as its own programs would.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOST_LINKS = 40  # on the way to one file, as in Linux


@dataclass(frozen=True, slots=True)
class FollowedPath:
    """A path without links, and the links that were met on the way to it, each with its target."""

    end: str
    links: dict[str, str] = field(default_factory=dict)


class Tree:
    """Files below a root. Paths are absolute, and begin at that root."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self._known: dict[str, str | None] = {}  # targets of links; None: it is no link

    @property
    def is_foreign(self) -> bool:
        """Whether it is another system's than the one that runs here."""
        return self.root != Path("/")

    def outside(self, path: str) -> Path:
        """Where a file is on this machine, if no link is on the way to it."""
        return self.root / path.lstrip("/")

    def way(self, path: str) -> FollowedPath:
        """Follow all links. Raises OSError where they never end. The end need not exist."""
        links: dict[str, str] = {}
        followed = 0
        left, at = path.split("/")[::-1], ""
        while left:
            part = left.pop()
            if part in ("", "."):
                continue
            if part == "..":
                at = at.rpartition("/")[0]
                continue
            here = f"{at}/{part}"
            target = self._target(here)
            if target is None:
                at = here
                continue
            links[here] = target
            followed += 1
            if followed > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            at = "" if target.startswith("/") else at
            left += target.split("/")[::-1]
        return FollowedPath(at or "/", links)

    def file(self, path: str) -> Path | None:
        """The regular file that a path leads to, on this machine; None where there is none."""
        found = self._at_the_end(path)
        return found if found is not None and found.is_file() else None

    def is_folder(self, path: str) -> bool:
        """Whether a path leads to a folder."""
        found = self._at_the_end(path)
        return found is not None and found.is_dir()

    def is_program(self, path: str) -> bool:
        """Whether a path leads to a file that may be executed."""
        found = self.file(path)
        return found is not None and bool(found.stat().st_mode & 0o111)

    def on_path(self, name: str, searched: str) -> str | None:
        """The program that a name means, looked for as a shell does."""
        for folder in searched.split(":"):
            path = f"{folder or '.'}/{name}"
            if path.startswith("/") and self.is_program(path):
                return path
        return None

    def below_one(self, folder: str) -> list[str]:
        """The paths of what is in a folder; none where there is none, or it may not be read."""
        try:
            return [f"{folder}/{name}" for name in sorted(os.listdir(self.outside(folder)))]
        except OSError:
            return []

    def below(self, folder: str) -> Iterator[str]:
        """The paths of all files and folders below one, without following links."""
        top = self.outside(folder)
        for place, folders, names in os.walk(top):
            at = f"{folder.rstrip('/')}/{os.path.relpath(place, top)}".removesuffix("/.")
            folders.sort()
            yield from (f"{at}/{name}" for name in sorted([*folders, *names]))

    def _at_the_end(self, path: str) -> Path | None:
        try:
            return self.outside(self.way(path).end)
        except (OSError, ValueError):
            return None

    def _target(self, path: str) -> str | None:
        if path not in self._known:
            try:
                self._known[path] = os.readlink(self.outside(path))
            except OSError:
                self._known[path] = None
        return self._known[path]
