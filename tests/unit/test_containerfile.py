# SPDX-License-Identifier: GPL-2.0-or-later
"""The Containerfile installs what netlab needs, by the recipe that everything else uses."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from netlab.cli.commands import doctor

HOME = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n\s*", "", (HOME / "Containerfile").read_text())
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
#: What gives or takes a right, as an engine is told.
OPTION = r"--(?:cap-add|cap-drop|security-opt|user|read-only)(?: [a-zA-Z][\w=-]+)?"
#: What no container needs: other kernels are played outside.
LEFT_OUT = {"QEMU, to play on other kernels"}


def packages() -> set[str]:
    """What the image has of Debian's, without what only builds."""
    system = TEXT.partition("FROM system AS built")[0]
    (installed,) = re.findall(r"apt-get install((?: +[\w.-]+)+)", system)
    return {word for word in installed.split() if not word.startswith("-")}


def test_it_has_every_program_that_the_doctor_looks_for() -> None:
    checks = [each for each in doctor._programs() if each.what not in LEFT_OUT]
    wanted = {"nftables", "iproute2", "util-linux", "tcpdump"}
    assert len(checks) == len(wanted)
    assert wanted | {"libseccomp2", "man-db", "python3"} <= packages()


def test_it_installs_what_the_lock_says_as_scripts_run_does() -> None:
    assert ". scripts/setup.sh" in TEXT
    assert ". scripts/setup.sh" in (HOME / "scripts" / "run").read_text()
    assert "pip install" not in TEXT


def test_its_base_is_public_and_can_be_another() -> None:
    base, *rest = LINES
    assert re.fullmatch(r"ARG BASE=docker\.io/library/debian:[a-z]+-slim", base)
    assert rest[0] == "FROM ${BASE} AS system"


def test_alone_it_plays_every_scenario() -> None:
    assert LINES[-2:] == ['ENTRYPOINT ["netlab"]', 'CMD ["run"]']
    (made,) = re.findall(r"NETLAB_VENV=(\S+) NETLAB_AS=wheel", TEXT)
    assert f"COPY --from=built {made} {made}" in LINES
    assert f"PATH={made}/bin:" in TEXT


def test_it_is_tried_with_the_rights_that_its_page_names() -> None:
    script = (HOME / "scripts" / "container").read_text()
    root, nobody = re.findall(r"try 'as .+?' (-(?:.+\\\n)*.+?)(?: ;;)?\n", script)
    page = (HOME / "docs" / "install.md").read_text()
    named = [set(re.findall(OPTION, line)) for line in page.splitlines() if "podman run" in line]
    for tried in (root, nobody):
        options = {*re.findall(OPTION, tried)}
        assert len(options) > 2
        assert options in named


def test_no_file_that_is_installed_stays_outside() -> None:
    """Git's files are what is copied; .dockerignore keeps away what is made on this machine."""
    asked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=HOME, capture_output=True, text=True, check=False
    )
    if asked.returncode:
        pytest.skip("not a checkout of git's")
    ignored = (HOME / ".dockerignore").read_text().split()
    tops = {path.split("/")[0] for path in asked.stdout.split("\0")}
    assert not tops & set(ignored)
    assert {".git", ".venv"} <= set(ignored)
