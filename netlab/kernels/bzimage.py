# SPDX-License-Identifier: GPL-2.0-or-later
"""The header of an x86 kernel image (Documentation/arch/x86/boot.rst)."""

from __future__ import annotations

from pathlib import Path

from netlab.model import outside

MAGIC = slice(0x202, 0x206)
VERSION = slice(0x20E, 0x210)  # the offset of the version string from `SETUP`
SETUP = 0x200
FLAGS, FLAG_64_BIT = 0x236, 0x1
PAYLOAD, LENGTH = slice(0x248, 0x24C), slice(0x24C, 0x250)  # from the end of the setup code
SECTORS, SECTOR, USUAL = 0x1F1, 512, 4  # of the setup code, without the first
#: Bytes to the end of the setup code, which holds the version: at most 64 sectors and the first.
HEAD = 65 * 512


def head(path: Path) -> bytes:
    """The first `HEAD` bytes of a file, which hold all that is read here.

    Raises `ScenarioError` where it cannot be read, or is no regular file.
    """
    with outside.opened(path, "a kernel's image") as file:
        return file.read(HEAD)


def is_one(head: bytes) -> bool:
    """Whether a file that begins with `head` is a bzImage."""
    return head[MAGIC] == b"HdrS"


def is_64_bit(head: bytes) -> bool:
    """Whether the kernel is a 64-bit one."""
    return len(head) > FLAGS and bool(head[FLAGS] & FLAG_64_BIT)


def is_elf(head: bytes) -> bool:
    """Whether the file is an ELF file instead, such as vmlinux."""
    return head[:4] == b"\x7fELF"


def version(head: bytes) -> str:
    """The release that ``uname -r`` will print, or "" where the header does not have it."""
    start = int.from_bytes(head[VERSION], "little") + SETUP
    text = head[start:].split(b"\0", 1)[0].decode(errors="replace")
    return "" if start == SETUP or not text[:1].isdigit() else text.split(" ", 1)[0]


def payload(image: bytes) -> bytes:
    """The compressed kernel in a whole image, followed by its size."""
    head = image[:HEAD]
    start = ((head[SECTORS] or USUAL) + 1) * SECTOR + int.from_bytes(head[PAYLOAD], "little")
    return image[start : start + int.from_bytes(head[LENGTH], "little")]
