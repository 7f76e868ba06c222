# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel in an image is unpacked where QEMU can start it so, and made once."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from netlab.kernels import bzimage
from netlab.kernels.vm import vmlinux

KERNEL = b"\x7fELF" + bytes(100)


def image(payload: bytes) -> bytes:
    """A bzImage, as far as its header tells where the kernel is."""
    head = bytearray(2 * bzimage.SECTOR)
    head[bzimage.SECTORS] = 1
    head[bzimage.PAYLOAD] = struct.pack("<I", 7)
    head[bzimage.LENGTH] = struct.pack("<I", len(payload))
    return bytes(head) + b"7 bytes" + payload + b"more"


@pytest.mark.parametrize("entry", vmlinux.ENTRIES)
def test_a_kernel_with_an_entry_for_hypervisors_is_unpacked(entry: bytes) -> None:
    kernel = KERNEL + entry
    assert vmlinux.unpacked(image(gzip.compress(kernel))) == kernel


@pytest.mark.parametrize(
    "payload",
    [
        gzip.compress(KERNEL),
        gzip.compress(b"no ELF" + vmlinux.ENTRIES[1]),
        b"packed otherwise",
        b"",
    ],
    ids=["no entry", "no ELF", "packed otherwise", "empty"],  # gzip's bytes hold the time
)
def test_any_other_is_left_as_it_is(payload: bytes, tmp_path: Path) -> None:
    here = tmp_path / "bzImage"
    here.write_bytes(image(payload))
    assert vmlinux.of(here, tmp_path) == here


def test_a_kernel_is_unpacked_once_and_few_are_kept(tmp_path: Path) -> None:
    packed = gzip.compress(KERNEL + vmlinux.ENTRIES[0])
    made = []
    for number in range(vmlinux.MOST + 1):
        here = tmp_path / str(number)
        here.write_bytes(image(packed))
        made.append(vmlinux.of(here, tmp_path))
    there = made[-1].stat().st_ino
    assert vmlinux.of(tmp_path / str(vmlinux.MOST), tmp_path) == made[-1]
    assert made[-1].stat().st_ino == there
    assert len(list(made[-1].parent.iterdir())) == vmlinux.MOST
