# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said of one word, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["cause", "state", "pair", "counter", "sysctl", "word"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Fact = tuple[str, str]  # its name, and what is so


@dataclass(frozen=True, slots=True)
class GlossaryEntry:
    """One meaning of a word: what it is in a sentence, and facts about it."""

    kind: Kind
    name: str
    says: str
    facts: tuple[Fact, ...]


def entry(kind: Kind, name: str, says: str, *facts: Fact) -> GlossaryEntry:
    """An entry without the facts that are empty."""
    return GlossaryEntry(kind, name, says, tuple(fact for fact in facts if fact[1]))


def some(names: Sequence[str], most: int = 3) -> str:
    """The first of some names, and how many more there are: ``a, b and 4 more``."""
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
