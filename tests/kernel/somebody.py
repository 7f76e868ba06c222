# SPDX-License-Identifier: GPL-2.0-or-later
"""An ordinary user, for tests of what netlab does without root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import netlab
from netlab.scenario import catalogue

from ..programs import lacking
from ..rights import NOBODY
from . import tools

PACKAGE = Path(netlab.__file__).parent
#: What netlab needs to play scenarios below a folder of its own: itself, and what it imports.
SOURCES = (PACKAGE.parent, Path(pytest.__file__).parents[1])


class Somebody:
    """An ordinary user with a home, a Python, and netlab where that Python finds it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._become: list[str] = []
        if tools.is_root():
            os.chown(home, NOBODY, NOBODY)
            identity = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            self._become = [tools.program("setpriv"), *identity]
        self._environment = {
            "HOME": str(home),
            "TMPDIR": str(home),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(map(str, SOURCES)),
        }
        self.python = [self._find_python()]
        if self.run(*self.python, "-c", "import netlab.testbed.lab, netlab.cli").returncode:
            self._environment["PYTHONPATH"] = str(self._copy())
        where = "from netlab.scenario import catalogue; print(catalogue.home(), end='')"
        self.probes = f"{self.run(*self.python, '-c', where).stdout}/probes"

    def start(self, *command: str, rights: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start a program as that user, at home, who keeps those capabilities of root's."""
        kept = ",".join(f"+{name.lower()}" for name in rights)
        keep = [f"--inh-caps={kept}", f"--ambient-caps={kept}"] if rights else []
        # env, because setpriv itself still executes what only root may.
        become = [*self._become, *keep, "env"] if self._become else []
        return subprocess.Popen(
            [*become, *command],
            env=self._environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, rights: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run a program as that user to its end."""
        with self.start(*command, rights=rights) as process:
            printed, complaints = process.communicate()
            return subprocess.CompletedProcess(command, process.returncode, printed, complaints)

    @property
    def pytest(self) -> list[str]:
        """What runs pytest with netlab's plugin, and writes nothing into the checkout."""
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        return [*self.python, "-m", "pytest", *options, "--rootdir", str(self.home)]

    def _find_python(self) -> str:
        """A Python of this version that the user may execute: packages are compiled for it."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        for candidate in (sys.executable, f"/usr/bin/python{version}", "/usr/bin/python3"):
            asked = self.run(candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
            if asked.stdout.strip() == version:
                return candidate
        lacking(f"no Python {version} that an ordinary user may execute: install python3")

    def _copy(self) -> Path:
        """What netlab consists of, where the user can read it."""
        copied = self.home / "site-packages"  # its name is what confined programs go by
        everything_but = shutil.ignore_patterns("mypy*", "ruff*", "hypothesis*", "_mypy*")
        shutil.copytree(SOURCES[1], copied, ignore=everything_but)
        shutil.copytree(PACKAGE, copied / "netlab", dirs_exist_ok=True)
        shutil.copytree(catalogue.home(), copied / "netlab" / "scenarios", dirs_exist_ok=True)
        for path in (copied, *copied.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return copied
