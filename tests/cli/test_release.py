# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/release: a dry run makes all and changes nothing; what is not in order is refused."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from packaging.version import Version

from . import checkout
from .shell import PATIENCE

#: Whoever runs the tests may have settings of git's that change what it does.
ALONE = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
CHANGES = "# Changelog\n\n## Unreleased\n\n- Something.\n\n## 0.1.0 (2020-01-01)\n\n- The first.\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean checkout of its own, on main, whose 0.1.0 is released."""
    folder = checkout.copied(tmp_path_factory.mktemp("release") / "netlab")
    (folder / "CHANGELOG.md").write_text(CHANGES)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    somebody(folder)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All")
    git(folder, "tag", "v0.1.0")
    return folder


def somebody(folder: Path) -> None:
    git(folder, "config", "user.name", "Somebody")
    git(folder, "config", "user.email", "somebody@example.org")


def git(folder: Path, *words: str) -> str:
    command = ["git", *words]
    return subprocess.run(
        command, cwd=folder, env=ALONE, check=True, capture_output=True, text=True
    ).stdout


def release(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, project / "scripts" / "release.py", *words],
        env=ALONE, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


def state(project: Path) -> list[str]:
    """All that a release changes."""
    asked = (("rev-parse", "HEAD"), ("tag",), ("status", "--porcelain", "--ignored"))
    return [git(project, *words) for words in asked]


def test_a_dry_run_makes_all_of_it_and_changes_nothing(project: Path) -> None:
    before = state(project)
    done = release(project, "0.2.0", "--dry-run", "--quick")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "netlab 0.2.0 could be released; nothing was changed\n"
    assert state(project) == before


def branch(project: Path) -> None:
    git(project, "switch", "--quiet", "--create", "other")


def dirty(project: Path) -> None:
    (project / "left-behind").touch()


def changes(text: str) -> Callable[[Path], None]:
    """Commits another list of changes."""

    def commit(project: Path) -> None:
        (project / "CHANGELOG.md").write_text(text)
        git(project, "commit", "--quiet", "--all", "--message", "Changes")

    return commit


REFUSED = {
    "bad version": ("two", None, "'two' is no version: write one as PEP 440 has it"),
    "other spelling": ("v0.2.0", None, "write 'v0.2.0' as the package index does: 0.2.0"),
    "local": ("0.2.0+mine", None, "write '0.2.0+mine' as the package index does: 0.2.0"),
    "tag": ("0.1.0", None, "the tag v0.1.0 is there already: take a later version"),
    "earlier": ("0.1.0rc1", None, "0.1.0rc1 comes before 0.1.0, which is released"),
    "branch": ("0.2.0", branch, "releases are made of main, and this is other: git switch main"),
    "dirty": ("0.2.0", dirty, "the tree is not clean: commit or remove what git status shows"),
    "empty": ("0.2.0", changes(CHANGES.replace("- Something.\n\n", "")),
              "no change is to be released: write a line for what users see"),
    "no heading": ("0.2.0", changes(CHANGES.replace("## Unreleased", "## 0.1.1")),
                   "no change is to be released: write a line for what users see"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_released_is_refused(project: Path, name: str) -> None:
    version, prepare, sentence = REFUSED[name]
    head = git(project, "rev-parse", "HEAD").strip()
    try:
        if prepare:
            prepare(project)
        before = state(project)
        done = release(project, version, "--dry-run", "--quick")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"release: {sentence}"), done.stderr
        assert state(project) == before
    finally:
        git(project, "switch", "--quiet", "--force", "main")
        git(project, "reset", "--quiet", "--hard", head)
        git(project, "clean", "--quiet", "--force")


def test_what_is_released_is_tried(project: Path) -> None:
    done = release(project, "0.2.0", "--quick")
    assert done.returncode == 2
    assert "--quick is for --dry-run" in done.stderr


def of(project: Path) -> ModuleType:
    """The script, whose home is that checkout."""
    spec = importlib.util.spec_from_file_location("release", project / "scripts" / "release.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_release_is_dated_tagged_and_brought_home(project: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    git(project, "clone", "--quiet", str(project), str(home))
    somebody(home)
    script, version = of(home), Version("0.2.0")
    made = tmp_path / "dist"
    made.mkdir()
    (made / "netlab_tcp-0.2.0.tar.gz").touch()
    script.commit(tmp_path / "clone", version)
    assert git(home, "tag") == "v0.1.0\n"
    script.bring_home(tmp_path / "clone", made, version)
    assert git(home, "describe") == "v0.2.0\n"
    assert (
        git(home, "show", "--no-patch", "--format=%an: %s", "HEAD") == "Somebody: Version 0.2.0\n"
    )
    assert git(home, "status", "--porcelain") == ""
    assert (home / "dist" / "netlab_tcp-0.2.0.tar.gz").is_file()
    assert '__version__ = "0.2.0"\n' in (home / "netlab" / "_version.py").read_text()
    today, *more = (home / "CHANGELOG.md").read_text().split("## 0.2.0 (")[1].split(")")
    assert len(today) == len("2020-01-01")
    assert more
    assert "## Unreleased\n\n## 0.2.0 (" in (home / "CHANGELOG.md").read_text()
    assert "git push --atomic origin main v0.2.0\n" in script.to_publish(version)
    assert release(home, "0.3.0", "--dry-run", "--quick").stderr.startswith(
        "release: no change is to be released"
    )


def test_what_was_not_built_of_the_version_is_no_release(project: Path, tmp_path: Path) -> None:
    script = of(project)
    with pytest.raises(script.Failed, match=r"no netlab_tcp-9-py3-none-any\.whl and no netlab"):
        script.check(tmp_path, Version("9"))
