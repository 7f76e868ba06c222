# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds scenarios by name, pattern, folder or file: the user's own, and those that come with
netlab. Each pair of the atlas is one, too: it has a name that can be typed, and is not listed.

The user's own are in a folder called ``scenarios``, which is, or is in, the current directory.
They are searched first. Each file is read once, and only if it can match.
"""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from netlab.model import outside
from netlab.model.errors import LabError, NetlabError, ScenarioError
from netlab.scenario import stories
from netlab.scenario.loader import load
from netlab.scenario.model import TO_THE_END, Scenario

_PACKAGE = Path(__file__).resolve().parent.parent

FOLDER = "scenarios"
#: The name for all scenarios that come with netlab, for users who have their own.
BUILT_IN = "built-in"
SUFFIX = ".yaml"
ATLAS = _PACKAGE / "atlas" / "cells"

Note = Callable[[str], None]


def home() -> Path:
    """The folder of the scenarios that come with netlab: in the package when it was installed
    from a wheel, beside it in a checkout.
    """
    packed = _PACKAGE / FOLDER
    return packed if packed.is_dir() else _PACKAGE.parent / FOLDER


def project() -> Path | None:
    """The user's own folder of scenarios, relative to the current directory, or None:
    ``scenarios``, or ``.`` in a folder of that name. netlab's own folder does not count, and
    neither does one without a scenario.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it has been removed
        return None
    folder = Path(FOLDER) if os.path.isdir(FOLDER) else Path()
    if FOLDER not in (folder.name, here.name):
        return None
    own = not (home().exists() and os.path.samefile(folder, home())) and any(_files(folder))
    return folder if own else None


def everything(folder: Path | None = None, slow: bool = True) -> list[Scenario]:
    """Every variant of every scenario file below a folder, in the order of their paths, without
    stories.

    Raises `ScenarioError` for the first broken file, and if there is no file at all: an empty run
    must not look like a good one.
    """
    folder = folder or home()
    paths = [path for path in _files(folder) if path.suffix == SUFFIX]
    if not paths:
        raise ScenarioError(_empty(folder), folder)
    return _quick((variant for path in paths for variant in load(path).variants()), slow)


def choose(
    wanted: Sequence[str], slow: bool = False, note: Note = lambda text: None
) -> list[Scenario]:
    """The scenarios and stories that these names, patterns, files or folders select. If nothing is
    named: all of the user's own, or, if there are none, all that come with netlab. Slow ones are
    included only with `slow`, or by their own name.

    `note` is called with a remark where the choice may surprise a person. Raises `ScenarioError`
    for anything that does not exist, with a suggestion.
    """
    shelves = _Shelves(note)
    if not wanted:
        return shelves.all(slow)
    chosen: dict[tuple[Path, str], Scenario] = {}
    for word in wanted:
        for scenario in shelves.named(word, slow):
            chosen[scenario.path, scenario.name] = scenario
    return list(chosen.values())


def one(word: str, note: Note = lambda text: None) -> Scenario:
    """The one scenario that a word names. Raises `ScenarioError` for none or several."""
    found = _Shelves(note).named(word, slow=False)
    if len(found) > 1:
        names = ", ".join(scenario.name for scenario in found[:5])
        raise ScenarioError(f"{word!r} names {len(found)} scenarios ({names}...): name one")
    return found[0]


def is_built_in(scenario: Scenario) -> bool:
    """True if it comes with netlab."""
    return scenario.path.resolve().is_relative_to(home().resolve())


def names() -> list[str]:
    """Every name that can be typed, the user's own first. What is broken or cannot be read is
    skipped: it is of no interest while a word is being completed.
    """
    try:
        shelves = _Shelves(lambda text: None).shelves
    except NetlabError:
        return []
    return list(dict.fromkeys(name for shelf in shelves for name in shelf.names()))


def atlas_names() -> list[str]:
    """The names of the atlas' pairs, which can be typed, too."""
    return sorted(path.stem for path in ATLAS.rglob(f"*{SUFFIX}"))


