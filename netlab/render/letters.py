# SPDX-License-Identifier: GPL-2.0-or-later
"""What is printed where a terminal, a locale or a pipe has no letters other than ASCII.

Everything is written in one way, and encoded by the stream; what a stream cannot encode, these
error handlers (`codecs.register_error`) replace. A letter is replaced by one letter, so that
columns stay aligned.
"""

from __future__ import annotations

import codecs
import io
import os
import unicodedata
from collections.abc import Mapping
from typing import TextIO

#: For people, and for programs: JSON's own escapes lose nothing.
PEOPLE, PROGRAMS = "netlab.ascii", "netlab.json"

ASCII = str.maketrans(
    {"─": "-", "━": "=", "│": "|", "├": "|", "┤": "|", "┼": "+", "╴": "-", "╶": "-", "┄": "."}
    | {"┌": "+", "┐": "+", "└": "+", "┘": "+", "╭": ".", "╮": ".", "╰": "'", "╯": "'", "┆": ":"}
    | {"╲": "\\", "╱": "/", "╳": "X", "▶": ">", "◀": "<", "▲": "^", "▼": "v", "→": ">", "←": "<"}
    | {"●": "#", "◐": "+", "◆": "*", "○": "o", "□": "=", "·": ".", "✓": "*", "✗": "x", "×": "x"}
    | {
        "…": ".",
        "≤": "<",
        "≥": ">",
        "≠": "/",
        "µ": "u",
        "–": "-",
        "—": "-",
        "⋮": ":",
        "⋯": ".",
        "❯": ">",
        "⇥": ">",
        "∞": "~",
        "↻": "@",
    }
    | {"‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " "}
)
_NO_LETTER = "?"


def in_ascii(letter: str) -> str:
    """The letter of ASCII that comes closest."""
    known = letter.translate(ASCII)
    if known != letter:
        return known
    name = unicodedata.name(letter, "")
    if name.startswith("BOX DRAWINGS"):
        straight = "-" if name.endswith("HORIZONTAL") else "|"
        return "+" if " AND " in name else straight
    if "BLOCK" in name:  # of bars
        return "#"
    plain = unicodedata.normalize("NFKD", letter)[:1]  # of é: e
    return plain if plain.isascii() and plain.isprintable() and plain else _NO_LETTER


def fit(stream: TextIO | None, for_programs: bool = False) -> None:
    """Let a stream replace what it cannot encode. (None: the shell has closed it.)"""
    if isinstance(stream, io.TextIOWrapper):
        encoding = "ascii" if says_c(os.environ) else None
        stream.reconfigure(encoding=encoding, errors=PROGRAMS if for_programs else PEOPLE)


def says_c(environment: Mapping[str, str]) -> bool:
    """True if the environment asks for the C locale, and so for ASCII only.

    Python takes that for UTF-8 (PEP 540), since many have no locale without wanting none. LC_ALL is
    set on purpose; systemd's tools read it in the same way. What is set for Python stays.
    """
    asked = environment.get("LC_ALL") in ("C", "POSIX")
    return asked and not {"PYTHONUTF8", "PYTHONIOENCODING"} & environment.keys()


def _for_people(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(in_ascii, error.object[error.start : error.end])), error.end


def _for_programs(error: UnicodeError) -> tuple[str, int]:
    """Letters beyond ASCII occur only in JSON's strings, where an escape is the same letter."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[place : place + 2].hex() for place in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end


codecs.register_error(PEOPLE, _for_people)
codecs.register_error(PROGRAMS, _for_programs)
