# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel in an image, unpacked here: an emulated processor takes seconds for what this one does
in a fraction of one. QEMU starts it at the entry that is meant for hypervisors (PVH).
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from pathlib import Path

from netlab.kernels import bzimage, packed
from netlab.model import outside
from netlab.model.errors import LabError

#: The note that has the entry (xen/interface/elfnote.h): lengths, type and owner, by the length of
#: an address.
ENTRIES = [struct.pack("<III4s", 4, length, 18, b"Xen") for length in (4, 8)]
GZIP = b"\x1f\x8b"  # has its size at the end itself
SIZE = 4  # bytes
LARGEST = 512 * outside.MIB
#: Kernels that are kept.
MOST = 12


def of(image: Path, cache: Path) -> Path:
    """The unpacked kernel, from the cache or made now; the image itself where that is compressed
    otherwise, or has no such entry.

    Raises `LabError` where the cache cannot be written, `ScenarioError` where the image cannot be
    read.
    """
    status = image.stat()
    known = f"{image.resolve()} {status.st_size} {status.st_mtime_ns}"
    kept = cache / "images" / f"{hashlib.sha256(known.encode()).hexdigest()[:16]}.elf"
    try:
        if kept.exists():
            os.utime(kept)
            return kept
        kernel = unpacked(outside.contents(image, LARGEST, "a kernel's image"))
        if kernel is None:
            return image
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(f".{os.getpid()}-{time.monotonic_ns()}.part")
        draft.write_bytes(kernel)
        draft.replace(kept)
        _clear(kept.parent)
    except OSError as error:
        raise LabError(f"{kept.parent} cannot be written: {error.strerror}") from None
    return kept


def unpacked(image: bytes) -> bytes | None:
    """The kernel in a bzImage; None where QEMU could not start it without that image."""
    data = bzimage.payload(image)
    try:
        kernel = packed.unpacked(data if data.startswith(GZIP) else data[:-SIZE])
    except packed.DAMAGED:
        return None
    return kernel if bzimage.is_elf(kernel) and _has_entry(kernel) else None


def _has_entry(kernel: bytes) -> bool:
    return any(entry in kernel for entry in ENTRIES)


def _clear(folder: Path) -> None:
    """Remove what was not used for the longest time."""
    age = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in age[MOST:]:
        path.unlink(missing_ok=True)
