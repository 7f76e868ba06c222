# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/nipa.py: each new branch is fetched and tried once, and listed as NIPA's collector reads
it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ..unit.kernels.bisect.tree import git, grown
from .shell import PATIENCE

SCRIPT = Path(__file__).parents[2] / "scripts" / "nipa.py"
URL = "https://example.org/netlab"
BROKEN = "echo 'net/ipv4/tcp.c:1: error: no'; exit 1"

pytestmark = pytest.mark.needs("qemu-system-x86_64")


class Site:
    """A repository with branches, the list of them, a tree that builds, and results."""

    def __init__(self, folder: Path) -> None:
        self._upstream, self._tree = folder / "upstream", folder / "tree"
        self._upstream.mkdir()
        grown(self._upstream, ["a"])
        git(folder, "clone", "--quiet", str(self._upstream), str(self._tree))
        self._branches = folder / "branches.json"
        self.results = folder / "results"
        self._listed: list[dict[str, str]] = []

    def publish(self, day: int) -> str:
        """A new branch, of a day in November."""
        name = f"net-next-2026-11-{day:02}--00-00"
        git(self._upstream, "branch", name)
        date = f"2026-11-{day:02}T00:00:00+00:00"
        self._listed.append({"branch": name, "date": date, "url": str(self._upstream), "base": ""})
        self._branches.write_text(json.dumps(self._listed))
        return name

    def run(self, *words: str, code: int = 0) -> str:
        """Run the executor; return what it says on standard error."""
        done = subprocess.run(
            [sys.executable, SCRIPT, "--branches", self._branches, "--tree", self._tree,
             "--results", self.results, "--url", f"{URL}/", "--build", BROKEN, *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    @property
    def listed(self) -> list[dict[str, Any]]:
        """What the collector reads."""
        found: list[dict[str, Any]] = json.loads((self.results / "results.json").read_text())
        return found

    def of(self, entry: dict[str, Any]) -> dict[str, Any]:
        """What an entry of the list leads to."""
        assert entry["url"].startswith(f"{URL}/results-")
        path = self.results / entry["url"].removeprefix(f"{URL}/")
        found: dict[str, Any] = json.loads(path.read_text())
        return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_first_time_the_newest_is_tested_and_then_each_once(site: Site) -> None:
    names = [site.publish(day) for day in (1, 2)]
    site.run()
    site.run()
    assert [entry["branch"] for entry in site.listed] == names[1:]
    names += [site.publish(day) for day in (4, 3)]
    site.run()
    assert [entry["branch"] for entry in site.listed] == [names[1], names[3], names[2]]


def test_what_does_not_build_fails_the_test_that_every_kernel_has(site: Site) -> None:
    name = site.publish(1)
    site.run()
    (entry,) = site.listed
    assert (entry["branch"], entry["executor"]) == (name, "netlab")
    found = site.of(entry)
    (test,) = found["results"]
    link = f"{URL}/{name}.ktap"
    assert test == {
        "test": "kernel", "group": "netlab", "result": "fail", "link": link,
        "results": [{"test": "played-to-the-end", "result": "fail"}],
    }  # fmt: skip
    assert datetime.fromisoformat(found["start"]) <= datetime.fromisoformat(found["end"])
    told = (site.results / f"{name}.ktap").read_text()
    assert "# does not build: net/ipv4/tcp.c:1: error: no\n" in told


def test_a_branch_that_is_gone_is_pending_and_tried_again(site: Site, tmp_path: Path) -> None:
    name = site.publish(1)
    git(tmp_path / "upstream", "branch", "--delete", "--force", name)
    assert f"nipa: {name}: git fetch: " in site.run(code=3)
    assert [entry["url"] for entry in site.listed] == [None]
    git(tmp_path / "upstream", "branch", name)
    site.run()
    assert site.listed[0]["url"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"branch": "a"}]', '[{"date": 1}]'])
def test_what_is_no_list_is_refused(text: str, site: Site, tmp_path: Path) -> None:
    (tmp_path / "branches.json").write_text(text)
    if text == "{}":
        site.run()  # an empty one
    else:
        assert "is no list of branches" in site.run(code=2)


def test_a_list_that_nobody_has_is_an_error(site: Site) -> None:
    assert "branches.json cannot be read: " in site.run(code=3)
