# SPDX-License-Identifier: GPL-2.0-or-later
"""Help that fits the terminal, at most 100 columns wide."""

from __future__ import annotations

import argparse
import itertools
import shutil
from collections.abc import Iterator
from typing import Any

WIDEST = 100  # columns; the eye loses longer lines
#: An explanation stands beside its example where it has that many columns, else below it.
NARROWEST = 24
EXIT_CODES = "exit codes: "


def width() -> int:
    """The columns that a text may take here."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def folded(text: str, width: int) -> Iterator[str]:
    """Fold a text to `width` columns. Paragraphs are filled anew; indented lines are examples,
    each with its explanation after two spaces or more. A command stays whole, to be copied.
    """
    for kind, lines in itertools.groupby(text.splitlines(), _kind):
        if kind == "blank":
            yield from lines
        elif kind == "words":
            yield from _paragraph(" ".join(lines), width)
        else:
            halves = (line.strip().partition("  ") for line in lines)
            yield from _examples([(left, right.strip()) for left, _, right in halves], width)


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    return "example" if line.startswith(" ") else "words"


def _paragraph(text: str, width: int) -> list[str]:
    hangs = text.startswith(EXIT_CODES) and width > len(EXIT_CODES) + NARROWEST
    return _wrapped(text, width, "", " " * len(EXIT_CODES) if hangs else "")


def _examples(rows: list[tuple[str, str]], width: int) -> Iterator[str]:
    """Put explanations into the column that needs the fewest lines, with most of them beside."""
    lengths = sorted(len(left) for left, right in rows if right)
    columns = [length + 4 for length in lengths if length + 4 + NARROWEST <= width] or [4]

    def cost(column: int) -> int:
        below = sum(length + 4 > column for length in lengths)
        return below + len([*_laid_out(rows, column, width)])

    return _laid_out(rows, min(columns, key=cost), width)


def _laid_out(rows: list[tuple[str, str]], column: int, width: int) -> Iterator[str]:
    for left, right in rows:
        if len(left) + 4 > column or not right:
            yield f"  {left}"
            yield from _indented(right, 6, width)
        else:
            first, *more = _indented(right, column, width)
            yield f"  {left}".ljust(column) + first.lstrip()
            yield from more


def _indented(text: str, column: int, width: int) -> list[str]:
    space = " " * column
    return _wrapped(text, width, space, space)


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    import textwrap  # imported here: runs show no help

    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )


class Help(argparse.HelpFormatter):
    """Help at the terminal's width, even what argparse would leave alone or fill to a block."""

    def __init__(self, prog: str, **given: Any) -> None:
        super().__init__(prog, **{"width": width(), **given})

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(folded(text, width - len(indent)))
