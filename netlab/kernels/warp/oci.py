# SPDX-License-Identifier: GPL-2.0-or-later
"""The folder of a container's image (OCI image layout), unpacked as one file tree into the cache.

Such a folder is what ``skopeo copy docker-daemon:IMAGE oci:FOLDER`` and ``podman save --format
oci-dir`` write. Layers come from anybody: nothing is written outside the tree, and no device is
made.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from netlab.kernels import cache, packed
from netlab.kernels.tar import TarHeader
from netlab.kernels.warp.tree import Tree
from netlab.model import outside
from netlab.model.errors import ScenarioError

LAYOUT, INDEX = "oci-layout", "index.json"
MACHINE = "amd64"
#: Of an index, a manifest, a configuration, in bytes.
LARGEST = 16 * outside.MIB
#: Names of files that say what a layer takes away (layer.md, "Whiteouts").
GONE, ALL_GONE = ".wh.", ".wh..wh..opq"
#: How deep an index may lie in another.
DEPTH = 4


@dataclass(frozen=True, slots=True)
class OciImage:
    """An image, unpacked."""

    root: Path
    environment: Mapping[str, str]
    folder: str  # where its programs start
    command: tuple[str, ...]  # what it runs if nothing else is asked for


def is_one(folder: Path) -> bool:
    """Whether a folder is that of an image."""
    return (folder / LAYOUT).is_file() and (folder / INDEX).is_file()


def unpacked(folder: Path) -> OciImage:
    """The image in a folder, unpacked now or at an earlier time.

    Raises `ScenarioError` where it has none for this machine, or is damaged, and `LabError` where
    the cache cannot be written.
    """
    manifest = _manifest(folder, _json(folder / INDEX), DEPTH)
    about = _blob(folder, manifest.get("config", {}))
    config = _json(about).get("config") or {}
    place = cache.folder("roots") / about.name[:32]
    with cache.locked(place):
        if not place.is_dir():
            with cache.draft(place) as begun:
                for layer in manifest["layers"]:
                    _unpack(_blob(folder, layer), begun)
    return OciImage(
        place,
        dict(each.split("=", 1) for each in config.get("Env") or () if "=" in each),
        config.get("WorkingDir") or "/",
        (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())),
    )


def _manifest(folder: Path, index: dict[str, Any], depth: int) -> dict[str, Any]:
    """The manifest for this machine. An index may lead to another."""
    for about in index.get("manifests", ()):
        if about.get("platform", {}).get("architecture", MACHINE) != MACHINE:
            continue
        found = _json(_blob(folder, about))
        if "layers" in found:
            return found
        if depth:
            return _manifest(folder, found, depth - 1)
    raise ScenarioError(f"{folder} has no image for {MACHINE}")


def _blob(folder: Path, about: Mapping[str, Any]) -> Path:
    """The file that a descriptor names. Raises `ScenarioError` where it is another."""
    kind, _, digest = str(about.get("digest")).partition(":")
    if kind != "sha256" or not digest.isalnum():
        raise ScenarioError(f"{folder}: expected parts of an image by sha256, found {kind!r}")
    path = folder / "blobs" / kind / digest
    found = hashlib.sha256()
    with outside.opened(path, "a part of an image") as file:
        while piece := file.read(outside.PIECE):
            found.update(piece)
    if found.hexdigest() != digest:
        raise ScenarioError(f"{path} is not what its name says: the image is damaged")
    return path


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(outside.text(path, LARGEST, "a part of an image"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ScenarioError(f"{path}: expected the JSON of a part of an image")
    return found


def _unpack(layer: Path, root: Path) -> None:
    """Lay a layer over what is in a folder. Raises `ScenarioError` where it is damaged."""
    most = packed.ceiling(layer.stat().st_size)
    try:
        with (
            layer.open("rb") as file,
            tarfile.open(
                fileobj=packed.stream(file, most), mode="r|", tarinfo=TarHeader
            ) as archive,
        ):
            for member in archive:
                with cache.written(root):
                    _lay(member, archive, root)
    except (tarfile.TarError, *packed.DAMAGED) as error:
        raise ScenarioError(f"{layer} cannot be unpacked: {error}") from None


def _lay(member: tarfile.TarInfo, archive: tarfile.TarFile, root: Path) -> None:
    tree = Tree(root)  # a new one, since links have changed
    folder, _, name = f"/{member.name}".rstrip("/").rpartition("/")
    above = tree.outside(tree.way(folder).end)
    if name in ("", ".", ".."):
        return
    above.mkdir(parents=True, exist_ok=True)
    path = above / name
    if name == ALL_GONE:
        for each in above.iterdir():
            _remove(each)
    elif name.startswith(GONE):
        _remove(above / name.removeprefix(GONE))
    elif member.isdir():
        if path.is_symlink() or not path.is_dir():
            _remove(path)
            path.mkdir()
        path.chmod(member.mode & 0o7777 | 0o700)
    elif member.issym():
        _remove(path)
        path.symlink_to(member.linkname)
    elif member.islnk():
        _remove(path)
        with contextlib.suppress(FileNotFoundError):
            os.link(tree.outside(tree.way(f"/{member.linkname}").end), path)
    elif member.isreg():
        _remove(path)
        content = archive.extractfile(member)
        assert content is not None
        _write(content, path)
        path.chmod(member.mode & 0o7777 | 0o400)
        os.utime(path, (member.mtime, member.mtime))


def _write(content: IO[bytes], path: Path) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
