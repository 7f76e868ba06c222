# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages that lie: what they claim is not believed, and what they hold is not kept."""

from __future__ import annotations

import io
import lzma
import resource
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from netlab.kernels import packed
from netlab.kernels.sources import containers, unpack
from netlab.kernels.tar import TEXTS
from netlab.model.errors import ScenarioError
from tests.unit.kernels.sources.fake_kernels import RELEASE, deb, deb_of, files, rpm, rpm_of

GIGABYTES = 3 << 30
#: Bytes that a refusal may take: what is unpacked until the ceiling is never kept.
LITTLE = 40 << 20


def tar(*members: tuple[str, int, bytes]) -> bytes:
    """A tar archive whose headers claim a type and a size, whatever is in it."""
    whole = b""
    for name, size, kind in members:
        header = tarfile.TarInfo(name)
        header.size, header.type = size, kind
        whole += header.tobuf(tarfile.GNU_FORMAT)
    return whole


def zeros(size: int, first: bytes = b"") -> bytes:
    """That many zeros after the first bytes, compressed: one frame of zstd, and a thousand more."""
    many = 1000
    return zstandard.compress(first) + zstandard.compress(bytes(size // many)) * many


def refused(path: Path, data: bytes) -> str:
    """The sentence about a package of these bytes, which took little memory."""
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ScenarioError) as caught:
        unpack.unpack([path], path.parent / "there")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < LITTLE
    said = str(caught.value)
    assert said.startswith(f"{path}: cannot be unpacked")
    return said.removeprefix(f"{path}: ")


NAME = f"boot/vmlinuz-{RELEASE}"


def test_a_small_deb_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    """In a file that is kept, in one that is not, and in what is no file at all."""
    for name in (NAME, "usr/share/doc/copyright"):
        bomb = zeros(GIGABYTES, tar((name, GIGABYTES, tarfile.REGTYPE)))
        assert len(bomb) < 500_000
        said = refused(tmp_path / "bomb.deb", deb_of(bomb, b"data.tar.zst"))
        assert said == ("cannot be unpacked: it unpacks to more than 64 MiB, as no kernel's does")
    for kind in TEXTS:
        data = zeros(GIGABYTES, tar(("long", GIGABYTES, kind)))
        said = refused(tmp_path / "long.deb", deb_of(data, b"data.tar.zst"))
        assert "one of its names is longer than 1 MiB" in said


def test_a_small_rpm_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    numbers = (1, 0o100644, 0, 0, 1, 0, GIGABYTES, 0, 0, 0, 0, len(NAME) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + NAME.encode() + b"\0"
    bomb = zeros(GIGABYTES, head + bytes(-len(head) % 4))
    said = refused(tmp_path / "bomb.rpm", rpm_of(bomb))
    assert said == "cannot be unpacked: it unpacks to more than 64 MiB, as no kernel's does"


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_SPARSE, b"?"])
def test_a_file_that_claims_to_have_no_end(tmp_path: Path, kind: bytes) -> None:
    """There is nothing in it, and tarfile would look for the end of it for years."""
    data = zstandard.compress(tar(("usr/share/doc/endless", 1 << 60, kind)))
    said = refused(tmp_path / "endless.deb", deb_of(data, b"data.tar.zst"))
    assert said == "cannot be unpacked: it unpacks to more than 64 MiB, as no kernel's does"


def test_more_files_than_any_kernel_has(tmp_path: Path) -> None:
    many = tar(("x", 0, tarfile.REGTYPE)) * (containers.MOST_FILES + 1)
    said = refused(tmp_path / "many.deb", deb_of(zstandard.compress(many)))
    assert "more than 20000 files" in said


def test_xz_may_not_take_the_memory_that_it_asks_for(tmp_path: Path) -> None:
    wanted = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    data = lzma.compress(bytes(1000), filters=wanted)
    assert "Memory usage limit" in refused(tmp_path / "greedy.deb", deb_of(data, b"data.tar.xz"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no ar archive"),
        (b"!<arch>\n", "it has no data.tar"),
        (deb_of(b"").replace(b"0         `", b"-60       `"), "header of a part at byte 8"),
        (deb_of(b"").replace(b"0         `", b"99999     `"), "its last part is missing"),
        (deb_of(b"", b"x") * 20, "header of a part"),
        (b"!<arch>\n" + deb_of(b"", b"x")[8:] * 2000, "it has no data.tar"),
        (deb_of(b"hello"), "truncated header"),
    ],
)
def test_an_ar_archive_that_lies(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in refused(tmp_path / "a.deb", data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it does not begin as an .rpm does"),
        (rpm_of(b"")[:100], "its headers are cut short"),
        (rpm_of(b"").replace(b"\x8e\xad", b"\x8e\xae", 1), "expected a header at byte 96"),
        (rpm_of(b"")[:104] + b"\xff" * 8 + rpm_of(b"")[112:], "its headers are cut short"),
        (rpm_of(b""), "its end is missing"),
        (rpm_of(b"07070X" + b"0" * 200), "expected the header of a file in its cpio archive"),
        (rpm_of(b"070701" + b"+" * 200), "expected the header of a file in its cpio archive"),
        (rpm_of(b"070701" + b"F" * 200), "the name of a file in it has 4294967295 bytes"),
        (rpm_of(b"070701" + b"0" * 200), "the name of a file in it has 0 bytes"),
    ],
)
def test_an_rpm_that_lies(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in refused(tmp_path / "a.rpm", data)


@pytest.mark.parametrize("packing", ["xz", "gz", "zst", ""])
@pytest.mark.parametrize("write", [deb, rpm])
def test_a_package_that_is_cut_anywhere(
    tmp_path: Path, packing: str, write: Callable[..., None]
) -> None:
    path = tmp_path / f"linux.{write.__name__}"
    write(path, files(), packing=packing)
    data = path.read_bytes()
    there = unpack.unpack([path], tmp_path / "there")
    assert there.release == RELEASE
    image = (tmp_path / "there" / there.image).read_bytes()
    assert image == files()[NAME]
    ends = 1024 if packing == "" else 16  # padding, and checksums at the end
    for cut in range(0, len(data) - ends, max(1, len(data) // 97)):
        refused(path, data[:cut])


def test_what_is_packed_is_unpacked_whole() -> None:
    data = b"".join(b"%d" % number for number in range(200_000))
    pack = zstandard.compress
    for whole in (data, pack(data), pack(data[:1000]) + pack(data[1000:]), lzma.compress(data)):
        assert packed.unpacked(whole) == data
    assert packed.unpacked(lzma.compress(data) + bytes(64)) == data  # as xz pads
    with pytest.raises(EOFError):
        packed.unpacked(pack(data)[:-1])
    with pytest.raises(packed.TooLarge):
        packed.stream(io.BytesIO(pack(data)), len(data) - 1).read()
    assert packed.stream(io.BytesIO(pack(data)), len(data)).read() == data


def test_how_much_a_package_may_become() -> None:
    assert packed.ceiling(1000) == packed.FEW
    assert packed.ceiling(100 << 20) == packed.MOST  # 32 times is more than that
    assert packed.ceiling(20 << 20) == 640 << 20
