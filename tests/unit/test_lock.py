# SPDX-License-Identifier: GPL-2.0-or-later
"""What is installed is what requirements.lock says, and that is what pyproject.toml allows."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from netlab import extras
from tests.programs import lacking

HOME = Path(__file__).parents[2]
LOCK = (HOME / "requirements.lock").read_text()
PROJECT = tomllib.loads((HOME / "pyproject.toml").read_text())
LINE = re.search(r"^tests_begin='(.*)'$", (HOME / "scripts/setup.sh").read_text(), re.MULTILINE)
#: What scripts/setup.sh leaves in an environment that it made.
MADE = Path(sys.prefix, "netlab-installed")
#: Come with the environment itself, or are what is tested.
OTHERS = {"pip", "setuptools", "wheel", extras.DISTRIBUTION}


def pins(text: str) -> dict[str, str]:
    """What a lock pins for this machine: names as pip compares them, and versions."""
    lines = (line.rstrip("\\ ") for line in text.splitlines() if re.match(r"\w", line))
    wanted = (Requirement(line) for line in lines)
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in wanted
        if each.marker is None or each.marker.evaluate()
    }


def asked_for(*groups: str) -> Iterator[Requirement]:
    """The requirements of the project: `dependencies`, `build`, or an extra."""
    for group in groups:
        listed = {
            "dependencies": PROJECT["project"]["dependencies"],
            "build": PROJECT["build-system"]["requires"],
            **PROJECT["project"]["optional-dependencies"],
        }[group]
        for requirement in map(Requirement, listed):
            if requirement.name == extras.DISTRIBUTION:
                yield from asked_for(*requirement.extras)
            else:
                yield requirement


def amiss(lock: str, installed: dict[str, str]) -> list[str]:
    """What is otherwise installed than a lock says."""
    locked = pins(lock)
    wrong = [f"{name} {version} is installed, {locked.get(name, 'nothing')} is locked"
             for name, version in installed.items()
             if name not in OTHERS and locked.get(name) != version]  # fmt: skip
    return wrong + [f"{name} is not installed" for name in locked.keys() - installed.keys()]


def test_the_lock_holds_what_the_project_asks_for() -> None:
    locked = pins(LOCK)
    for requirement in asked_for("dependencies", "build", "all", "dev"):
        assert Version(locked[canonicalize_name(requirement.name)]) in requirement.specifier


def test_every_pin_has_hashes() -> None:
    assert LINE
    for entry in re.split(r"^(?=[\w])", LOCK, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in entry, entry


def test_who_plays_gets_what_playing_needs_and_no_linter() -> None:
    assert LINE
    first, second = LOCK.split(f"\n{LINE[1]}\n")
    needed = {canonicalize_name(r.name) for r in asked_for("dependencies", "build", "all")}
    tools = {canonicalize_name(r.name) for r in asked_for("dev")} - needed
    assert needed <= pins(first).keys()
    assert tools <= pins(second).keys()
    assert not pins(first).keys() & pins(second).keys()


def test_what_is_installed_is_what_is_locked() -> None:
    if not MADE.is_file():
        lacking(f"this environment was made by hand: scripts/setup.sh left no {MADE}")
    part, versions, *_ = MADE.read_text().split()
    if (part, versions) != ("tests", "locked"):
        pytest.skip(f"this environment was made with {versions} versions, for {part}")
    found: dict[str, str] = {canonicalize_name(d.name): d.version for d in metadata.distributions()}
    assert not amiss(LOCK, found)


def test_another_version_a_package_too_many_and_one_too_few_are_seen() -> None:
    lock = "one==1.0 \\\n    --hash=sha256:0\ntwo==2.0 ; sys_platform == 'win32' \\\n"
    assert not amiss(lock, {"one": "1.0", "pip": "23"})
    assert amiss(lock, {"one": "1.1"}) == ["one 1.1 is installed, 1.0 is locked"]
    assert amiss(lock, {"one": "1.0", "two": "2.0"}) == ["two 2.0 is installed, nothing is locked"]
    assert amiss(lock, {}) == ["one is not installed"]


def test_the_table_of_extras_is_the_projects() -> None:
    distributions = metadata.packages_distributions()
    groups = PROJECT["project"]["optional-dependencies"].keys() - {"all", "dev", "docs"}
    assert groups == extras.EXTRAS.keys()
    for extra, modules in extras.EXTRAS.items():
        brought = {canonicalize_name(distributions[module][0]) for module in modules}
        assert brought == {canonicalize_name(r.name) for r in asked_for(extra)}, extra
