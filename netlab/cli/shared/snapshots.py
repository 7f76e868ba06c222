# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets that a command is to look at: of files, or of this host."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.model import outside
from netlab.model.errors import ScenarioError, of_file

if TYPE_CHECKING:
    from netlab.snapshot.records import Snapshot

NO_SOCKETS = (
    "there are no TCP sockets in it, but entries of connection tracking, which say whose the two "
    "ends of a connection are: give it together with ss -tanoei of both ends"
)
#: What a shell makes of <(ssh web1 ss -tanoei).
HANDED_OVER = re.compile(r"/dev/(?:fd/\d+|stdin)|/proc/self/fd/\d+")


def snapshots(files: Sequence[str], where: argparse.Namespace | None = None) -> list[Snapshot]:
    """The snapshots in the files and at the places that the options name; without any, of this
    host. Raises `ScenarioError` for unreadable files, and places that are not there.
    """
    found = [snapshot for name in files for snapshot in _read(name)]
    if where is not None:
        from netlab.cli.shared.places import each
        from netlab.snapshot import collect, places

        here = [] if files else [places.here()]
        found += [snapshot for _, snapshot in each(where, collect.snapshot, here)]
    if files and found and all(map(_only_tracks, found)):
        raise ScenarioError(NO_SOCKETS, Path(files[0]))
    return found


def _only_tracks(snapshot: Snapshot) -> bool:
    """Whether it has what somebody's connection tracking knows, and nothing else."""
    return all(
        sample.tracking is not None and not (sample.sockets or sample.counters or sample.counts)
        for sample in snapshot.samples
    )


def _read(name: str) -> list[Snapshot]:
    """What is in a file, or comes over a descriptor that the shell opened: it may be a pipe."""
    from netlab.snapshot import parse

    if name != "-" and not HANDED_OVER.fullmatch(name):
        with outside.opened(Path(name), "what netlab diagnose reads") as file:
            return parse.read_file(file, name)
    shown = "standard input" if name == "-" else name
    try:
        with open(0 if name == "-" else name, "rb", closefd=name != "-") as file:
            return parse.read_file(file, shown)
    except OSError as error:
        raise of_file(error, f"cannot be read: {error.strerror}", Path(shown)) from None
