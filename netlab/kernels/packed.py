# SPDX-License-Identifier: GPL-2.0-or-later
"""Compressed data, unpacked as a stream that may not become larger than it is allowed to.

A few kilobytes can unpack to gigabytes. So they are fed to the decompressor in small pieces, and
what comes out is counted before it is kept.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any, Protocol

from netlab import extras
from netlab.model import outside

#: Bytes that are fed at a time. zstd makes the most of them: 128 KiB out of 4 bytes.
PIECE = 512
#: The memory that a decompressor may use: xz -9 needs 65 MiB, and nobody needs the 4 GiB that a
#: file may ask for.
MEMORY = 128 * outside.MIB
#: What unpacked data may have: so many times its size, as no kernel's package has; but always
#: `FEW`, and never more than `MOST` bytes.
TIMES, FEW, MOST = 32, 64 * outside.MIB, 2048 * outside.MIB
#: What decompressors raise for data that is damaged, or not theirs; zstandard has its own.
DAMAGED = (EOFError, OSError, ValueError, lzma.LZMAError, zlib.error)


class TooLarge(ValueError):
    """Data that unpacks to more than it may."""

    def __init__(self, most: int) -> None:
        super().__init__(f"it unpacks to more than {outside.size(most)}, as no kernel's does")


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _zstd() -> _Decompressor:
    extras.require("kernels", "a kernel that is compressed with zstd")
    import zstandard

    made: Any = zstandard.ZstdDecompressor(max_window_size=MEMORY).decompressobj()
    return _Zstd(made)


class _Zstd:
    """The decompressor of zstandard, with an exception that needs no import to be caught."""

    def __init__(self, made: Any) -> None:
        self._made = made

    @property
    def eof(self) -> bool:
        return bool(self._made.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._made.unused_data)

    def decompress(self, data: bytes, /) -> bytes:
        import zstandard

        try:
            return bytes(self._made.decompress(data))
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from None


MAGICS: dict[bytes, Callable[[], _Decompressor]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY),
    b"]\0\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MEMORY),
    b"\x28\xb5\x2f\xfd": _zstd,
}


def ceiling(size: int) -> int:
    """The bytes to which `size` bytes may unpack."""
    return min(MOST, max(FEW, TIMES * size))


def stream(file: IO[bytes], most: int) -> io.BufferedReader:
    """What a file holds, unpacked if it is compressed (gz, bz2, xz, lzma, zst).

    To read from it raises `TooLarge` once there is more than `most`, and one of `DAMAGED` where the
    data is damaged or cut short.
    """
    return io.BufferedReader(_Stream(file, most))


def unpacked(data: bytes) -> bytes:
    """The same of data in memory, and all of it."""
    return stream(io.BytesIO(data), ceiling(len(data))).read()


def is_packed(data: bytes) -> bool:
    """Whether data begins as one of the formats that are unpacked here."""
    return data.startswith(tuple(MAGICS))


class _Stream(io.RawIOBase):
    def __init__(self, file: IO[bytes], most: int) -> None:
        super().__init__()
        self._file, self._most = file, most
        self._ready = memoryview(b"")
        self._came = 0
        head = file.read(PIECE)
        self._next = head  # that was read, and not fed yet
        self._new = next((new for magic, new in MAGICS.items() if head.startswith(magic)), None)
        self._decompressor = self._new() if self._new else None
        self._size = PIECE if self._new else outside.MIB

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            piece = self._next or self._file.read(self._size)
            self._next = b""
            if not piece:
                self._check_end()
                return 0
            self._ready = memoryview(self._decompressed(piece))
            self._came += len(self._ready)
            if self._came > self._most:
                raise TooLarge(self._most)
        number = min(len(buffer), len(self._ready))
        buffer[:number] = self._ready[:number]
        self._ready = self._ready[number:]
        return number

    def _decompressed(self, piece: bytes) -> bytes:
        if self._decompressor is None or self._new is None:
            return piece
        if self._decompressor.eof:
            if not piece.strip(b"\0"):  # padding
                return b""
            self._decompressor = self._new()  # another stream may follow, as pixz writes them
        data = self._decompressor.decompress(piece)
        if self._decompressor.eof:
            self._next = self._decompressor.unused_data
        return data

    def _check_end(self) -> None:
        if self._decompressor is not None and not self._decompressor.eof:
            raise EOFError("its compressed data is cut short")
