# SPDX-License-Identifier: GPL-2.0-or-later
"""The header of a kernel's image for x86 (Documentation/arch/x86/boot.rst)."""

from __future__ import annotations

from pathlib import Path

MAGIC = slice(0x202, 0x206)
VERSION = slice(0x20E, 0x210)  # where the version's text is, counted from `SETUP`
SETUP = 0x200
FLAGS, FLAG_64_BIT = 0x236, 0x1
#: Bytes of the setup code, which has the version: 64 sectors at most, and the one before them.
HEAD = 65 * 512


def head(path: Path) -> bytes:
    """The beginning of a file, as much as can matter. Raises OSError."""
    with path.open("rb") as file:
        return file.read(HEAD)


def is_one(head: bytes) -> bool:
    """Whether a file that begins so is such an image."""
    return head[MAGIC] == b"HdrS"


def is_64_bit(head: bytes) -> bool:
    """Whether the kernel is one for 64 bits."""
    return len(head) > FLAGS and bool(head[FLAGS] & FLAG_64_BIT)


def is_elf(head: bytes) -> bool:
    """Whether it is an ELF file instead, such as vmlinux."""
    return head[:4] == b"\x7fELF"


def version(head: bytes) -> str:
    """What ``uname -r`` will say, or nothing where the header does not say it."""
    start = int.from_bytes(head[VERSION], "little") + SETUP
    text = head[start:].split(b"\0", 1)[0].decode(errors="replace")
    return "" if start == SETUP or not text[:1].isdigit() else text.split(" ", 1)[0]
