# SPDX-License-Identifier: GPL-2.0-or-later
"""A kernel's behaviour as a file for version control: small, line-based, without what varies."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netlab.kernels.compare import sentences
from netlab.kernels.compare.behaviour import KernelProfile
from netlab.kernels.compare.changes import explain
from netlab.kernels.compare.differences import Topic, compare, edited
from netlab.kernels.compare.sentences import Sentence
from netlab.model import outside
from netlab.model.errors import ScenarioError
from netlab.model.evidence import converter
from netlab.model.text import some

#: Of the file, in bytes. All scenarios and all pairs take 40 KiB.
LARGEST = outside.MIB
#: Of the data in it: levels of nesting, and characters of a text.
DEEPEST, LONGEST = 20, 10_000
FORMAT = 2  # 2: steps are written in one way, however their file is formatted
HEAD = """\
# What TCP does on this kernel, as 'netlab baseline record' saw it. 'netlab baseline check' plays
# the same again and reports the differences.
"""
BASELINE = "the baseline"  # as sentences call it
EXPECTED = "expected what 'netlab baseline record' wrote"
#: A counter is rounded down to one of these: how often it moves is chance, that it moves is not.
STEPS = (0, 1, 5, 10, 20, 50, 100, 200)


def text(behaviour: KernelProfile) -> str:
    """The file's text."""
    import yaml

    counters = {
        name: max(step for step in STEPS if step <= number)
        for name, number in behaviour.counters.items()
    }
    data = converter().copy(omit_if_default=True).unstructure(behaviour)
    whole = {"netlab-baseline": FORMAT, **data, "counters": counters}
    return HEAD + yaml.safe_dump(
        whole, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )


def read(path: Path) -> KernelProfile:
    """A baseline. Raises `ScenarioError` where the file cannot be read or is not a baseline."""
    data = _data(outside.text(path, LARGEST, "a baseline"), path)
    if not isinstance(data, dict) or "netlab-baseline" not in data:
        raise ScenarioError(f"is not a baseline; {EXPECTED}", path)
    if data["netlab-baseline"] != FORMAT:
        found = data["netlab-baseline"]
        raise ScenarioError(
            f"has format {found}, this netlab reads {FORMAT}; record it again", path
        )
    try:
        return converter().structure(data, KernelProfile)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ScenarioError(f"is not a complete baseline ({error}); {EXPECTED}", path) from None


def _data(text: str, path: Path) -> Any:
    """A text in YAML as data, which is never larger than the text: without aliases."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    try:
        for event in yaml.parse(text, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            long = isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST
            if depth > DEEPEST or long or isinstance(event, yaml.AliasEvent):
                raise ValueError
        return yaml.load(text, loader)
    except yaml.YAMLError:
        raise ScenarioError(f"is not YAML; {EXPECTED}", path) from None
    except (ValueError, OverflowError):  # it says that it is a number, or a date, and it is none
        raise ScenarioError(f"is not a baseline; {EXPECTED}", path) from None


@dataclass(frozen=True, slots=True)
class CheckSentence:
    """One sentence of a check, what it is about, and the known change that explains it."""

    sentence: str
    about: tuple[tuple[Topic, str], ...] = ()  # a topic, and a name; none: the kernel itself
    change: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a kernel since it was recorded."""

    otherwise: tuple[CheckSentence, ...]  # it behaves otherwise
    open: tuple[CheckSentence, ...]  # what was recorded, and could not be compared
    notes: tuple[str, ...]  # what is to be known besides
    #: Behaves otherwise, too, by a known change, where that is not asked for.
    explained: tuple[CheckSentence, ...] = ()

    def without_known(self) -> Checked:
        """The same, where what a known change explains is no difference."""
        known = tuple(one for one in self.otherwise if one.change)
        rest = tuple(one for one in self.otherwise if not one.change)
        return replace(self, otherwise=rest, explained=known)

    @property
    def known(self) -> tuple[str, ...]:
        """What known changes explain, in sentences."""
        return tuple(one.sentence for one in self.explained)

    @property
    def differences(self) -> tuple[str, ...]:
        """Each difference in a sentence."""
        return tuple(one.sentence for one in self.otherwise)

    @property
    def uncompared(self) -> tuple[str, ...]:
        """What could not be compared, in sentences."""
        return tuple(one.sentence for one in self.open)


