# SPDX-License-Identifier: GPL-2.0-or-later
"""Unpacks a kernel's packages: the image, and those of its modules that a lab can use.

Neither dpkg nor rpm is needed. Nothing is kept in memory whole, and a package that would become
larger than a kernel's ever is refused before it does.
"""

from __future__ import annotations

import contextlib
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlab.kernels import cache, packed
from netlab.kernels.sources import containers, release
from netlab.kernels.sources.containers import PackedFile
from netlab.model import outside
from netlab.model.errors import ScenarioError

IMAGE = re.compile(
    r"(?:boot/vmlinu[xz]-(?P<named>[^/]+)|(?:usr/)?lib/modules/(?P<in>[^/]+)/vmlinuz)"
)
MODULE = re.compile(
    r"(?:usr/)?lib/modules/(?P<release>[^/]+)/"
    r"(?P<path>modules\.[\w.]+|kernel/[\w./+-]+\.ko(?:\.(?:xz|zst|gz))?)"
)
KEYRING = re.compile(r"usr/share/keyrings/(?P<file>[\w.-]+\.(?:gpg|pgp))")
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
            for member in members(package):
                name = member.name
                if found := IMAGE.fullmatch(name):
                    which = found["named"] or found["in"]
                    _write(folder, f"boot/vmlinuz-{which}", member)
                    images[which] = name
                elif found := MODULE.fullmatch(name):
                    which, path = found["release"], found["path"]
                    modules[which] = modules.get(which, 0) + path.startswith("kernel/")
                    if KEPT.fullmatch(path):
                        _write(folder, f"lib/modules/{which}/{path}", member)
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


def members(package: Path) -> Iterator[PackedFile]:
    """The regular files of a package, by their paths from the root.

    Each content must be read before the next file. Paths that would leave the target folder are
    left out.
    """
    read = containers.rpm if package.suffix == ".rpm" else containers.deb
    with outside.opened(package, "a package") as whole:
        for member in read(whole, package.stat().st_size):
            if ".." not in member.name.split("/"):
                yield member._replace(name=member.name.removeprefix("./").lstrip("/"))


@contextlib.contextmanager
def _readable(package: Path) -> Iterator[None]:
    """Raises `ScenarioError` for a package that is damaged, or not a package."""
    try:
        yield
    except packed.TooLarge as error:
        raise ScenarioError(f"cannot be unpacked: {error}", package) from None
    except (tarfile.TarError, *packed.DAMAGED) as error:
        why = str(error) or type(error).__name__
        raise ScenarioError(f"cannot be unpacked, it may be cut short ({why})", package) from None


def _blocks(member: PackedFile) -> Iterator[bytes]:
    while data := member.file.read(containers.BLOCK):
        yield data


def _write(folder: Path, name: str, member: PackedFile) -> None:
    path, written = folder / name, 0
    with cache.written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for data in _blocks(member):
                written += file.write(data)
    if written < member.size:
        raise EOFError(f"{written} of {member.size} bytes of {name}")


def keys(package: Path, folder: Path) -> None:
    """Unpack the keyrings of a package into a folder.

    Raises `ScenarioError` where the package is damaged, `LabError` where the folder cannot be
    written.
    """
    with _readable(package):
        for member in members(package):
            if found := KEYRING.fullmatch(member.name):
                _write(folder, found["file"], member)