class _Shelf:
    """The scenarios below one folder. Files are read on demand, and only once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = list(_files(folder))
        self._read: dict[Path, list[Scenario]] = {}

    def all(self) -> list[Scenario]:
        return [scenario for path in self.paths for scenario in self._of(path)]

    def names(self) -> Iterator[str]:
        for path in self.paths:
            with contextlib.suppress(ScenarioError):
                yield from (scenario.name for scenario in self._of(path))

    def called(self, name: str) -> list[Scenario]:
        """Those with exactly this name. A scenario file's name is its scenario's."""
        stem = name.removesuffix(f"-{TO_THE_END}")
        likely = [p for p in self.paths if p.suffix != SUFFIX or p.stem in (name, stem)]
        return [s for path in likely for s in self._of(path) if s.name == name]

    def twins(self, scenario: Scenario) -> list[Scenario]:
        """The other variants of a scenario."""
        same = self._of(scenario.path) if scenario.code is None else []
        return [other for other in same if other != scenario]

    def matching(self, pattern: str) -> list[Scenario]:
        if not any(letter in pattern for letter in "*?["):
            return []
        return [s for s in self.all() if fnmatch.fnmatchcase(s.name, pattern)]

    def below(self, pattern: str) -> list[Scenario]:
        """Those whose folder and name fit: ``handshake/syn-*``, also with what is around it."""
        folder, _, name = pattern.removeprefix(f"{FOLDER}/").rpartition("/")
        inside = [p for p in self.paths if fnmatch.fnmatchcase(self._folder(p), folder)]
        return [s for p in inside for s in self._of(p) if fnmatch.fnmatchcase(s.name, name)]

    def _folder(self, path: Path) -> str:
        return str(path.relative_to(self.folder).parent)

    def within(self, folder: str) -> list[Scenario]:
        inside = [p for p in self.paths if folder in p.relative_to(self.folder).parent.parts]
        return [scenario for path in inside for scenario in self._of(path)]

    def _of(self, path: Path) -> list[Scenario]:
        if path not in self._read:
            self._read[path] = in_file(path)
        return self._read[path]


class _Shelves:
    """The user's own scenarios, if there are any, and then those that come with netlab."""

    def __init__(self, note: Note) -> None:
        own = project()
        self._note = note
        self._built_in = _Shelf(home())
        self._own = None if own is None else _Shelf(own)
        self.shelves = [self._built_in] if self._own is None else [self._own, self._built_in]

    def all(self, slow: bool) -> list[Scenario]:
        """The scenarios that are meant if nothing is named."""
        if self._own is None:
            return _quick(self._built_in.all(), slow)
        where = f"{FOLDER}/" if self._own.folder.name else f"this folder, {FOLDER}/"
        self._note(
            f"your own scenarios, in {where}. Those that come with netlab can still be named; "
            f"{BUILT_IN!r} is all of them."
        )
        whole = self._own.all()
        return _quick(whole, slow) or whole

    def named(self, word: str, slow: bool) -> list[Scenario]:
        """The scenarios that one word selects."""
        path = Path(word)
        if "/" in word and not os.path.lexists(word):
            for shelf in self.shelves:
                if found := shelf.below(word):
                    quick = _quick(found, slow)
                    return quick or found
        if "/" in word or word in (".", "..") or path.suffix in (SUFFIX, ".yml", stories.SUFFIX):
            return self._at(path, slow)
        if self._own is not None and word == FOLDER:
            return self._at(self._own.folder, slow)
        for shelf in self.shelves:
            found = self._on(shelf, word, slow)
            if found:
                self._say_what_is_hidden(shelf, word)
                return found
        if word == BUILT_IN:
            return _quick(self._built_in.all(), slow)
        if os.path.isdir(word):
            return self._at(path, slow)
        if of_the_atlas := _Shelf(ATLAS).called(word):
            return of_the_atlas
        raise ScenarioError(f"no scenario is called {word!r}. {self._close(word)}")

    def _on(self, shelf: _Shelf, word: str, slow: bool) -> list[Scenario]:
        exact = shelf.called(word)
        if exact:
            return exact + (shelf.twins(exact[0]) if slow else [])
        matching = _quick(shelf.matching(word), slow)
        return matching or _quick(shelf.within(word), slow)

    def _say_what_is_hidden(self, shelf: _Shelf, word: str) -> None:
        if shelf is not self._own:
            return
        hidden = self._built_in.called(word)
        if hidden:
            path = hidden[0].path
            if any(own.path.read_bytes() == path.read_bytes() for own in shelf.called(word)):
                return  # a checkout of netlab's
            self._note(
                f"your own {word!r}; the one of the same name that comes with netlab is {path}"
            )

    def _at(self, path: Path, slow: bool) -> list[Scenario]:
        """The scenarios of a file or a folder that was named by its path."""
        if os.path.isdir(path):
            found = _Shelf(path).all()
            if not found:
                raise ScenarioError(_empty(path), path)
        elif not os.path.lexists(path):
            raise ScenarioError(_missing(path), path)
        elif path.suffix == ".yml":
            raise ScenarioError(f"scenarios end in {SUFFIX}: rename it to {path.stem}.yaml", path)
        elif path.suffix not in (SUFFIX, stories.SUFFIX):
            problem = f"is not a scenario: expected a file ending in {SUFFIX}, or {stories.SUFFIX} "
            raise ScenarioError(f"{problem}with stories in it", path)
        else:
            found = in_file(path)
            if not found:
                problem = f"has no story: expected a function marked with @{stories.MARK}(...)"
                raise ScenarioError(problem, path)
        return _quick(found, slow) or found  # if all are slow, they were asked for by name

    def _close(self, word: str) -> str:
        listed = [name for shelf in self.shelves for name in shelf.names()]
        known = list(dict.fromkeys([*listed, *atlas_names()]))
        close = (
            difflib.get_close_matches(word, known, n=3, cutoff=0.5)
            or [name for name in known if word in name][:3]
        )
        here = os.listdir() if os.path.isdir(os.curdir) else []
        folders = [name for name in here if os.path.isdir(name)]
        if near := difflib.get_close_matches(word, folders, n=1, cutoff=0.8):
            return f"There is a folder {near[0]}."
        return f"Did you mean {' or '.join(close)}?" if close else "'netlab list' shows them all."


