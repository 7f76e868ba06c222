# SPDX-License-Identifier: GPL-2.0-or-later
"""Which exceptions tell of this machine, and what is said of them."""

from __future__ import annotations

import pytest

from netlab.model.errors import bug, is_machines


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(5, "Input/output error"), "this machine refuses what netlab needs: Input/output"),
        (MemoryError(), "there is not enough memory here"),
        (
            RuntimeError("can't start new thread"),
            "no thread can start: no more processes are allowed",
        ),
        (LookupError("unknown encoding: ascii"), "Python's own files cannot be read here: unknown"),
    ],
)
def test_what_the_machine_refuses_is_no_bug(error: Exception, said: str) -> None:
    assert is_machines(error)
    assert bug(error).startswith(said)


@pytest.mark.parametrize(
    "error", [LookupError("no such key"), RuntimeError("of another kind"), KeyError("encoding")]
)
def test_anything_else_is(error: Exception) -> None:
    assert not is_machines(error)
    assert bug(error).startswith(f"this is a bug of netlab's: {type(error).__name__}: ")
