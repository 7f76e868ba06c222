# SPDX-License-Identifier: GPL-2.0-or-later
"""Markdown in pieces, and pages as files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

#: What Markdown, or MyST, would take for its own.
SPECIAL = re.compile(r"([\\`*_<>\[\]{}|#~$])")


def plain(text: str) -> str:
    """A text as it is, whatever Markdown would make of it."""
    return SPECIAL.sub(r"\\\1", text)


def code(text: str) -> str:
    """A text as code; "" stays empty."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}" if text else ""


def sentence(text: str) -> str:
    """A text with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", ":")) else ".")


def fenced(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown. Without rows it is ""."""
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *lines])


def _cell(text: str) -> str:
    """A pipe ends a cell even where it is code."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def heading(title: str, name: str, level: int) -> str:
    """A heading that no table of contents has: the sidebar of every page is made of all that have
    it, and a thousand of them take half a minute.
    """
    return f"({name})=\n```{{rubric}} {title}\n:heading-level: {level}\n```"


def contents(pages: Iterable[str], caption: str = "", depth: int = 1) -> str:
    """A table of contents."""
    head = [f":caption: {caption}"] if caption else []
    return "\n".join(["```{toctree}", f":maxdepth: {depth}", *head, "", *pages, "```"])


def page(*blocks: str) -> str:
    """The blocks of a page, without those that are empty."""
    return "\n\n".join(block for block in blocks if block) + "\n"


def write(folder: Path, pages: Mapping[str, str]) -> None:
    """Write the pages that are otherwise than their files, and remove files without a page."""
    for path, text in pages.items():
        file = folder / path
        if not file.is_file() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    for file in folder.rglob("*.md"):
        if file.relative_to(folder).as_posix() not in pages:
            file.unlink()
