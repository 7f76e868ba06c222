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
from netlab.model.kernel_run import KernelRun

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
    exact = [path for path, words in known.items() if name in words]
    # 6.1 means 6.1.0-56-cloud-amd64, and never 6.12.
    begins = re.compile(re.escape(name) + r"(?!\d)")
    found = exact or [path for path, words in known.items() if begins.match(words[0])]
    if len(found) == 1:
        return found[0]
    if found:
        releases = ", ".join(sorted(known[path][0] for path in found))
        raise ScenarioError(f"{name} is more than one stored run: {releases}; write more of it")
    there = ", ".join(sorted(words[0] for words in known.values())) or "none"
    raise ScenarioError(
        f"{name!r} is no file, no folder, and no kernel of a stored run (stored: {there}); "
        f"'netlab matrix --kernel {name}' plays on a kernel and stores it"
    )


def _heads() -> Iterator[tuple[Path, tuple[str, str]]]:
    """Each stored run's file, with its release and the words by which it was requested."""
    for path in sorted((cache.root() / "runs").glob(f"*{SUFFIX}")):
        try:
            machine = json.loads(outside.glance(path).partition("\n")[0])["value"]
            yield path, (str(machine["release"]), str(machine["spec"]))
        except (ValueError, LookupError, TypeError, RecursionError):
            continue  # not a run, so no kernel's name can mean it
