# SPDX-License-Identifier: GPL-2.0-or-later
"""The formats inside packages (ar, tar, rpm, cpio), read once from front to back.

Libraries have readers of ar and rpm, but they trust the numbers in a file: a negative size makes
one read the same header for ever, and a payload is kept in memory whole.
"""

from __future__ import annotations

import io
import re
import struct
import tarfile
from collections.abc import Iterator
from typing import IO, BinaryIO, NamedTuple

from netlab.kernels import packed
from netlab.kernels.tar import TarHeader
from netlab.model import outside

#: ar(5): the beginning of the archive, and the header of each part.
AR = b"!<arch>\n"
PART = re.compile(rb"(.{16})[ \d]{12}[ \d]{6}[ \d]{6}.{8}(\d{1,10}) *`\n", re.DOTALL)
PART_HEADER = 60
MOST_PARTS = 16  # a .deb has three
#: rpm: the lead, and the beginning of each of the two headers (LSB Core, 25.2).
LEAD, LEAD_MAGIC = 96, b"\xed\xab\xee\xdb"
INTRODUCTION, INTRODUCTION_MAGIC = struct.Struct(">4s4xII"), b"\x8e\xad\xe8\x01"
INDEX_ENTRY = 16
#: cpio's "newc": 13 numbers of 8 hexadecimal digits (buffer-format.rst).
ENTRY = re.compile(rb"07070[12]([0-9a-fA-F]{104})")
ENTRY_HEADER = 110
LAST = "TRAILER!!!"
TYPE, REGULAR = 0o170000, 0o100000
#: A kernel's package has 10,000 files at most.
MOST_FILES = 20_000
LONGEST_NAME = 4096
BLOCK = outside.MIB


class PackedFile(NamedTuple):
    """One regular file in a package. Its content must be read before the next member is."""

    name: str
    size: int  # bytes
    file: IO[bytes]


def deb(whole: BinaryIO, size: int) -> Iterator[PackedFile]:
    """The regular files of a .deb of `size` bytes: an ar archive with a compressed tar archive.

    Raises ValueError, EOFError or one of tarfile's exceptions where it is damaged.
    """
    data, data_size = _data(whole, size)
    most = packed.ceiling(data_size)
    plain = packed.stream(data, most)
    number = 0
    with tarfile.open(fileobj=plain, mode="r|", bufsize=BLOCK, tarinfo=TarHeader) as archive:
        for member in archive:
            number = _counted(number)
            if archive.offset > most:  # where the next one begins: tarfile would seek there
                raise packed.TooLarge(most)
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None:
                yield PackedFile(member.name, member.size, file)


def _data(whole: BinaryIO, size: int) -> tuple[IO[bytes], int]:
    """The part of an ar archive that is named data.tar, and its size in bytes."""
    if whole.read(len(AR)) != AR:
        raise ValueError("it is no ar archive, as a .deb is")
    at = len(AR)
    for _ in range(MOST_PARTS):
        head = whole.read(PART_HEADER)
        if not head:
            break
        found = PART.fullmatch(head)
        if found is None:
            raise ValueError(f"expected the header of a part at byte {at}")
        at += PART_HEADER + int(found[2])
        if at > size:
            raise EOFError("its last part is missing")
        if found[1].startswith(b"data.tar"):
            return io.BufferedReader(Extent(whole, int(found[2]))), int(found[2])
        at = whole.seek(at + at % 2)
    raise ValueError("it has no data.tar")


def rpm(whole: BinaryIO, size: int) -> Iterator[PackedFile]:
    """The regular files of an .rpm of `size` bytes: two headers and a compressed cpio archive.

    Raises ValueError or EOFError where it is damaged.
    """
    if whole.read(len(LEAD_MAGIC)) != LEAD_MAGIC:
        raise ValueError("it does not begin as an .rpm does")
    signature = _after_header(whole, LEAD, size)
    begin = _after_header(whole, signature + -signature % 8, size)
    return _cpio(packed.stream(whole, packed.ceiling(size - begin)))


def _after_header(whole: BinaryIO, begin: int, size: int) -> int:
    """Skip a header of an .rpm; its end, in bytes from the beginning of the file."""
    whole.seek(begin)
    head = whole.read(INTRODUCTION.size)
    if len(head) < INTRODUCTION.size:
        raise EOFError("its headers are cut short")
    magic, entries, data = INTRODUCTION.unpack(head)
    if magic != INTRODUCTION_MAGIC:
        raise ValueError(f"expected a header at byte {begin}")
    end = begin + INTRODUCTION.size + INDEX_ENTRY * entries + data
    if end > size:
        raise EOFError("its headers are cut short")
    return whole.seek(end)


def _cpio(plain: IO[bytes]) -> Iterator[PackedFile]:
    number = 0
    while True:
        number = _counted(number)
        found = ENTRY.fullmatch(_exactly(plain, ENTRY_HEADER))
        if found is None:
            raise ValueError("expected the header of a file in its cpio archive")
        numbers = [int(found[1][at : at + 8], 16) for at in range(0, 104, 8)]
        mode, size, name_size = numbers[1], numbers[6], numbers[11]
        if not 0 < name_size <= LONGEST_NAME:
            raise ValueError(f"the name of a file in it has {name_size} bytes")
        padded = name_size + -(ENTRY_HEADER + name_size) % 4
        name = _exactly(plain, padded)[: name_size - 1].decode(errors="replace")
        if name == LAST:
            return
        content = Extent(plain, size)
        if mode & TYPE == REGULAR:
            yield PackedFile(name, size, io.BufferedReader(content))
        content.skip()
        _exactly(plain, -size % 4)


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError("its end is missing")
    return data


def _counted(number: int) -> int:
    if number >= MOST_FILES:
        raise ValueError(f"it has more than {MOST_FILES} files, as no kernel's package has")
    return number + 1


class Extent(io.RawIOBase):
    """The next bytes of a file, as a file of its own."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__()
        self._file = file
        self._left = size

    def readable(self) -> bool:
        """Whether it can be read: it can."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Read into a buffer. Returns the number of bytes, 0 at the end."""
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def skip(self) -> None:
        """Go to its end. Raises EOFError where the file ends before."""
        while self._left:
            self._left -= len(_exactly(self._file, min(self._left, BLOCK)))
