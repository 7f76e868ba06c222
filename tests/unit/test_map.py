# SPDX-License-Identifier: GPL-2.0-or-later
"""CONTRIBUTING's map has every room and every module."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path

import netlab

from .test_layers import FLOOR, NARROWER

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


def chain(contributing: str) -> list[list[str]]:
    """The rooms from the top down, as the sentence below the map has them."""
    sentence = re.search(r"Imports run downward only[^:]*: (.*?)\.\s", contributing, re.DOTALL)
    assert sentence
    return [re.findall(r"`(\w+)`", rooms) for rooms in sentence[1].split("->")]


def test_the_chain_of_rooms_is_the_one_that_is_kept() -> None:
    rooms = chain(CONTRIBUTING.read_text())
    heights = [[FLOOR[room] for room in beside] for beside in rooms]
    assert all(max(lower) < min(upper) for upper, lower in pairwise(heights)), rooms
    narrower = {module.removeprefix("netlab.") for module in NARROWER}
    small = {"netlab", "_version", "__main__", "extras", "programs"}
    assert {room for beside in rooms for room in beside} == {*FLOOR} - narrower - small


#: What a build of the site writes, and nobody commits.
MADE = ("build/", "docs/reference/")


def test_recipes_name_files_that_are_there() -> None:
    recipes = CONTRIBUTING.read_text().partition("## Add a scenario")[2]
    named = {path for path in re.findall(r"`([\w./]+/[\w./]*)`", recipes) if "NAME" not in path}
    homes = (HOUSE, HOUSE.parent, HOUSE / "atlas")
    assert len(named) > 20
    named = {path for path in named if not path.startswith(MADE)}
    assert [
        path for path in sorted(named) if not any((home / path).exists() for home in homes)
    ] == []
