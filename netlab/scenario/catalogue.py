# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds scenarios: those that come with netlab by their names, and anybody's by their paths."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from pathlib import Path

from netlab.errors import ScenarioError
from netlab.scenario.loader import load
from netlab.scenario.model import Scenario

_PACKAGE = Path(__file__).resolve().parent.parent


def home() -> Path:
    """The folder of the scenarios that come with netlab: in the package when it was installed
    from a wheel, beside it in a checkout.
    """
    packed = _PACKAGE / "scenarios"
    return packed if packed.is_dir() else _PACKAGE.parent / "scenarios"


def everything(folder: Path | None = None) -> list[Scenario]:
    """Every variant of every scenario below a folder, in the order of their paths.

    Raises `ScenarioError` for the first broken file, and where there is none at all: an empty run
    must not look like a good one.
    """
    folder = folder or home()
    paths = sorted(path for path in folder.rglob("*.yaml") if path.is_file())
    if not paths:
        raise ScenarioError("has no scenario: expected files ending in .yaml", folder)
    return [variant for path in paths for variant in load(path).variants()]


def choose(wanted: Sequence[str], slow: bool = False) -> list[Scenario]:
    """The scenarios of these names, patterns, files or folders; all that come with netlab where
    nothing is named. Slow ones only with `slow`, or by their own name.

    Raises `ScenarioError` for what is not there, with what comes close.
    """
    if not wanted:
        return _quick(everything(), slow)
    chosen: dict[tuple[Path, str], Scenario] = {}
    for word in wanted:
        for scenario in _named(word, slow):
            chosen[scenario.path, scenario.name] = scenario
    return list(chosen.values())


def one(word: str) -> Scenario:
    """The one scenario that a word names. Raises `ScenarioError` for none or several."""
    found = _named(word, slow=False)
    if len(found) > 1:
        names = ", ".join(scenario.name for scenario in found[:5])
        raise ScenarioError(f"{word!r} names {len(found)} scenarios ({names}...): name one")
    return found[0]


def _named(word: str, slow: bool) -> list[Scenario]:
    path = Path(word)
    if path.suffix == ".yaml" or (path.is_dir() and "/" in word):
        variants = everything(path) if path.is_dir() else list(load(path).variants())
        quick = _quick(variants, slow)
        return quick or variants  # a file that is slow altogether was asked for by its name
    known = everything()
    exact = [scenario for scenario in known if scenario.name == word]
    if exact:
        twin = [s for s in known if slow and s.path == exact[0].path and s not in exact]
        return exact + twin
    matching = _quick((s for s in known if fnmatch.fnmatchcase(s.name, word)), slow)
    folder = _quick((s for s in known if s.path.parent.name == word), slow)
    if not matching and not folder:
        names = [scenario.name for scenario in known]
        close = (
            difflib.get_close_matches(word, names, n=3, cutoff=0.5)
            or [name for name in names if word in name][:3]
        )
        hint = f"Did you mean {' or '.join(close)}?" if close else "'netlab list' shows them all."
        raise ScenarioError(f"no scenario is called {word!r}. {hint}")
    return matching or folder


def _quick(scenarios: Iterable[Scenario], slow: bool) -> list[Scenario]:
    return [scenario for scenario in scenarios if slow or not scenario.slow]
