# SPDX-License-Identifier: GPL-2.0-or-later
"""What is built for the package index works without the checkout it was built in."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from netlab import cli
from netlab.scenario import catalogue

from . import checkout
from .shell import PATIENCE, netlab_in

HOME = Path(__file__).parents[2]
OUTPUTS = HOME / "tests" / "unit" / "snapshot" / "outputs"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip does it. Like `python -m build`, it is made of the sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(HOME)]
    subprocess.run(build, check=True, capture_output=True, timeout=PATIENCE)
    (sdist,) = folder.glob("netlab_tcp-*.tar.gz")
    (wheel,) = folder.glob("netlab_tcp-*.whl")
    assert sdist.stat().st_size < 5_000_000
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_data_file_of_the_package_is_in_the_wheel(installed: Path) -> None:
    mine = {p.relative_to(HOME) for p in (HOME / "netlab").rglob("*")
            if p.is_file() and "__pycache__" not in p.parts}  # fmt: skip
    assert all((installed / path).is_file() for path in mine)
    assert not list(installed.rglob("test_layers.py"))


def test_the_same_commit_gives_the_same_bytes(installed: Path, tmp_path: Path) -> None:
    """Whoever builds, wherever, whenever, with whatever umask; the sdist, and the wheel of it."""
    copy = checkout.copied(tmp_path / "copy")
    for file in copy.rglob("*"):
        if file.is_file():
            file.chmod(file.stat().st_mode & 0o700)
            os.utime(file, (1e9, 1e9))
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(copy)]
    subprocess.run(build, check=True, capture_output=True, timeout=PATIENCE, umask=0o077)
    for pattern in ("*.tar.gz", "*.whl"):
        (first,), (second,) = installed.parent.glob(pattern), tmp_path.glob(pattern)
        assert first.read_bytes() == second.read_bytes(), pattern


def test_every_command_has_a_page_for_man_in_the_wheel(installed: Path) -> None:
    (folder,) = installed.glob("netlab_tcp-*.data/data/share/man/man1")
    commands = {f"netlab-{cli.name_of(module)}.1" for module in cli.MODULES}
    assert {page.name for page in folder.iterdir()} == {"netlab.1", *commands}
    assert all(page.stat().st_size > 1000 for page in folder.iterdir())


def test_the_wheel_lists_plays_and_explains(installed: Path, tmp_path: Path) -> None:
    where = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    found = subprocess.run(
        [sys.executable, "-c", "import netlab; print(netlab.__file__)"],
        env=where, cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout.startswith(str(installed))
    listed = netlab_in(tmp_path, "list", "--slow", "--json", **where).out.splitlines()
    assert len(listed) == len(catalogue.choose((), slow=True))
    assert str(installed / "netlab" / "scenarios") in listed[0]
    for words in (
        ("run", "port-closed", "syn-rejected-with-tcp-reset", "--report", tmp_path / "report"),
        ("matrix", "port-closed", "--kernel", "host", "--output", tmp_path / "matrix"),
        ("teach", "--list"),
        ("show", "syn-dropped"),
        ("atlas", "SYN_SENT/LISTEN"),
    ):
        done = netlab_in(tmp_path, *words, **where)
        assert done.code == 0, (words, done.err)
    diagnosis = netlab_in(tmp_path, "diagnose", OUTPUTS / "server-ss-6.1-tanoei.txt", **where)
    assert (diagnosis.code, diagnosis.err) == (1, "")
