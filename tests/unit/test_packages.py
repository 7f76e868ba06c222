# SPDX-License-Identifier: GPL-2.0-or-later
"""What packages of Debian's and Fedora's are made of is the lock's, and what a box is provisioned
with the Vagrantfile's. (By hand: ./scripts/deb and ./scripts/rpm, and ./scripts/box.)
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .test_lock import MADE

HOME = Path(__file__).parents[2]
PACKAGING = HOME / "packaging"
DEBIAN = PACKAGING / "debian"
SPEC = PACKAGING / "rpm" / "netlab-tcp.spec"
#: What comes with another of the system's packages.
COMES_WITH = {"markupsafe": "jinja2"}


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names in each list that scripts/vendored.py writes."""
    folder = tmp_path_factory.mktemp("vendor")
    vendored = HOME / "scripts" / "vendored.py"
    subprocess.run([sys.executable, vendored, folder], check=True, timeout=60)
    names = r"^([a-z0-9._-]+)=="
    return {file.stem: {*re.findall(names, file.read_text(), re.MULTILINE)}
            for file in folder.iterdir()}  # fmt: skip


def from_system() -> set[str]:
    text = (PACKAGING / "from-system.txt").read_text()
    return {line for line in text.splitlines() if not line.startswith("#")}


def test_all_that_netlab_needs_is_vendored_or_asked_of_the_system(
    lists: dict[str, set[str]],
) -> None:
    lock = (HOME / "requirements.lock").read_text().split("# --- what the tests need")[0]
    locked = {*re.findall(r"^([a-z0-9._-]+)==(?!.*'win32')", lock, re.MULTILINE)}
    assert lists["requirements"] | lists["builders"] | from_system() == locked | {"setuptools"}
    assert not lists["requirements"] & from_system()
    assert {"greenlet", "pyroute2", "pytest", "scapy"} <= lists["requirements"]
    assert "hatchling" not in lists["requirements"]


def test_the_packages_depend_on_what_they_do_not_bring() -> None:
    (depends,) = re.findall(r"^Depends: (.*)$", (DEBIAN / "control").read_text(), re.MULTILINE)
    asked = {COMES_WITH.get(name, name) for name in from_system()}
    assert {name.removeprefix("py") for name in asked} == {*re.findall(r"python3-(\w+)", depends)}
    for word in ("BuildRequires", "Requires"):
        named = re.findall(rf"^{word}: +python3-(\w+)$", SPEC.read_text(), re.MULTILINE)
        assert asked == {*named} - {"devel", "pip"}


@pytest.mark.needs("rpmlint")
def test_rpmlint_finds_no_error_in_the_spec() -> None:
    done = subprocess.run(
        ["rpmlint", SPEC], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "1 specfiles checked; 0 errors" in done.stdout


def test_what_is_vendored_has_the_copyright_and_license_that_it_says_of_itself() -> None:
    if not MADE.is_file() or MADE.read_text().split()[:2] != ["tests", "locked"]:
        pytest.skip("what is installed here is not what is locked")
    script = HOME / "scripts" / "copyright.py"
    done = subprocess.run(
        [sys.executable, script, "--check"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_copyright_names_all_that_is_vendored(lists: dict[str, set[str]]) -> None:
    text = (DEBIAN / "copyright").read_text()
    named = {*re.findall(r"^Files: vendor/(\w+)-\*$", text, re.MULTILINE)}
    vendored = lists["requirements"] | lists["builders"]
    assert named == {name.replace("-", "_") for name in vendored}


def test_every_license_that_is_named_is_told() -> None:
    paragraphs = (DEBIAN / "copyright").read_text().split("\n\n")
    terms = [re.findall(r"^License: (.*)", each, re.MULTILINE) for each in paragraphs]
    named = {name for each, said in zip(paragraphs, terms, strict=True)
             if each.startswith("Files:") for name in re.split(" and | or ", said[0])}  # fmt: skip
    assert named == {said[0] for each, said in zip(paragraphs, terms, strict=True)
                     if each.startswith("License:")}  # fmt: skip


@pytest.mark.needs("ruby")
def test_the_vagrantfile_is_read_as_vagrant_reads_it() -> None:
    def asked(name: str) -> subprocess.CompletedProcess[str]:
        command = ["ruby", str(HOME / "scripts/vagrantfile.rb"), str(HOME / "Vagrantfile"), name]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    said = json.loads(asked("debian").stdout)
    system, suite = said["provisions"]
    assert (system["name"], system["privileged"]) == ("system", True)
    assert (suite["name"], suite["privileged"], suite["args"]) == ("suite", False, ["debian"])
    assert "python3-venv" in system["args"]
    assert suite["inline"].startswith("#!/bin/bash -l\n")
    assert said["memory"] == 2048
    unknown = asked("beos")
    assert unknown.returncode == 1
    assert "there is no machine beos, only debian, ubuntu" in unknown.stderr