def in_file(path: Path) -> list[Scenario]:
    """Every variant of the scenario in a file, or its stories.

    Raises `ScenarioError` if the file is broken.
    """
    return stories.read(path) if path.suffix == stories.SUFFIX else list(load(path).variants())


def _files(folder: Path) -> Iterator[Path]:
    """The scenario files below a folder, and the Python files that have stories.

    Raises `NetlabError` where a folder or a Python file cannot be read: nobody would know what is
    missing. Of netlab's own files, that is this machine's affair: nobody has named them.
    """
    try:
        for path in filter(Path.is_file, outside.below(folder)):
            if path.suffix == SUFFIX or stories.has_stories(path, outside.beginning):
                yield path
    except ScenarioError as error:
        if folder == home() or folder.is_relative_to(_PACKAGE):
            raise LabError(f"of netlab's own, {error}") from error
        raise


def _empty(folder: Path) -> str:
    """The error for a folder with nothing to play, and what to do about it."""
    expected = f"has no scenario: expected files ending in {SUFFIX}"
    misnamed = next(iter(sorted(folder.rglob("*.yml"))), None)
    if misnamed is not None:
        return f"{expected}; found {misnamed.relative_to(folder)}: rename it"
    return f"{expected}. 'netlab show NAME' explains one, 'netlab lab' writes one"


def _missing(path: Path) -> str:
    """The error for a path that does not exist, with a path that comes close."""
    near, sure = Path(path.anchor), True
    for part in path.parts[1 if path.anchor else 0 :]:
        if os.path.lexists(near / part):
            near = near / part
            continue
        there = os.listdir(near) if os.path.isdir(near) and os.access(near, os.R_OK) else []
        close = difflib.get_close_matches(part, there, n=1, cutoff=0.6)
        sure = sure and bool(close)
        near = near / (close[0] if close else part)
    if sure and near != path:
        return f"no such file. Did you mean {near}?"
    parent = path.parent
    if not os.path.isdir(parent):
        return f"no such file: there is no folder {parent}. 'netlab list' shows the scenarios"
    return "no such file. 'netlab list' shows the scenarios"


def _quick(scenarios: Iterable[Scenario], slow: bool) -> list[Scenario]:
    return [scenario for scenario in scenarios if slow or not scenario.slow]
