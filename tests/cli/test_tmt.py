# SPDX-License-Identifier: GPL-2.0-or-later
"""The plans for tmt, and the scripts that they play on a guest: with package managers that only
write down what they are asked for, and a guest that is this machine.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from ..programs import need
from .shell import PATIENCE

PROJECT = Path(__file__).parents[2]
SCRIPTS = PROJECT / "tests/tmt"


def read(path: Path) -> dict[str, Any]:
    """What an fmf file says of itself, without what it inherits."""
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


# --- plans


def test_the_scripts_that_the_plans_play_are_there() -> None:
    common = read(PROJECT / "plans/main.fmf")
    (test,) = common["discover"]["tests"]
    for script in (test["test"], common["prepare"]["script"]):
        assert os.access(PROJECT / script, os.X_OK), f"{script} cannot be executed"


def test_virtual_machines_have_names_of_their_own() -> None:
    plans = read(PROJECT / "plans/virtual.fmf")
    variants = {key: value for key, value in plans.items() if key.startswith("/")}
    assert variants
    for name, plan in variants.items():
        assert plan["provision+"]["name"] == name.lstrip("/")
    images = [plan["provision+"]["image"] for plan in variants.values()]
    assert len({*images}) == len(images)


def test_tmt_has_nothing_to_complain_about() -> None:
    done = subprocess.run(
        [need("tmt"), "lint", "--failed-only"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn" not in done.stdout


# --- what is installed on a guest


class Guest(NamedTuple):
    """A folder that is all of a guest's PATH."""

    path: Path

    def has(self, name: str, script: str) -> None:
        """Give it a program."""
        program = self.path / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def packages(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run packages.sh there; its exit code, and what it said."""
        done = subprocess.run(
            [SCRIPTS / "packages.sh", *arguments],
            env={"PATH": str(self.path), **environment},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stderr

    @property
    def asked(self) -> list[str]:
        """What the package manager was asked for."""
        log = self.path / "asked"
        return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """A guest of root's that has everything but Python and a package manager."""
    made = Guest(tmp_path)
    made.has("id", "echo 0")
    (tmp_path / "tr").symlink_to("/usr/bin/tr")
    for tool in ("nft", "ss", "tcpdump"):
        made.has(tool, "exit 1")
    return made


def manager(guest: Guest, name: str, version: str) -> None:
    """A package manager that knows one Python beside an old one of the distribution's own."""
    guest.has("python3", "exit 1")
    guest.has(
        name,
        f"""echo "$*" >>{guest.path}/asked
for word; do
    case $word in python{version}|python{version.replace(".", "")})
        echo 'exit 0' >{guest.path}/python{version}; /bin/chmod +x {guest.path}/python{version}
        exit 0 ;;
    esac
done
exit 1""",
    )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "apt-get",
            [
                "-o DPkg::Lock::Timeout=300 update -q",
                "-o DPkg::Lock::Timeout=300 install -qy python3 python3-venv",
                "-o DPkg::Lock::Timeout=300 install -qy python3.14 python3.14-venv",
                "-o DPkg::Lock::Timeout=300 install -qy python3.13 python3.13-venv",
                "-o DPkg::Lock::Timeout=300 install -qy python3.12 python3.12-venv",
            ],
        ),
        (
            "dnf",
            [
                "install -qy python3",
                "install -qy python3.14",
                "install -qy python3.13",
                "install -qy python3.12",
            ],
        ),
        (
            "zypper",
            [
                "--non-interactive install python3",
                "--non-interactive install python314",
                "--non-interactive install python313",
                "--non-interactive install python312",
            ],
        ),
    ],
)
def test_the_newest_python_that_a_distribution_has_is_installed(
    guest: Guest, name: str, wanted: list[str]
) -> None:
    manager(guest, name, "3.12")
    assert guest.packages() == (0, "")
    assert guest.asked == wanted


def test_a_tool_that_is_missing_is_installed_by_itself(guest: Guest) -> None:
    manager(guest, "dnf", "3.12")
    guest.has("python3", "exit 0")
    (guest.path / "ss").unlink()
    code, said = guest.packages()
    assert code == 0
    assert guest.asked == ["install -qy iproute"]
    assert "iproute was not installed" in said


def test_nothing_is_asked_for_where_all_is_there(guest: Guest) -> None:
    manager(guest, "apt-get", "3.12")
    guest.has("python3", "exit 0")
    assert guest.packages() == (0, "")
    assert not guest.asked


def test_without_root_nothing_is_installed(guest: Guest) -> None:
    manager(guest, "apt-get", "3.12")
    guest.has("id", "echo 1000")
    code, said = guest.packages()
    assert code == 0
    assert not guest.asked
    assert "--become" in said


def test_a_guest_without_python_says_so_as_its_result(guest: Guest) -> None:
    code, said = guest.packages("check")
    assert code == 3
    assert "has no Python 3.11 or newer" in said
    assert "PYTHON=" in said or "image" in said


def test_a_named_python_will_do(guest: Guest) -> None:
    guest.has("elsewhere", "exit 0")
    assert guest.packages("check", PYTHON=str(guest.path / "elsewhere")) == (0, "")


# --- the suite on a guest


@pytest.mark.parametrize("status", [0, 1, 3])
def test_a_run_is_left_under_the_guests_name(tmp_path: Path, status: int) -> None:
    tree, data, log = tmp_path / "tree", tmp_path / "data", tmp_path / "log"
    for name in ("scripts", "tests/tmt"):
        (tree / name).mkdir(parents=True)
    (tree / "tests/tmt/packages.sh").symlink_to(SCRIPTS / "packages.sh")
    record = tree / "scripts/record"
    record.write_text(
        f'#!/bin/sh\nmkdir "$NETLAB_VENV" && printf "%s\\n" "$NETLAB_VENV" "$@" >{log}\n'
        f"exit {status}\n"
    )
    record.chmod(0o755)
    topology = tmp_path / "topology.sh"
    topology.write_text('declare -A TMT_GUEST\nTMT_GUEST[name]="fedora"\n')
    environment = {name: text for name, text in os.environ.items() if name != "NETLAB_VENV"}
    done = subprocess.run(
        [SCRIPTS / "suite.sh"],
        env={
            **environment,
            "TMT_TREE": str(tree),
            "TMT_PLAN_DATA": str(data),
            "TMT_TOPOLOGY_BASH": str(topology),
            "NETLAB_MATRIX": "--atlas --ipv6",
        },
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == status
    environment_of_its_own, *arguments = log.read_text().splitlines()
    assert arguments == ["--output", f"{data}/fedora", "--atlas", "--ipv6"]
    assert not Path(environment_of_its_own).parent.exists()
