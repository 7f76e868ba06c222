# SPDX-License-Identifier: GPL-2.0-or-later
"""Text from outside, made fit to be printed: a terminal obeys control characters."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Control characters but for tab and line feed, those that turn the direction of writing, and
#: halves of surrogate pairs.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with what a terminal would obey written out: ESC as four characters."""
    return UNPRINTABLE.sub(_written, text)


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def some(names: Sequence[str]) -> str:
    """The first five names, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
