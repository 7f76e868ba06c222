# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference of the language says what each word does, and shows it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from netlab.scenario.steps import ACTIONS, FAULTS
from netlab.scenario.steps.hops import HOPS, ORDERS

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))

from reference import language

GROUPS = {"actions": [*ACTIONS], "faults": [*FAULTS], "hops": [*HOPS, *ORDERS]}
WORDS = [(page, word) for page, words in GROUPS.items() for word in words]


@pytest.mark.parametrize(("page", "word"), WORDS)
def test_each_word_says_what_it_does_and_has_an_example(page: str, word: str) -> None:
    text = language.pages()[f"language/{page}.md"]
    _, _, chapter = text.partition(f"({language.anchor(word)})=")
    chapter = chapter.partition("\n(word-")[0]
    says = chapter.split("\n\n")[1]
    assert re.fullmatch(r"[A-Z][^|]+\.", says), says
    assert says.strip(".").split()[1:] != [word], says
    assert "```yaml" in chapter
