# SPDX-License-Identifier: GPL-2.0-or-later
"""Colour where a person looks, plain text in a pipe (and where NO_COLOR is set: no-color.org)."""

from __future__ import annotations

import os
from typing import TextIO

CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Style:
    """Paints words, or leaves them as they are."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour

    @classmethod
    def of(cls, stream: TextIO | None) -> Style:
        """The style for a stream (None: it is closed): coloured on a terminal that has colours."""
        if os.environ.get("FORCE_COLOR"):
            return cls(True)
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return cls(stream is not None and stream.isatty() and not plain)

    def __call__(self, text: str, *names: str) -> str:
        """The text in these colours (keys of `CODES`)."""
        if not self.colour or not names:
            return text
        return f"\033[{';'.join(CODES[name] for name in names)}m{text}\033[0m"


OUTCOME_COLOURS = {"pass": "green", "fail": "red", "error": "yellow", "skip": "dim"}
