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

#: Bytes: 120,000 sockets of ss -tanoei, or 1,400,000 of ss -tan.
LARGEST = 64 * outside.MIB
INSTEAD = "print less, with ss -tan, or for one port: ss -tanoei '( sport = :443 or dport = :443 )'"
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
    from netlab.snapshot import parse

    found = [snapshot for name in files for snapshot in parse.read(*_text(name))]
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


def _text(name: str) -> tuple[bytes, str]:
    """What is in a file, and its name in messages."""
    if name == "-":
        return _handed_over(0, "standard input")
    if HANDED_OVER.fullmatch(name):
        return _handed_over(name, name)
    return outside.contents(Path(name), LARGEST, "what netlab diagnose reads", INSTEAD), name


def _handed_over(source: str | int, shown: str) -> tuple[bytes, str]:
    """What comes over a descriptor that the shell opened: it may be a pipe."""
    try:
        with open(source, "rb", closefd=source != 0) as file:
            return outside.up_to(LARGEST, file, Path(shown), INSTEAD), shown
    except OSError as error:
        raise of_file(error, f"cannot be read: {error.strerror}", Path(shown)) from None
