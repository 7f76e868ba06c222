# SPDX-License-Identifier: GPL-2.0-or-later
"""From a command line to all that a guest needs to run it, or a sentence on why it cannot."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from netlab.kernels.vm.archive import Archive
from netlab.kernels.vm.bare import PYTHON
from netlab.kernels.warp import order, surroundings
from netlab.kernels.warp.interpreters import Interpreters
from netlab.kernels.warp.libraries import Libraries
from netlab.kernels.warp.needs import SHELLS, FileNeeds
from netlab.kernels.warp.order import GuestCommand, WarpOrder
from netlab.kernels.warp.packing import Packing
from netlab.kernels.warp.tree import Tree
from netlab.model.errors import ScenarioError

SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FIRST = f"#!{PYTHON} -SB\nfrom netlab.kernels.warp import inside\ninside.{{}}()\n"
#: Folders that everybody may write to.
OPEN_TO_ALL = ("/tmp", "/var/tmp")


@dataclass(frozen=True, slots=True)
class WarpRequest:
    """What somebody wants to run."""

    line: Sequence[str]
    environment: Mapping[str, str]
    folder: str  # where it starts
    root: Path = Path("/")  # of the system that it is taken from
    more: Sequence[str] = ()  # files, folders and programs that it needs besides
    packages: Sequence[str] = ()  # that a Python imports without its being seen
    input: bytes = b""
    terminal: tuple[int, int] | None = None  # lines and columns
    joined: bool = False
    until: float | None = None  # seconds of the guest's time
    user: tuple[int, int, Sequence[int]] | None = None
    lab: Sequence[str] | None = None  # options of netlab exec; None: no lab
    serve: Sequence[str] = ()  # what is started on the lab's server first
    audit: Mapping[str, object] | None = None  # as `audition.asked` has it: the command is audited


@dataclass(frozen=True, slots=True)
class Parcel:
    """A packing and what to do with it."""

    packing: Packing
    told: WarpOrder
    input: bytes
    remarks: Sequence[str] = field(default_factory=tuple)

    def write(self, file: BinaryIO) -> None:
        """Write the archive. Raises `ScenarioError` for a file that may not be read."""
        archive = Archive(file)
        for folder in OPEN_TO_ALL:
            archive.folder(folder, 0o1777)
        self.packing.write(archive)
        for folder in {self.told.folder, self.told.environment.get("HOME", "")} - {""}:
            archive.folder(self.packing.folder(folder))
        archive.file(order.START, FIRST.format("main").encode(), 0o755)
        archive.file(order.INTO, FIRST.format("into").encode(), 0o755)
        archive.file(order.ORDER, self.told.json().encode())
        archive.file(order.INPUT, self.input)
        archive.close()


def packed(asked: WarpRequest) -> Parcel:
    """Pack a command. Raises `ScenarioError`, with what to do, where it could certainly not start
    in a guest, or something it was given is not there.
    """
    return _Packer(asked).parcel()


class _Packer:
    def __init__(self, asked: WarpRequest) -> None:
        self._asked = asked
        self._environment = {"PATH": SEARCHED, **asked.environment}
        self._lines = [[*asked.line], *map(_split, asked.serve)]
        self._tree = Tree(asked.root)
        self._packing = Packing(self._tree)
        self._programs = [self._program(line[0]) for line in self._lines]
        words = [
            word
            for program, line in zip(self._programs, self._lines, strict=True)
            for word in (program, *line[1:])
        ]
        self._interpreters = Interpreters(
            self._packing, words, asked.folder, self._environment, asked.packages
        )
        libraries = Libraries(self._tree, self._environment.get("LD_LIBRARY_PATH", ""))
        self._needs = FileNeeds(self._packing, libraries, self._interpreters, asked.folder)

    def parcel(self) -> Parcel:
        """Pack it all."""
        asked = self._asked
        for program in self._programs:
            self._needs.check(program)
        if self._tree.is_foreign:
            self._packing.add("/")
        for program, line in zip(self._programs, self._lines, strict=True):
            self._needs.program(program)
            self._words(program, line[1:])
        for more in asked.more:
            self._add(more)
        if not self._tree.is_foreign:
            surroundings.add(self._packing, self._environment)
            self._needs.complete()
        commands = [self._command(*each) for each in zip(self._programs, self._lines, strict=True)]
        told = WarpOrder(
            client=commands[0],
            environment=self._environment,
            folder=asked.folder,
            hostname=os.uname().nodename,
            until=asked.until,
            terminal=asked.terminal,
            joined=asked.joined,
            user=asked.user,
            lab=asked.lab,
            servers=commands[1:],
            audit=asked.audit,
        )
        remarks = (*self._interpreters.remarks, *self._left_out())
        return Parcel(self._packing, told, asked.input, remarks)

    def _program(self, word: str) -> str:
        """The path of a program. Raises `ScenarioError` where there is none, or it is none."""
        tree, where = self._tree, self._where()
        if "/" not in word:
            found = tree.on_path(word, self._environment["PATH"])
            if found is None:
                raise ScenarioError(
                    f"there is no program {word!r}{where} in any folder of PATH: install it, or "
                    "name its file, such as ./program"
                )
            return found
        path = os.path.normpath(os.path.join(self._asked.folder, word))
        if tree.is_folder(path):
            raise ScenarioError(f"{word} is a folder: expected a program{where}")
        if tree.file(path) is None:
            raise ScenarioError(f"there is no program {word}{where}")
        if not tree.is_program(path):
            raise ScenarioError(f"{word} is not executable{where}: chmod +x {word}")
        if not os.access(tree.outside(tree.way(path).end), os.R_OK):
            raise ScenarioError(f"{word} may not be read{where}, and has to be, to be packed")
        return path

    def _words(self, program: str, words: Sequence[str]) -> None:
        """Add the files and programs that the words of a command line name."""
        if self._tree.is_foreign:
            return
        for word in words:
            path = os.path.join(self._asked.folder, word)
            if self._tree.file(path) is not None:
                self._packing.add(path)
            elif "/" not in word and (found := self._interpreters.on_path(word)):
                self._needs.program(found)
        if SHELLS.fullmatch(os.path.basename(program)):
            self._needs.words(" ".join(words))

    def _add(self, more: str) -> None:
        """Add what somebody named: a file, a folder, or a program by its name."""
        path = os.path.join(self._asked.folder, more)
        if self._tree.is_foreign:  # from this machine, over that system's files
            here = Path.cwd() / more
            if not here.is_file():
                raise ScenarioError(f"--with {more}: expected a file; with --root, no folder")
            self._packing.files[str(here)] = here
        elif os.path.lexists(path):
            if not os.access(path, os.R_OK):
                raise ScenarioError(f"--with {more}: it may not be read, or leads nowhere")
            self._packing.add(path)
        elif "/" not in more and (found := self._interpreters.on_path(more)):
            self._needs.program(found)
        else:
            raise ScenarioError(
                f"--with {more}: there is no such file or folder, and no program of that name"
            )

    def _command(self, program: str, line: Sequence[str]) -> GuestCommand:
        itself = self._interpreters.stands_for.get(program)
        if itself is not None:  # a shim's name would lead to another program, or to none
            return GuestCommand(itself, (itself, *line[1:]))
        return GuestCommand(program, tuple(line))

    def _left_out(self) -> Iterator[str]:
        """Folders that the command names and does not get, in words."""
        tree = self._tree
        for word in [word for line in self._lines for word in line[1:] if word[:1] != "-"]:
            path = os.path.join(self._asked.folder, word)
            if "/" in word.strip("./") or not tree.is_folder(path):
                continue
            if tree.way(path).end not in self._packing.folders and tree.way(path).end != "/":
                yield f"the folder {word} is not packed: --with {word} packs it"

    def _where(self) -> str:
        return f" in {self._asked.root}" if self._tree.is_foreign else ""


def _split(serve: str) -> list[str]:
    """The words of a command line, as a shell would split it."""
    try:
        words = shlex.split(serve)
    except ValueError as error:
        raise ScenarioError(f"--serve {serve!r}: {str(error).lower()}") from None
    if not words:
        raise ScenarioError(f"--serve {serve!r}: expected a command")
    return words
