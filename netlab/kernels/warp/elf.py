# SPDX-License-Identifier: GPL-2.0-or-later
"""What a program or shared object says that it needs (elf(5)). It is read and never executed, as
ldd may do: it may be anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

MAGIC = b"\x7fELF"
HERE = "x64"  # what pyelftools calls the machines that guests are
#: Its names for the most common others, in words.
MACHINES = {"x86": "32-bit x86", "AArch64": "64-bit ARM", "ARM": "32-bit ARM", "RISC-V": "RISC-V"}


#: What pyelftools may say of a damaged file, besides its own.
OF_DAMAGE = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError),
    *(RecursionError, TypeError, ValueError),
)
#: What is read of what a file says of itself, and what pyelftools calls it.
TAGS = {"DT_NEEDED": "needed", "DT_RPATH": "rpath", "DT_RUNPATH": "runpath"}


@dataclass(frozen=True, slots=True)
class ElfFile:
    """One file's needs."""

    path: str
    machine: str  # x64, as pyelftools calls it
    bits: int
    loader: str = ""  # "": it needs none
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()  # folders that come before everybody else's, for what it loads, too
    runpath: tuple[str, ...] = ()  # folders for its own needs

    @property
    def is_of_guests(self) -> bool:
        """Whether a guest's processor runs it."""
        return self.machine == HERE and self.bits == 64

    @property
    def kind(self) -> str:
        """The machine it is for, in words."""
        return MACHINES.get(self.machine, self.machine.strip("<>"))


def read(path: str, file: Path) -> ElfFile | None:
    """What the file of a path says; None where it is no such file, or is damaged."""
    from elftools.common.exceptions import ELFError
    from elftools.construct.core import ConstructError
    from elftools.elf.elffile import ELFFile

    try:
        with file.open("rb") as opened:
            if opened.read(len(MAGIC)) != MAGIC:
                return None
            return _read(path, ELFFile(opened))
    except (OSError, ELFError, ConstructError, *OF_DAMAGE):
        return None


def _read(path: str, elf: ELFFile) -> ElfFile:
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.segments import InterpSegment

    loader = ""
    tags: dict[str, list[str]] = {name: [] for name in TAGS}
    for segment in elf.iter_segments():
        if isinstance(segment, InterpSegment):
            loader = segment.get_interp_name()
        elif isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                if tag.entry.d_tag in TAGS:
                    tags[tag.entry.d_tag].append(getattr(tag, TAGS[tag.entry.d_tag]))
    return ElfFile(
        path=path,
        machine=elf.get_machine_arch(),
        bits=elf.elfclass,
        loader=loader,
        needed=tuple(tags["DT_NEEDED"]),
        rpath=tuple(folder for each in tags["DT_RPATH"] for folder in each.split(":")),
        runpath=tuple(folder for each in tags["DT_RUNPATH"] for folder in each.split(":")),
    )
