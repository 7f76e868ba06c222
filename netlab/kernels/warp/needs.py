# SPDX-License-Identifier: GPL-2.0-or-later
"""What the files in a packing need besides: loaders and shared objects, interpreters, and the
programs that a shell's script names.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from netlab.kernels.warp import elf
from netlab.kernels.warp.elf import ElfFile
from netlab.kernels.warp.interpreters import Interpreters
from netlab.kernels.warp.libraries import Libraries
from netlab.kernels.warp.packing import Packing
from netlab.model.errors import ScenarioError

SHELLS = re.compile(r"(ba|da|k|z|a|mk|y)?sh")
#: The longest script that is read for the programs it names, in bytes.
LONGEST = 1 << 20
WORD = re.compile(r"[\w./+-]+")
COMMENT = re.compile(r"(?m)(^|\s)#.*$")
OBJECT = re.compile(r"\.so(\.|$)|\.node$")
HEAD = 256  # bytes of a script in which its interpreter is named, as in Linux


class FileNeeds:
    """Completes a packing, for a program that starts in `folder`."""

    def __init__(
        self, packing: Packing, libraries: Libraries, interpreters: Interpreters, folder: str
    ) -> None:
        self._packing = packing
        self._libraries = libraries
        self._interpreters = interpreters
        self._folder = folder
        self._seen: set[str] = set()

    def complete(self) -> None:
        """Add what the files need until nothing more is needed. What cannot be found is left out:
        most libraries that nobody misses belong to parts that are never used.
        """
        while self._packing.fresh:
            path = self._packing.fresh.pop()
            file = self._packing.files.get(path)
            if file is None:
                continue
            executable = bool(file.stat().st_mode & 0o111)
            if not executable and not OBJECT.search(path):
                continue
            about = elf.read(path, file)
            if about is not None and about.is_of_guests:
                self._objects(about, ())
            elif executable and path not in self._packing.parts and (line := _first(file)):
                self._script(path, line)

    def words(self, text: str) -> None:
        """Add the programs that a shell's script names, wherever: those named in vain are small."""
        tree = self._packing.tree
        for word in dict.fromkeys(WORD.findall(COMMENT.sub(" ", text))):
            path = os.path.join(self._folder, word) if "/" in word else None
            found = path if path and tree.is_program(path) else self._on_path(word)
            if found:
                self.program(found)

    def program(self, path: str) -> None:
        """Add a program, and if it is an interpreter what it comes with."""
        if path not in self._seen and self._packing.tree.is_program(path):
            self._seen.add(path)
            self._packing.add(path)
            self._interpreters.add(path)

    def check(self, path: str) -> None:
        """Raises `ScenarioError` where a program certainly cannot start in a guest: it is for other
        machines, or it, its interpreter or its loader is not there, or one of its libraries.
        """
        file = self._packing.tree.file(path)
        assert file is not None
        about = elf.read(path, file)
        if about is None:
            self._check_script(path, _first(file))
            return
        if not about.is_of_guests:
            raise ScenarioError(
                f"{path} is a program for {about.kind}, and guests are 64-bit x86: build it for "
                "x86-64"
            )
        if about.loader and self._packing.tree.file(about.loader) is None:
            raise ScenarioError(
                f"{path} is started by {about.loader}, which is not here: install that system's C "
                "library, or give its whole root: --root DIR"
            )
        self._check_objects(about, (), {path})

    def _check_objects(self, about: ElfFile, inherited: tuple[str, ...], seen: set[str]) -> None:
        rpath = (*about.rpath, *inherited)
        for name in about.needed:
            paths = self._libraries.find(name, about, inherited)
            if not paths and name != os.path.basename(about.loader):
                raise ScenarioError(
                    f"{about.path} needs the shared object {name}, which is in no folder that its "
                    "loader looks in: install it, or name its folder: LD_LIBRARY_PATH=DIR"
                )
            for path in paths:
                file = self._packing.tree.file(path)
                needed = elf.read(path, file) if file and path not in seen else None
                seen.add(path)
                if needed is not None:
                    self._check_objects(needed, rpath, seen)

    def _check_script(self, path: str, line: list[str]) -> None:
        if not line:
            raise ScenarioError(
                f"{path} is no program: expected an ELF file, or a script whose first line names "
                "its interpreter (#!/bin/sh)"
            )
        interpreter = line[0]
        if named := _by_env(line):
            interpreter = self._on_path(named) or named
        if not self._packing.tree.is_program(interpreter):
            raise ScenarioError(
                f"{path}: its interpreter {interpreter} is not here: install it, or correct the "
                "script's first line"
            )

    def _objects(self, about: ElfFile, inherited: tuple[str, ...]) -> None:
        if about.loader:
            self._packing.add(about.loader)
        rpath = (*about.rpath, *inherited)
        for name in about.needed:
            for path in self._libraries.find(name, about, inherited):
                if path in self._seen:
                    continue
                self._seen.add(path)
                file = self._packing.tree.file(self._packing.add(path))
                needed = elf.read(path, file) if file else None
                if needed is not None:
                    self._objects(needed, rpath)
                for other in self._libraries.beside(name, path):
                    self._packing.add(other)

    def _script(self, path: str, line: list[str]) -> None:
        interpreter = line[0]
        self.program(interpreter)
        if found := self._on_path(_by_env(line)):
            self.program(found)
            interpreter = found
        if SHELLS.fullmatch(os.path.basename(interpreter)):
            text = self._packing.files[path].read_bytes()[:LONGEST]
            self.words(text.decode(errors="replace"))

    def _on_path(self, name: str) -> str | None:
        return self._interpreters.on_path(name) if name else None


def _by_env(line: list[str]) -> str:
    """The interpreter that env(1) is to look for; "" where it is named itself."""
    if os.path.basename(line[0]) != "env":
        return ""
    return next((word for word in line[1:] if not word.startswith("-")), "")


def _first(file: Path) -> list[str]:
    """The words of a script's first line that names its interpreter; empty where there is none."""
    with file.open("rb") as opened:
        head = opened.read(HEAD)
    if not head.startswith(b"#!"):
        return []
    line = head[2:].split(b"\n")[0].decode(errors="replace").strip()
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()
