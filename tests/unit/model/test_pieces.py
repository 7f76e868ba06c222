# SPDX-License-Identifier: GPL-2.0-or-later
"""Pieces of a file: all of it, whatever its kind, and of a regular one without moving in it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from netlab.model import outside


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three bytes."""
    monkeypatch.setattr(outside, "PIECE", 3)


def test_a_regular_file_is_read_from_where_it_stands_and_stays_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.readline(2)  # and what it has read ahead does not matter
        assert [*outside.pieces(file, path)] == [b"234", b"567", b"89"]
        assert file.tell() == 2
        assert outside.length(file) == 10
        file.seek(99)
        assert [*outside.pieces(file, path)] == []


def test_a_file_that_changes_ends_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"01234567")
    with path.open("rb") as file, path.open("ab") as more:
        pieces = outside.pieces(file, path)
        assert next(pieces) == b"012"
        more.write(b"89")
        more.flush()
        assert [*pieces] == [b"345", b"67"]
        pieces = outside.pieces(file, path)
        assert next(pieces) == b"012"
        os.truncate(path, 4)
        assert [*pieces] == [b"3"]


def test_what_has_no_length_is_read_to_its_end() -> None:
    assert [*outside.pieces(io.BytesIO(b"0123"), Path("memory"))] == [b"012", b"3"]
    here, there = os.pipe()
    os.write(there, b"01234")
    os.close(there)
    with os.fdopen(here, "rb") as pipe:
        assert outside.length(pipe) is None
        assert b"".join(outside.pieces(pipe, Path("pipe"))) == b"01234"
    path = Path("/proc/self/limits")
    with path.open("rb") as file:
        assert outside.length(file) is None
        assert b"".join(outside.pieces(file, path)) == path.read_bytes()
