# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever file it is: what the collector wrote, ``netlab snapshot``, or a paste."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from netlab.model import outside
from netlab.model.errors import ScenarioError
from netlab.snapshot.parse import bulk, collected, paste
from netlab.snapshot.parse.bulk import Bulk
from netlab.snapshot.records import Snapshot

#: Bytes of any file, and of a listing of ss with nearly nothing between its rows: 120,000 sockets
#: of ss -tanoei or 1,400,000 of ss -tan, and sixteen times as many.
LARGEST, LARGEST_LISTING = 64 * outside.MIB, outside.GIB
#: Bytes of a listing from which on two processes read it.
FOR_TWO = 16 * outside.MIB
INSTEAD = "print less, with ss -tan, or for one port: ss -tanoei '( sport = :443 or dport = :443 )'"
ONE_LISTING = "with nothing but one listing of ss in it, it may have 1024 MiB"


def read(text: str | bytes, name: str) -> list[Snapshot]:
    """Every snapshot in a text; `name` is its own, for messages. Raises `ScenarioError` for what
    cannot be read.
    """
    data = text.encode(errors="replace") if isinstance(text, str) else text
    return collected.read(data, name) if collected.begins(data) else paste.read(data, name)


def read_file(file: BinaryIO, name: str) -> list[Snapshot]:
    """The same of an open file, of which a long listing is never in memory as a whole. Raises
    `ScenarioError` also where the file is too large.
    """
    path = Path(name)
    kept: list[bytes] = []  # of a pipe, which cannot be read again
    rows = Bulk()
    begin = file.tell() if file.seekable() else None  # a shell may have read the first lines
    if _take(rows, file, path, kept):
        with contextlib.suppress(paste.SeveralListings, ScenarioError):
            return paste.read_rest(rows, name)
    del rows
    if begin is not None:
        file.seek(begin)
    for piece in itertools.chain([b""], outside.pieces(file, path)):
        kept.append(piece)
        if sum(map(len, kept)) > LARGEST:
            raise _too_large(LARGEST, path)
    return read(b"".join(kept), name)


def _take(rows: Bulk, file: BinaryIO, path: Path, kept: list[bytes]) -> bool:
    """Take the rows of a file many at a time, if they are nearly all that is in it; whether they
    are. What was read is kept if it cannot be read again.
    """
    pieces = _checked(file, path, kept)
    first = next(pieces, b"")
    if not _may_be_long(first):
        return False
    # Who writes into a pipe has the other processor.
    rows.take(itertools.chain([first], pieces), long=(outside.length(file) or 0) >= FOR_TWO)
    return rows.is_worth_it


def _checked(file: BinaryIO, path: Path, kept: list[bytes]) -> Iterator[bytes]:
    size, once = 0, not file.seekable()
    for piece in outside.pieces(file, path):
        if once and size <= LARGEST:
            kept.append(piece)
        yield piece
        size += len(piece)
        if size > LARGEST_LISTING:
            raise _too_large(LARGEST_LISTING, path)


def _may_be_long(beginning: bytes) -> bool:
    """Whether a text that begins like this may be one listing, and has so many rows that it pays
    to take them many at a time.
    """
    return not (
        len(beginning) < bulk.LEAST
        or paste.JSON.match(beginning)
        or collected.begins(beginning)
        or paste.is_cut_off(beginning)
    )


def _too_large(most: int, path: Path) -> ScenarioError:
    instead = f"{INSTEAD} ({ONE_LISTING})" if most == LARGEST else INSTEAD
    return ScenarioError(f"is larger than {outside.size(most)}: {instead}", path)
