# SPDX-License-Identifier: GPL-2.0-or-later
"""How many there are of something, as pages for readers say it, is counted here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from netlab.atlas import store
from netlab.audit import auditor
from netlab.conformance import rows
from netlab.kernels.sources import distributions
from netlab.teaching import lesson

from .. import transcripts
from ..transcripts import HOME

#: What was measured once, and says when, is no page of these.
MEASURED = {"clients.md", "mutants.md", "score.md", "wire.md"}
PAGES = [page for page in transcripts.PAGES if page.name not in MEASURED]
SMALL = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
WORDS = {word: number for number, word in enumerate(SMALL, 2)} | {"twenty": 20, "thirty": 30}
NUMBER = rf"(\d+|{'|'.join(WORDS)})"


def _files(pattern: str) -> Callable[[], int]:
    return lambda: len([*HOME.glob(pattern)])


def _clients() -> int:
    listed = yaml.safe_load((HOME / "examples/audit/clients.yaml").read_text())
    return len(listed["clients"])


def _small() -> int:
    """The kernels that `netlab matrix --small` has of a distribution: as many of each."""
    (number,) = {len(each.small) for each in distributions.known().values() if each.small}
    return number


#: Words around a number, and what they count.
COUNTED: Mapping[str, Callable[[], int]] = {
    "NUMBER lessons": lambda: len(lesson.entries()),
    "(?:under|each of) NUMBER faults": lambda: len(auditor.faults()),
    "NUMBER pairs of (?:a client's|states)": lambda: len(store.pairs()),
    "states, NUMBER can be": lambda: len(store.reachable()),
    "reaches NUMBER of the": lambda: len(store.reachable()),
    "freezes all NUMBER on": lambda: len(store.reachable()),
    "each of the other NUMBER": lambda: len(store.pairs()) - len(store.reachable()),
    "(?:has|answers:) NUMBER rows": lambda: len(rows.rows()),
    "In NUMBER rows Linux does": lambda: sum(bool(row.why) for row in rows.rows()),
    "on NUMBER other kernels": _small,
    "has NUMBER stories of what breaks": _files("scenarios/path/*.yaml"),
    "has NUMBER programs with a bug": _files("tests/search/bugs/*.py"),
    "has NUMBER stock clients": _clients,
    "Of NUMBER pastes": _files("tests/field/open/**/*.txt"),
}


def said(pattern: str, page: Path) -> Iterator[int]:
    """The numbers that stand between such words on a page."""
    text = " ".join(page.read_text().split())
    for found in re.findall(pattern.replace("NUMBER", NUMBER), text):
        yield WORDS.get(found) or int(found)


@pytest.mark.parametrize("pattern", COUNTED)
def test_a_number_on_a_page_is_how_many_there_are(pattern: str) -> None:
    told = {page.name: [*said(pattern, page)] for page in PAGES}
    told = {name: numbers for name, numbers in told.items() if numbers}
    assert told
    number = COUNTED[pattern]()
    assert {name: numbers for name, numbers in told.items() if {*numbers} != {number}} == {}


def test_numbers_are_read_as_digits_and_as_words(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("It has 58\nlessons, and twelve lessons more. No lessons.\n")
    assert [*said("NUMBER lessons", page)] == [58, 12]
