# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds stored runs: by a file, by a folder of them, or by the kernel's name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from netlab.kernels import cache
from netlab.kernels.compare import overview
from netlab.model import kernel_run, outside
from netlab.model.errors import ScenarioError
from netlab.model.evidence import converter
from netlab.model.kernel_run import KernelRun, Machine

SUFFIX = ".jsonl"


def runs(names: Sequence[str]) -> list[KernelRun]:
    """The runs that the words name, in that order; runs of folders by their releases.

    Raises `ScenarioError` for a word that names no stored run, or more than one.
    """
    found = []
    for name in names:
        path = Path(name)
        if path.is_dir():
            found += _folder(path)
        elif path.exists():
            found.append(kernel_run.read(path))
        else:
            found.append(kernel_run.read(_stored(name)))
    return overview.in_order(found) if all(map(os.path.isdir, names)) else found


def _folder(path: Path) -> list[KernelRun]:
    """All runs at any depth: results of many machines come as a folder from each."""
    files = [file for file in outside.below(path) if file.suffix == SUFFIX]
    if not files:
        raise ScenarioError(f"there is no stored run (*{SUFFIX}) in this folder", path)
    return overview.in_order([kernel_run.read(file) for file in files])


def _stored(name: str) -> Path:
    """The run in the cache whose kernel has this name."""
    if "/" in name:
        raise ScenarioError("no such file or folder", Path(name))
    known = dict(_heads())
    exact = [path for path, one in known.items() if name in _words(one)]
    # 6.1 means 6.1.0-56-cloud-amd64, and never 6.12.
    begins = re.compile(re.escape(name) + r"(?!\d)")
    found = exact or [path for path, one in known.items() if begins.match(one.release)]
    if len({known[path].release for path in found}) == 1:
        # Of several builds, the last that was played as it is by default.
        return max(found, key=lambda path: (not known[path].changes, path.stat().st_mtime))
    if found:
        releases = ", ".join(sorted({known[path].release for path in found}))
        raise ScenarioError(f"{name} is more than one stored run: {releases}; write more of it")
    there = ", ".join(sorted({one.name for one in known.values()})) or "none"
    raise ScenarioError(
        f"{name!r} is no file, no folder, and no kernel of a stored run (stored: {there}); "
        f"'netlab matrix --kernel {name}' plays on a kernel and stores it"
    )


def _words(machine: Machine) -> tuple[str, ...]:
    """Each name that means a run: its own, its release, its build, and what was asked for."""
    numbered = f"{machine.release}#{machine.number}"
    return machine.name, machine.release, numbered, machine.spec


def _heads() -> Iterator[tuple[Path, Machine]]:
    """Each stored run's file, with the machine that it is of."""
    for path in sorted((cache.root() / "runs").glob(f"*{SUFFIX}")):
        try:
            machine = json.loads(outside.glance(path).partition("\n")[0])["value"]
            yield path, converter().structure(machine, Machine)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue  # not a run, so no kernel's name can mean it
