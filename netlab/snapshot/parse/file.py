# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever file it is: what the collector wrote, ``netlab snapshot``, or a paste."""

from __future__ import annotations

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
    whole: list[bytes] = []  # as long as it is small enough to be read in another way
    rows, rest, size = Bulk(), b"", 0
    for piece in outside.pieces(file, path):
        size += len(piece)
        if not size - len(piece) and not _may_be_long(piece):
            rows.give_up()
        if rows.is_worth_it:
            rest = rows.take(rest + piece, last=False)
        if size <= LARGEST:
            whole.append(piece)
        elif rows.is_worth_it and size <= LARGEST_LISTING:
            whole.clear()
        else:
            raise _too_large(size, path)
    if rows.is_worth_it:
        rows.take(rest, last=True)
    if rows.is_worth_it:
        try:
            return paste.read_rest(rows, name)
        except paste.SeveralListings:
            pass
        except ScenarioError:
            if not whole:
                raise
    if size > LARGEST:
        raise _too_large(size, path)
    del rows
    return read(b"".join(whole), name)


def _may_be_long(beginning: bytes) -> bool:
    """Whether a text that begins like this may be one listing, and has so many rows that it pays
    to take them many at a time.
    """
    return not (
        len(beginning) < bulk.LEAST or paste.JSON.match(beginning) or collected.begins(beginning)
    )


def _too_large(size: int, path: Path) -> ScenarioError:
    most = LARGEST if size <= LARGEST_LISTING else LARGEST_LISTING
    instead = f"{INSTEAD} ({ONE_LISTING})" if most is LARGEST else INSTEAD
    return ScenarioError(f"is larger than {outside.size(most)}: {instead}", path)
