# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest's disk is made of: archives, byte code, stripped programs."""

from __future__ import annotations

import importlib.util
import io
import marshal
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from netlab.kernels.suite import Job
from netlab.kernels.vm import bare, image
from netlab.kernels.vm.archive import BLOCK, Archive
from netlab.kernels.warp import elf
from netlab.model.errors import LabError


class Entry(NamedTuple):
    """What an archive has of one path."""

    mode: int
    data: bytes
    device: tuple[int, int]


def unpacked(data: bytes) -> Iterator[tuple[str, Entry]]:
    """Read as the kernel does (init/initramfs.c): entries, and archives one after the other."""
    at = 0
    while at < len(data):
        if data[at] == 0:  # between two archives
            at += 1
            continue
        assert data[at : at + 6] == b"070701"
        assert at % 4 == 0
        field = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name = data[at + 110 : at + 110 + field[11]]
        assert name.endswith(b"\0")
        start = at + 110 + field[11]
        start += -start % 4
        at = start + field[6]
        at += -at % 4
        if name != b"TRAILER!!!\0":
            entry = Entry(field[1], data[start : start + field[6]], (field[9], field[10]))
            yield os.fsdecode(name[:-1]), entry


def archive() -> tuple[io.BytesIO, Archive]:
    file = io.BytesIO()
    return file, Archive(file)


def test_an_archive_has_what_was_put_in() -> None:
    file, filled = archive()
    filled.file("/a/b/file", b"text", 0o755)
    filled.file("/a/b/other", b"")
    filled.link("bin/sh", "../a/b/file")
    filled.device("dev/console", 5, 1)
    filled.close()
    found = dict(unpacked(file.getvalue()))
    assert [*found] == ["a", "a/b", "a/b/file", "a/b/other", "bin", "bin/sh", "dev", "dev/console"]
    assert found["a/b"].mode == stat.S_IFDIR | 0o755
    assert found["a/b/file"] == Entry(stat.S_IFREG | 0o755, b"text", (0, 0))
    assert found["bin/sh"] == Entry(stat.S_IFLNK | 0o777, b"../a/b/file", (0, 0))
    assert found["dev/console"] == Entry(stat.S_IFCHR | 0o600, b"", (5, 1))


@pytest.mark.parametrize("length", range(9))
def test_archives_of_any_length_can_follow_each_other(length: int) -> None:
    file, first = archive()
    first.file("n" * (length + 1), b"x" * length)
    first.close()
    assert len(file.getvalue()) % BLOCK == 0
    second = Archive(file)
    second.file("later", b"y")
    second.close()
    assert [*dict(unpacked(file.getvalue()))] == ["n" * (length + 1), "later"]


def test_byte_code_is_pythons_own_where_that_is_current(tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text("VALUE = 1\n")
    code = image.byte_code(source)
    assert code[:4] == importlib.util.MAGIC_NUMBER
    assert value(code) == 1
    kept = Path(importlib.util.cache_from_source(str(source)))
    kept.parent.mkdir()
    status = source.stat()
    head = (importlib.util.MAGIC_NUMBER, 0, int(status.st_mtime), status.st_size)
    kept.write_bytes(image.BYTE_CODE.pack(*head) + b"kept")
    assert image.byte_code(source).endswith(b"kept")
    source.write_text("VALUE = 22\n")  # now that is of something else
    assert value(image.byte_code(source)) == 22


def value(code: bytes) -> object:
    names: dict[str, object] = {}
    exec(marshal.loads(code[image.BYTE_CODE.size :]), names)
    return names["VALUE"]


def test_a_stripped_program_still_runs(tmp_path: Path) -> None:
    python = Path(sys.executable).resolve()
    short = tmp_path / "python"
    short.write_bytes(image.stripped(python.read_bytes()))
    short.chmod(0o755)
    assert short.stat().st_size < python.stat().st_size
    home = {**os.environ, "PYTHONHOME": sys.base_prefix}
    said = subprocess.run(
        [short, "-Sc", "print(6 * 7)"], capture_output=True, text=True, check=True, env=home
    )
    assert said.stdout == "42\n"


def test_what_is_no_program_is_left_as_it_is() -> None:
    assert image.stripped(b"# text") == b"# text"


def test_the_job_arrives_as_it_was() -> None:
    job = Job(names=("syn-*",), own=(("a.yaml", "text"),), sysctls={"net.ipv4.tcp_sack": "0"})
    found = dict(unpacked(image.job(job, "debian:sid", "virtual")))
    assert image.asked(found[bare.JOB.strip("/")].data.decode()) == (job, "debian:sid", "virtual")
    start = found[bare.INIT.strip("/")]
    assert start.mode == stat.S_IFREG | 0o755
    assert start.data.startswith(f"#!{bare.PYTHON} ".encode())


def test_netlab_goes_along_with_its_scenarios_and_without_source() -> None:
    home = bare.PACKAGES.strip("/") + "/netlab/"
    names = [name.removeprefix(home) for name, _ in unpacked(image.job(Job(), "x", "real"))]
    assert {"kernels/vm/init.pyc", "scenarios/handshake/syn-dropped.yaml"} <= {*names}
    source = [name for name in names if name.endswith(".py") or "__pycache__" in name]
    assert {name.split("/")[0] for name in source} == {"scenarios"}, "stories are read there"


def test_a_userland_is_made_once_and_has_all_that_python_needs(tmp_path: Path) -> None:
    kept = image.userland(tmp_path)
    made = kept.stat().st_ino
    assert image.userland(tmp_path) == kept
    assert kept.stat().st_ino == made
    names = {name for name, _ in unpacked(kept.read_bytes())}
    library, packages = bare.LIBRARY.strip("/"), bare.PACKAGES.strip("/")
    assert {bare.PYTHON.strip("/"), f"{library}/os.pyc", f"{library}/encodings/utf_8.pyc",
            f"{packages}/scapy/layers/inet.pyc", f"{packages}/pyroute2/__init__.pyc",
            "dev/console", "proc", "tmp"} <= names  # fmt: skip
    assert any(name.startswith("netlab/shared/libc.so") for name in names)
    assert not [name for name in names if name.startswith((f"{library}/test/", f"{packages}/rich"))]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "userland").write_text("in the way")
    with pytest.raises(
        LabError, match=r"userland cannot be written: (File exists|Not a directory)"
    ):
        image.userland(tmp_path)


def test_netlabs_own_programs_are_started_by_netlabs_own_loader(tmp_path: Path) -> None:
    """Another system's may be where they name theirs."""
    before = Path(sys.executable).resolve()
    after = tmp_path / "python"
    after.write_bytes(image.with_own_loader(before.read_bytes()))
    about, was = elf.read("python", after), elf.read("python", before)
    assert about is not None
    assert was is not None
    assert about.loader == bare.LOADER
    assert (about.needed, after.stat().st_size) == (was.needed, before.stat().st_size)