def check(recorded: KernelProfile, now: KernelProfile, whole: bool = True) -> Checked:
    """Compare a kernel with what was recorded, in one sentence for each cause.

    With `whole`, everything that was recorded must have been played, and with the same steps:
    what was not compared is not as recorded. A kernel that dies of what the recorded one survived
    behaves otherwise; a lab that could not be built tells nothing about it.
    """
    comparison = compare(recorded, now)
    told = sentences.tell(explain(comparison), BASELINE, now.machine.name)
    unplayed = [one for one in told if one.differences[0].after == "error"]
    never_was = [one for one in told if one.differences[0].before == "error"]
    behaves = [one for one in told if one not in (*unplayed, *never_was)]
    otherwise = [*map(_found, sorted(behaves, key=_rank))]
    uncompared = [*map(_found, unplayed)]
    if now.died:
        died = f"{now.machine.name}: {now.error}; {BASELINE} was played to its end"
        otherwise.insert(0, CheckSentence(died))
    elif now.error:
        uncompared.insert(0, CheckSentence(f"{now.machine.name}: {now.error}"))
    if whole:
        uncompared += _not_compared(recorded, now)
    notes = (*comparison.notes, *map(_in_words, never_was))
    return Checked(tuple(otherwise), tuple(uncompared), notes)


def _rank(told: Sentence) -> tuple[bool, bool]:
    """What does not pass comes first, and counters last: they follow from the rest."""
    first = told.differences[0]
    return "counter" in (first.topic, *first.aspect.split()), first.aspect != "outcome"


def _in_words(told: Sentence) -> str:
    said = told.sentence.replace(f" on {BASELINE}", f" in {BASELINE}")
    if told.change is not None:
        return f"{said} ({told.change.id}, since {told.change.since})"
    return f"{said}; {told.doubt}" if told.doubt else said


def _found(told: Sentence) -> CheckSentence:
    about = dict.fromkeys((one.topic, one.subject) for one in told.differences)
    return CheckSentence(_in_words(told), tuple(about), told.change.id if told.change else "")


def in_common(recorded: KernelProfile, now: KernelProfile) -> bool:
    """Whether anything of the record was played, so that there was something to compare."""
    parts = (
        (recorded.scenarios, now.scenarios),
        (recorded.cells, now.cells),
        (recorded.timers, now.timers),
        (recorded.rows, now.rows),
    )
    return any(ours.keys() & theirs.keys() for ours, theirs in parts)


def _not_compared(recorded: KernelProfile, now: KernelProfile) -> Iterator[CheckSentence]:
    parts: tuple[tuple[Topic, str, Collection[str], Collection[str]], ...] = (
        ("scenario", "scenario", recorded.scenarios, now.scenarios),
        ("cell", "pair", recorded.cells, now.cells),
        ("timer", "time-out", recorded.timers, now.timers),
        ("row", "row", recorded.rows, now.rows),
    )
    for topic, kind, ours, theirs in parts:
        missing = sorted({*ours} - {*theirs})
        if missing:
            verb = "was" if len(missing) == 1 else "were"
            number = f"{len(missing)} of {len(ours)} {kind}s of {BASELINE} {verb} not played"
            said = f"{number}: {some(missing)} (--ignore-missing allows that)"
            yield CheckSentence(said, tuple((topic, name) for name in missing))
    changed = edited(recorded, now)
    if changed:
        said = f"the steps are not the recorded ones, so nothing was compared: {some(changed)}"
        about = [(t, n) for t, _, ours, _ in parts for n in changed if n in ours]
        yield CheckSentence(said, tuple(about))
