# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody who may not read every file, as root may."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

NOBODY = 65534


@contextmanager
def nobody() -> Iterator[None]:
    """Be nobody, if this is root; who is somebody else stays so."""
    me = os.geteuid()
    try:
        os.seteuid(NOBODY)
    except OSError:
        if me == 0:
            pytest.skip("root of a user namespace without a second user may read everything")
    try:
        yield
    finally:
        os.seteuid(me)
