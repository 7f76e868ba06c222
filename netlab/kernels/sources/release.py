# SPDX-License-Identifier: GPL-2.0-or-later
"""The release of an image, as ``uname -r`` will print it, read from the image itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from netlab.kernels import bzimage, packed
from netlab.model import outside
from netlab.model.errors import ScenarioError

#: Documentation/arch/arm64/booting.rst; the release is in the kernel's own data.
ARM64_MAGIC = slice(0x38, 0x3C)
BANNER = re.compile(rb"Linux version (\d[\w.+~-]{,200}) ")
LONGEST = 256  # bytes of its beginning
LARGEST = 512 * outside.MIB  # of an image that is not compressed
WHAT = "a kernel's image"
GZIP = b"\x1f\x8b"
NAMED = re.compile(r"vmlinu[xz]-(\d.*)")


def of(image: Path) -> str:
    """The release of a bzImage by its header, of an arm64 Image by its banner, else by its name.

    Raises `ScenarioError` where the file is not a kernel image, or cannot be read.
    """
    with outside.opened(image, WHAT) as file:
        head = file.read(bzimage.HEAD)
        if bzimage.is_one(head):
            return _x86(head, image)
        file.seek(0)
        may_have_one = head[:2] == GZIP or head[ARM64_MAGIC] == b"ARMd"
        banner = _banner(file) if may_have_one else ""
    named = NAMED.fullmatch(image.name)
    if banner:
        return banner
    if named and head[:2] in {GZIP, b"MZ"}:  # an EFI stub around a compressed image
        return named[1]
    raise ScenarioError(
        "is no kernel that can be booted: expected a bzImage, as vmlinuz and arch/x86/boot/bzImage "
        f"are, found {_kind(head)}",
        image,
    )


def _x86(head: bytes, image: Path) -> str:
    version = bzimage.version(head)
    if not version:
        raise ScenarioError("is a bzImage whose header does not say its version", image)
    return version


def _banner(file: BinaryIO) -> str:
    """The release in the kernel's own data; "" where it is not in there, or that is damaged."""
    plain, before = packed.stream(file, LARGEST), b""
    try:
        while data := plain.read(outside.MIB):
            if found := BANNER.search(before + data):
                return found[1].decode()
            before = data[-LONGEST:]
    except packed.DAMAGED:
        pass
    return ""


def _kind(head: bytes) -> str:
    if bzimage.is_elf(head):
        return "an ELF file (vmlinux: give the bzImage that was made of it)"
    return "an empty file" if not head else f"something that starts with {head[:4]!r}"
