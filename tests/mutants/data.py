# SPDX-License-Identifier: GPL-2.0-or-later
"""Mutants as data: `mutants.yaml`, read, and each put into the kernel's source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from netlab.model.errors import ScenarioError

HOME = Path(__file__).parent / "mutants.yaml"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change in one place of the kernel."""

    name: str
    meaning: str  # what the kernel does then
    file: str  # from the root of its source
    function: str
    before: str
    after: str
    reverts: str = ""  # the subject of the commit that it takes back
    family: str = "ipv4"  # ipv6: of IPv4, nothing is changed

    @property
    def key(self) -> str:
        """Its name and its change: what was built of another change is not this one's."""
        change = hashlib.sha256(repr(astuple(self)[2:6]).encode()).hexdigest()
        return f"{self.name}-{change[:8]}"


def read(path: Path = HOME) -> tuple[Mutant, ...]:
    """All mutants, in the order of the file. Raises `ScenarioError` where one is not whole."""
    mutants = []
    for entry in yaml.safe_load(path.read_text()):
        try:
            mutants.append(Mutant(**entry))
        except TypeError as error:
            name = entry.get("name", "without a name")
            raise ScenarioError(f"the mutant {name} is not whole: {error}", path) from None
    return tuple(mutants)


def chosen(mutants: Sequence[Mutant], patterns: Sequence[str]) -> tuple[Mutant, ...]:
    """Those whose names match a pattern, in the order of the patterns; all, where there is none.

    Raises `ScenarioError` for a pattern that matches nothing.
    """
    found: dict[str, Mutant] = {}
    for pattern in patterns or ("*",):
        matching = [each for each in mutants if fnmatchcase(each.name, pattern)]
        if not matching:
            raise ScenarioError(f"no mutant is called {pattern!r} (--list prints their names)")
        found.update((each.name, each) for each in matching)
    return tuple(found.values())


def mutated(text: str, mutant: Mutant) -> str:
    """The source of a file with the change in it.

    Raises `ScenarioError` where `before` is not in the function exactly once, or there is no such
    function.
    """
    begin, end = _function(text, mutant)
    words = r"\s+".join(re.escape(word) for word in mutant.before.split())
    found = [*re.finditer(rf"(?<!\w){words}(?!\w)", text[begin:end])]
    if len(found) != 1:
        times = "not" if not found else f"{len(found)} times"
        raise ScenarioError(
            f"{mutant.name}: `before` is {times} in {mutant.function}() of {mutant.file}; "
            "expected once"
        )
    first, last = (begin + place for place in found[0].span())
    return text[:first] + mutant.after + text[last:]


def _function(text: str, mutant: Mutant) -> tuple[int, int]:
    """Where the body of a function begins and ends."""
    for found in re.finditer(rf"^(?:\w[^\n;{{}}()]*\W)?{mutant.function} ?\(", text, re.MULTILINE):
        brace, semicolon = text.find("{", found.end()), text.find(";", found.end())
        if 0 <= brace < semicolon:  # or else it is only declared here
            return brace, text.index("\n}", brace)
    raise ScenarioError(f"{mutant.name}: there is no function {mutant.function}() in {mutant.file}")
