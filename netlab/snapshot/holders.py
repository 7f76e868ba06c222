# SPDX-License-Identifier: GPL-2.0-or-later
"""Which processes hold a socket, from the links in ``/proc/*/fd``: 2 us for each descriptor."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from netlab.model.text import printable
from netlab.snapshot.owners import processes


def descriptors(first: Iterable[str] = ()) -> Iterator[tuple[int, str]]:
    """The inode of each socket that is open in a process, and the process, as ``ss -p`` writes it.

    `first` are numbers of processes to begin with; of each process, its newest descriptors come
    first. Those of processes that this user may not inspect are missing.
    """
    processes = dict.fromkeys((*first, *filter(str.isdecimal, os.listdir("/proc"))))
    for process in processes:
        with contextlib.suppress(OSError):  # another user's process, or it has just ended
            yield from held_by(process)


def held_by(process: str) -> Iterator[tuple[int, str]]:
    """The same of one process. Raises OSError where it may not be inspected, or has ended."""
    name = ""
    folder = f"/proc/{process}/fd"
    for descriptor in reversed(os.listdir(folder)):
        try:
            link = os.readlink(f"{folder}/{descriptor}")
        except FileNotFoundError:  # closed meanwhile
            continue
        if link.startswith("socket:["):
            name = name or printable(_name(process))
            yield int(link[8:-1]), f'("{name}",pid={process},fd={descriptor})'


def listed(holders: Iterable[str]) -> str:
    """Several holders of one socket, as ``ss -p`` writes them."""
    return f"users:({','.join(holders)})"


def _name(process: str) -> str:
    """What a process calls itself, which may be anything."""
    raw = Path(f"/proc/{process}/comm").read_bytes()
    return raw.rstrip(b"\n").decode(errors="replace").replace("\n", "\\n")


class Holders:
    """The processes that hold sockets, for who looks again and again.

    Whoever held a socket at one look holds it at the next. A new one is looked for among the newest
    descriptors of the processes that hold others, then everywhere, and no further than it is
    found. (Who else holds it, as after a fork, is not.)
    """

    def __init__(self) -> None:
        self._known: dict[int, str] = {}  # also those that nobody holds who may be inspected
        self._asked: set[int] = set()  # at this look
        self._walk: Iterator[tuple[int, str]] | None = None

    def look(self) -> None:
        """A look begins: what was not asked for at the last one is forgotten."""
        self._known = {inode: self._known[inode] for inode in self._asked}
        self._asked = set()
        self._walk = None

    def owner(self, inode: int | None) -> str:
        """The process that holds a socket, as ``ss -p`` writes it; '' if none is seen to."""
        if not inode:
            return ""
        self._asked.add(inode)
        if inode not in self._known:
            self._find(inode)
        return self._known[inode]

    def _find(self, inode: int) -> None:
        if self._walk is None:
            known = (processes(owner) for owner in self._known.values())
            self._walk = descriptors([process for each in known for _, process in each])
        for found, holder in self._walk:
            self._known.setdefault(found, listed([holder]))
            if found == inode:
                return
        self._known[inode] = ""
