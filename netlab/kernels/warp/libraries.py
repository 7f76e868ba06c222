# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds shared objects where a program's loader would (ld.so(8)), without running it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator

from netlab.kernels.warp import elf
from netlab.kernels.warp.elf import ElfFile
from netlab.kernels.warp.tree import Tree

CONFIG, MUSL_CONFIG = "/etc/ld.so.conf", "/etc/ld-musl-x86_64.path"
#: Where loaders look without being told, glibc's (some of them only Debian's) and musl's.
USUAL = (
    *("/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"),
    *("/lib", "/usr/lib", "/usr/local/lib"),
)
#: Folders beside a library with copies of it for newer processors, which are preferred there.
NEWER = tuple(f"glibc-hwcaps/x86-64-v{level}" for level in (2, 3, 4))
#: What a library opens when it is first of use, and says nowhere.
COMPANIONS = {
    "libc.so.6": ("libnss_files.so.2", "libnss_dns.so.2", "libnss_compat.so.2", "libgcc_s.so.1"),
}
#: Folders beside a library with what it opens.
BESIDE = {"libcrypto.so.3": "ossl-modules"}


class Libraries:
    """The shared objects of one tree. `searched`: LD_LIBRARY_PATH."""

    def __init__(self, tree: Tree, searched: str = "") -> None:
        self._tree = tree
        self._searched = [each for each in searched.split(":") if each.startswith("/")]

    def find(self, name: str, who: ElfFile, inherited: Iterable[str] = ()) -> list[str]:
        """The paths that a needed name stands for: the one that is loaded, then its copies for
        newer processors. Empty where there is none. `inherited`: the rpath of who loads `who`.
        """
        if "/" in name:
            return [name] if self._fits(name) else []
        for folder in self._order(who, inherited):
            found = [path for sub in ("", *NEWER)
                     if self._fits(path := os.path.normpath(f"{folder}/{sub}/{name}"))]  # fmt: skip
            if found:
                return found
        return []

    def beside(self, name: str, path: str) -> Iterator[str]:
        """Paths that a library at `path` may open, whatever it says."""
        for other in COMPANIONS.get(name, ()):
            yield from self.find(other, ElfFile(path, elf.HERE, 64))
        if name in BESIDE:
            yield f"{os.path.dirname(path)}/{BESIDE[name]}"

    def _order(self, who: ElfFile, inherited: Iterable[str]) -> Iterator[str]:
        if not who.runpath:
            yield from self._filled_in([*who.rpath, *inherited], who)
        yield from self._searched
        yield from self._filled_in(who.runpath, who)
        yield from self._configured
        yield from USUAL

    def _filled_in(self, folders: Iterable[str], who: ElfFile) -> Iterator[str]:
        origin = os.path.dirname(who.path)
        for folder in folders:
            if folder:
                yield folder.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)

    @functools.cached_property
    def _configured(self) -> list[str]:
        musl = self._tree.file(MUSL_CONFIG)
        if musl is not None:
            return musl.read_text(errors="replace").replace("\n", ":").split(":")
        return [*self._lines(CONFIG)]

    def _lines(self, path: str, depth: int = 0) -> Iterator[str]:
        file = self._tree.file(path)
        for line in file.read_text(errors="replace").splitlines() if file else ():
            words = line.partition("#")[0].split()
            if words[:1] == ["include"] and depth < 2:
                folder, _, pattern = words[1].rpartition("/")
                place = self._tree.outside(self._tree.way(folder).end)
                for each in sorted(place.glob(pattern)):
                    yield from self._lines(f"{folder}/{each.name}", depth + 1)
            elif words and words[0].startswith("/"):
                yield words[0]

    @functools.cache  # noqa: B019 (one tree lives as long as the command)
    def _fits(self, path: str) -> bool:
        file = self._tree.file(path)
        about = elf.read(path, file) if file is not None else None
        return about is not None and about.is_of_guests
