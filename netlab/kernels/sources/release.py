# SPDX-License-Identifier: GPL-2.0-or-later
"""The release of an image, as ``uname -r`` will print it, read from the image itself."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

from netlab.kernels import bzimage
from netlab.model.errors import ScenarioError

#: Documentation/arch/arm64/booting.rst; the release is in the kernel's own data.
ARM64_MAGIC = slice(0x38, 0x3C)
BANNER = re.compile(rb"Linux version (\d[\w.+~-]*) ")
GZIP = b"\x1f\x8b"
NAMED = re.compile(r"vmlinu[xz]-(\d.*)")


def of(image: Path) -> str:
    """The release of a bzImage by its header, of an arm64 Image by its banner, else by its name.

    Raises `ScenarioError` where the file is not a kernel image, or cannot be read.
    """
    try:
        with image.open("rb") as file:
            head = file.read(bzimage.HEAD)
            if bzimage.is_one(head):
                return _x86(head, image)
            rest = head + file.read() if head[:2] == GZIP or head[ARM64_MAGIC] == b"ARMd" else b""
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror}", image) from None
    named = NAMED.fullmatch(image.name)
    banner = BANNER.search(_gunzipped(rest))
    if banner:
        return banner[1].decode()
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


def _gunzipped(data: bytes) -> bytes:
    if data[:2] != GZIP:
        return data
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data)
    except zlib.error:
        return b""


def _kind(head: bytes) -> str:
    if bzimage.is_elf(head):
        return "an ELF file (vmlinux: give the bzImage that was made of it)"
    return "an empty file" if not head else f"something that starts with {head[:4]!r}"
