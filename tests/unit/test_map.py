# SPDX-License-Identifier: GPL-2.0-or-later
"""CONTRIBUTING's map has every room and every module."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import netlab

HOUSE = Path(netlab.__file__).parent
CONTRIBUTING = HOUSE.parent / "CONTRIBUTING.md"


def drawn(contributing: str) -> dict[str, str]:
    """The text that the map has for each room, and for each module that is in none."""
    drawing = re.search(r"^```\nnetlab/\n(.+?)^```", contributing, re.DOTALL | re.MULTILINE)
    assert drawing
    parts = re.split(r"^  (?=\w)", drawing[1], flags=re.MULTILINE)[1:]
    return {re.split(r"/|\s", part)[0]: part for part in parts}


def missing(contributing: str, modules: list[str]) -> Iterator[str]:
    """What the map does not have; `modules` are paths from `netlab/`."""
    rooms = drawn(contributing)
    for module in modules:
        room = module.split("/")[0]
        names = re.findall(r"[\w*]+", rooms.get(room, ""))
        stem = Path(module).stem
        if not any(fnmatch(stem, name) for name in names):
            yield module


def modules() -> list[str]:
    """Those that are not private."""
    found = (path.relative_to(HOUSE).as_posix() for path in HOUSE.rglob("*.py"))
    return sorted(path for path in found if not Path(path).name.startswith("_"))


def test_every_module_is_on_the_map() -> None:
    assert [*missing(CONTRIBUTING.read_text(), modules())] == []


def test_what_is_not_on_the_map_is_seen() -> None:
    house = "```\nnetlab/\n  model/   plain: tcp\n  render/  ladder*\n  report.py  files\n```\n"
    there = ["model/tcp.py", "render/ladder_svg.py", "report.py"]
    gone = ["attic/tcp.py", "model/ladder.py", "other.py", "render/tcp.py"]
    assert [*missing(house, sorted(there + gone))] == gone


def test_the_tests_without_a_lab_mirror_the_package() -> None:
    """`tests/unit/ROOM/` is about `netlab/ROOM/`; what is about the whole is beside this file."""
    folders = [path.parent for path in Path(__file__).parent.rglob("*/__init__.py")]
    rooms = {folder.relative_to(Path(__file__).parent) for folder in folders}
    assert Path("scenario") in rooms
    assert [room for room in sorted(rooms) if not (HOUSE / room).is_dir()] == []
