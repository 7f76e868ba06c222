# SPDX-License-Identifier: GPL-2.0-or-later
"""Unpacks a kernel's packages: the image, and those of its modules that a lab can use.

A .deb is an ar archive that holds a compressed tar archive (deb(5)), an .rpm a header followed by a
compressed cpio archive. Neither dpkg nor rpm is needed.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from netlab import extras
from netlab.kernels import cache
from netlab.kernels.sources import release
from netlab.model.errors import ScenarioError

IMAGE = re.compile(
    r"(?:boot/vmlinu[xz]-(?P<named>[^/]+)|(?:usr/)?lib/modules/(?P<in>[^/]+)/vmlinuz)"
)
MODULE = re.compile(
    r"(?:usr/)?lib/modules/(?P<release>[^/]+)/"
    r"(?P<path>modules\.[\w.]+|kernel/[\w./+-]+\.ko(?:\.(?:xz|zst|gz))?)"
)
KEYRING = re.compile(r"usr/share/keyrings/(?P<file>[\w.-]+\.(?:gpg|pgp))")
#: Bytes of the header of an ar archive, and of each of its parts (ar(5)).
HEADERS = (8, 60)
#: The name that ends a cpio archive.
LAST = b"TRAILER!!!"
#: Bytes that are read at a time.
BLOCK = 1 << 20
#: What a lab may need out of thousands of modules: all network code, the drivers of a guest's few
#: devices, and the code that those two depend on. Of Ubuntu's 6.17 that is 12 MB of 161.
KEPT = re.compile(
    r"modules\..*|kernel/(?:arch|crypto|lib|net|drivers/char|drivers/virtio)/.*"
    r"|kernel/drivers/net/[^/]+"
)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was unpacked; paths are relative to the folder."""

    release: str
    image: str
    modules: str | None


def unpack(packages: Sequence[Path], folder: Path) -> Unpacked:
    """Unpack the packages of one kernel into a folder.

    Raises `ScenarioError` where a package is truncated, or where together they lack the image or
    its modules, or hold several kernels; `LabError` where the folder cannot be written.
    """
    images: dict[str, str] = {}
    modules: dict[str, int] = {}
    for package in packages:
        with _readable(package):
            for name, size, file in members(package):
                if found := IMAGE.fullmatch(name):
                    which = found["named"] or found["in"]
                    _write(folder, f"boot/vmlinuz-{which}", size, file)
                    images[which] = name
                elif found := MODULE.fullmatch(name):
                    which, path = found["release"], found["path"]
                    modules[which] = modules.get(which, 0) + path.startswith("kernel/")
                    if KEPT.fullmatch(path):
                        _write(folder, f"lib/modules/{which}/{path}", size, file)
    return _one(packages, folder, images, modules)


def _one(
    packages: Sequence[Path], folder: Path, images: dict[str, str], modules: dict[str, int]
) -> Unpacked:
    """The one kernel that was in packages."""
    names = " + ".join(path.name for path in packages)
    with_modules = [which for which, number in modules.items() if number]
    if not images:
        raise ScenarioError(
            f"{names}: no kernel's image in it (boot/vmlinuz-* or lib/modules/*/vmlinuz); what a "
            "kernel is split into is found in one folder, or joined with +"
        )
    if len(images) > 1:
        raise ScenarioError(f"{names}: several kernels ({', '.join(images)}); expected one")
    (named,) = images
    image = f"boot/vmlinuz-{named}"
    which = release.of(folder / image)
    if which not in with_modules:
        raise ScenarioError(
            f"{names}: no modules of {which} in it; the package that has them is found in the same "
            "folder, or joined with +"
        )
    return Unpacked(which, image, f"lib/modules/{which}")


def members(package: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """The regular files of a package: path from the root, size in bytes, content.

    Each content must be read before the next file. Paths that would leave the target folder are
    left out.
    """
    read = _rpm if package.suffix == ".rpm" else _deb
    with package.open("rb") as whole:
        for name, size, file in read(whole):
            if ".." not in name.split("/"):
                yield name.removeprefix("./").lstrip("/"), size, file


@contextlib.contextmanager
def _readable(package: Path) -> Iterator[None]:
    """Raises `ScenarioError` for a package that is damaged, or not a package."""
    extras.require("kernels", package.name)
    import zstandard
    from debian.arfile import ArError
    from rpmfile.errors import RPMError

    formats = (ArError, RPMError, lzma.LZMAError, tarfile.TarError, zlib.error, zstandard.ZstdError)
    try:
        yield
    except (*formats, EOFError, OSError, ValueError, AssertionError, struct.error) as error:
        why = str(error) or type(error).__name__
        raise ScenarioError(f"cannot be unpacked, it may be cut short ({why})", package) from None


def _deb(whole: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    import zstandard
    from debian.arfile import ArFile

    parts = ArFile(fileobj=cast("BinaryIO", whole)).getmembers()
    data = next((part for part in parts if part.name.startswith("data.tar")), None)
    if data is None:
        raise ValueError("it has no data.tar")
    # ArFile does not check the sizes in ar's headers against the file.
    if whole.seek(0, os.SEEK_END) < HEADERS[0] + sum(HEADERS[1] + part.size for part in parts):
        raise EOFError("its last part is missing")
    packed: Any = data
    if data.name.endswith(".zst"):  # tarfile reads it from Python 3.14 on
        packed = zstandard.ZstdDecompressor().stream_reader(packed)
    with tarfile.open(fileobj=packed, mode="r|*", bufsize=BLOCK) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is not None:
                yield member.name, member.size, file


def _rpm(whole: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    import rpmfile

    with rpmfile.open(fileobj=whole) as archive:
        # With zstd, unlike the others, a truncated stream is no error.
        data = archive.data_file
        if isinstance(data, io.BytesIO) and LAST not in data.getvalue()[-4 * 512 :]:
            raise EOFError("its end is missing")
        for member in archive.getmembers():
            if not member.issymlink:
                yield member.name, member.size, archive.extractfile(member)


def _write(folder: Path, name: str, size: int, file: IO[bytes]) -> None:
    path, data = folder / name, file.read()
    if len(data) < size:
        raise EOFError(f"{len(data)} of {size} bytes of {name}")
    with cache.written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def keys(package: Path, folder: Path) -> None:
    """Unpack the keyrings of a package into a folder.

    Raises `ScenarioError` where the package is damaged, `LabError` where the folder cannot be
    written.
    """
    with _readable(package):
        for name, size, file in members(package):
            if found := KEYRING.fullmatch(name):
                _write(folder, found["file"], size, file)
