# SPDX-License-Identifier: GPL-2.0-or-later
"""An image's folder as one file tree: layers over each other, and nothing outside."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from netlab.kernels.warp import oci
from netlab.model.errors import ScenarioError

CONFIG = {"Env": ["PATH=/bin", "X=a=b"], "WorkingDir": "/app", "Cmd": ["app", "-v"]}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_CACHE", str(tmp_path / "cache"))


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644
) -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname, about.mode, about.mtime = kind, link, mode, 1234567890
    return about


def layer(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for about, data in members:
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return gzip.compress(file.getvalue())


class Layout:
    """A folder of an image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / oci.LAYOUT).write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data: bytes) -> dict[str, object]:
        """Add a part, and describe it."""
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "blobs/sha256" / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def json(self, data: object) -> dict[str, object]:
        """Add a part that is JSON, and describe it."""
        return self.blob(json.dumps(data).encode())

    def image(self, layers: Sequence[bytes], machine: str = "amd64") -> dict[str, object]:
        """Add an image, and describe it."""
        config = self.json({"config": CONFIG})
        parts = [self.blob(each) for each in layers]
        about = self.json({"config": config, "layers": parts})
        return {**about, "platform": {"architecture": machine}}

    def index(self, *images: dict[str, object]) -> Path:
        """Write which images there are."""
        (self.folder / oci.INDEX).write_text(json.dumps({"manifests": images}))
        return self.folder


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "image")


def test_an_image_is_its_layers_over_each_other(layout: Layout) -> None:
    below = layer(
        (member("usr/bin", tarfile.DIRTYPE, mode=0o755), b""),
        (member("usr/bin/app", mode=0o755), b"old"),
        (member("bin", tarfile.SYMTYPE, "usr/bin"), b""),
        (member("etc/gone"), b"x"),
        (member("var/cache/a"), b"x"),
        (member("dev/null", tarfile.CHRTYPE), b""),
    )
    above = layer(
        (member("bin/app", mode=0o4755), b"new"),
        (member("etc/.wh.gone"), b""),
        (member("var/cache/.wh..wh..opq"), b""),
        (member("var/cache/b"), b"y"),
        (member("usr/bin/same", tarfile.LNKTYPE, "usr/bin/app"), b""),
    )
    other = layout.image([layer()], "arm64")
    index = layout.json({"manifests": [layout.image([below, above])]})
    image = oci.unpacked(layout.index(other, index))
    files = {str(path.relative_to(image.root)): path.read_text()
             for path in image.root.rglob("*") if path.is_file()}  # fmt: skip
    assert files == {"usr/bin/app": "new", "usr/bin/same": "new", "var/cache/b": "y"}
    assert (image.root / "bin").is_symlink()
    status = (image.root / "usr/bin/app").stat()
    assert (stat.S_IMODE(status.st_mode), int(status.st_mtime)) == (0o4755, 1234567890)
    assert image.environment == {"PATH": "/bin", "X": "a=b"}
    assert (image.folder, image.command) == ("/app", ("app", "-v"))


def test_no_layer_writes_outside_the_tree(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("whole")
    bad = layer(
        (member("../../../../../../victim"), b"broken"),
        (member("out", tarfile.SYMTYPE, str(tmp_path)), b""),
        (member("out/victim"), b"broken"),
        (member("out/.wh.victim"), b""),
        (member("up", tarfile.SYMTYPE, "../../../../../.."), b""),
        (member(f"up{tmp_path}/victim"), b"broken"),
        (member("stolen", tarfile.LNKTYPE, f"../../../../..{tmp_path}/victim"), b""),
    )
    image = oci.unpacked(layout.index(layout.image([bad])))
    assert (tmp_path / "victim").read_text() == "whole"
    assert (tmp_path / "victim").stat().st_nlink == 1
    assert (image.root / "victim").read_text() == "broken"  # in the tree's own root


def test_an_image_is_unpacked_once(layout: Layout) -> None:
    folder = layout.index(layout.image([layer((member("a"), b"1"))]))
    first = oci.unpacked(folder)
    (first.root / "a").write_text("2")
    assert (oci.unpacked(folder).root / "a").read_text() == "2"


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        ("damaged", "is not what its name says: the image is damaged"),
        ("another machine", "has no image for amd64"),
        ("no gzip", "cannot be unpacked: "),
        ("a name without end", "cannot be unpacked: one of its names is longer than 1 MiB"),
        ("no JSON", "expected the JSON of a part of an image"),
    ],
)
def test_a_bad_image_is_one_sentence(break_it: str, problem: str, layout: Layout) -> None:
    data = layer((member("a"), b"1"))
    if break_it == "no gzip":
        data = b"\x1f\x8bnothing" * 99
    if break_it == "a name without end":
        data = layer((member("a", tarfile.GNUTYPE_LONGNAME), bytes(2 << 20)))
    folder = layout.index(
        layout.image([data], "arm64" if break_it == "another machine" else "amd64")
    )
    if break_it == "damaged":
        for each in (folder / "blobs/sha256").iterdir():
            each.write_bytes(each.read_bytes() + b" ")
    if break_it == "no JSON":
        (folder / oci.INDEX).write_text("[]")
    with pytest.raises(ScenarioError, match=problem):
        oci.unpacked(folder)


def test_a_folder_of_files_is_no_image(tmp_path: Path, layout: Layout) -> None:
    assert not oci.is_one(tmp_path)
    assert oci.is_one(layout.index())
