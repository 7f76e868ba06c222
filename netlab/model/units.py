# SPDX-License-Identifier: GPL-2.0-or-later
"""Quantities as people write them: ``40ms``, ``2%``, ``2mbit``, ``64kB``."""

from __future__ import annotations

import math
import re

PREFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
NUMBER = r"(\d+(?:\.\d+)?) ?"
TIME = re.compile(rf"{NUMBER}(us|ms|s)?")
DURATION = re.compile(rf"{NUMBER}(ms|s|min|h|d)?")
IN_SECONDS = {None: 1, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}
SHARE = re.compile(rf"{NUMBER}%")
RATE = re.compile(rf"{NUMBER}([kmg]?)bit(?:/s)?", re.IGNORECASE)
SIZE = re.compile(rf"{NUMBER}([kmg]?)b", re.IGNORECASE)
SOME = "1.2s, 300ms, 2min or 1h"  # durations, in words
LONGEST = 60.0  # seconds


def seconds(given: float | str) -> float:
    """Seconds, up to a minute: a number, or a text with its unit.

    Raises ValueError for anything else, with what is expected.
    """
    found = -1.0 if isinstance(given, str) else float(given)
    if isinstance(given, str) and (match := TIME.fullmatch(given.strip())):
        found = float(match[1]) * IN_SECONDS[match[2]]
    if not 0 <= found <= LONGEST:
        raise ValueError(f"0 to {LONGEST:g} seconds, such as 40ms")
    return found


def duration(text: str) -> float:
    """The seconds in ``1.2s``, ``300ms``, ``2min``, ``1h`` or a plain number. Raises ValueError."""
    match = DURATION.fullmatch(text)
    found = float(match[1]) * IN_SECONDS[match[2]] if match else math.inf
    if not math.isfinite(found):
        raise ValueError(f"a duration such as {SOME}")
    return found


def share(given: float | str) -> float:
    """A part of all, from 0 to 1: such a number, or a text in percent.

    Raises ValueError for anything else, with what is expected.
    """
    found = -1.0 if isinstance(given, str) else float(given)
    if isinstance(given, str) and (match := SHARE.fullmatch(given.strip())):
        found = float(match[1]) / 100
    if not 0 <= found <= 1:
        raise ValueError("a share of all packets, such as 2%")
    return found


def whole(given: int) -> int:
    """A number that chooses: from 0 to 2147483648. Raises ValueError, with what is expected."""
    if not isinstance(given, int) or not 0 <= given <= 1 << 31:
        raise ValueError("a whole number, 0 to 2147483648")
    return given


def count(given: int) -> int:
    """A place in a row: from 1 to 100000. Raises ValueError, with what is expected."""
    if not isinstance(given, int) or not 1 <= given <= 100_000:
        raise ValueError("a whole number, 1 to 100000")
    return given


def bits(given: str) -> float:
    """The bits a second of ``2mbit``. Raises ValueError, with what is expected."""
    return _large(RATE, given, "a number of bits a second, such as 2mbit")


def size(given: str) -> int:
    """The size of ``64kB`` in bytes. Raises ValueError, with what is expected."""
    return int(_large(SIZE, given, "a number of bytes, such as 64kB"))


def _large(form: re.Pattern[str], given: str, expected: str) -> float:
    match = form.fullmatch(given.strip()) if isinstance(given, str) else None
    found = float(match[1]) * PREFIXES[match[2].lower()] if match else 0.0
    if not found:
        raise ValueError(expected)
    return found
