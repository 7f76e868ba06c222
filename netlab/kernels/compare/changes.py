# SPDX-License-Identifier: GPL-2.0-or-later
"""The known changes of TCP between kernels, as data, and the one that explains a difference.

No change is looked up by a version. It explains a difference where the two runs themselves show
that one kernel has it and the other does not: by the presence of a sysctl or a counter, by the tick
rate, by a value. Where nothing else distinguishes them, the change states what is seen with it and
what without it, and explains exactly that.

And it must be the newer kernel that has it. One that lacks what an older kernel has is a
regression, or the older one got a fix that was carried back: a person has to find out which.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, NamedTuple

from netlab.kernels.compare import order
from netlab.kernels.compare.behaviour import KernelProfile
from netlab.kernels.compare.differences import TOPICS, Comparison, Difference, Topic

HOME = Path(__file__).parent / "changes.yaml"
FEATURES = ("sysctl", "counter", "value", "hz")
NAME = re.compile(r"[\w.]*\w")  # a sysctl or a counter in a sentence
FIELDS = {
    "id",
    "since",
    "known",
    "what",
    "source",
    "note",
    "feature",
    "explains",
    "with",
    "without",
}
KNOWN = {
    "seen": "seen here",
    "by source": "known from its source; no two of the kernels seen here differ in it",
}


class BrokenChanges(ValueError):
    """``changes.yaml`` is wrong: the message says where, and what was expected."""


@dataclass(frozen=True, slots=True)
class Feature:
    """What distinguishes a kernel with a change from one without it."""

    kind: str  # sysctl, counter: whether it exists; value: of a sysctl; hz
    name: str = ""

    def turned(self, before: KernelProfile, after: KernelProfile) -> tuple[bool, ...]:
        """The ways in which two kernels differ in it: False where the second one has the change,
        True where the first one has. A value does not tell which; nothing: they do not differ.
        """
        if self.kind == "hz":
            return (False,) if before.machine.hz != after.machine.hz else ()
        ours, theirs = (
            (before.counters, after.counters)
            if self.kind == "counter"
            else (before.sysctls, after.sysctls)
        )
        if self.kind == "value":
            known = self.name in ours and self.name in theirs
            return (False, True) if known and ours[self.name] != theirs[self.name] else ()
        if not ours or not theirs:
            return ()
        has = self.name in ours, self.name in theirs
        return (has[0],) if has[0] != has[1] else ()

    @property
    def directed(self) -> bool:
        """True if it came at some time; the tick rate is whatever a distribution chooses."""
        return self.kind != "hz"

    def is_named_in(self, why: str) -> bool:
        """Whether a scenario was not played because a kernel lacks it."""
        return self.kind in ("sysctl", "counter") and self.name in NAME.findall(why)


@dataclass(frozen=True, slots=True)
class Effect:
    """Differences that a change makes. Shell patterns; "" matches any value."""

    topic: Topic
    subject: str
    aspect: str = "*"
    without: str = ""
    with_: str = ""

    def fits(self, difference: Difference, turned: bool) -> bool:
        """Whether the difference is of this kind. `turned`: the first kernel has the change."""
        without, with_ = (
            (difference.after, difference.before)
            if turned
            else (difference.before, difference.after)
        )
        return (
            self.topic == difference.topic
            and fnmatchcase(difference.subject, self.subject)
            and fnmatchcase(difference.aspect, self.aspect)
            and (not self.without or fnmatchcase(without, self.without))
            and (not self.with_ or fnmatchcase(with_, self.with_))
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One change, and the differences by which it shows."""

    id: str
    since: str  # the first mainline kernel with it: 6.5. Distributions backport some
    known: str  # a key of KNOWN
    what: str  # one sentence
    source: str  # the commit's subject, the RFC, the kernel's function
    note: str = ""
    feature: Feature | None = None
    effects: tuple[Effect, ...] = ()
    with_: tuple[str, ...] = ()  # the kernels it was seen on
    without: tuple[str, ...] = ()  # and those it was not

    def fits(self, comparison: Comparison, difference: Difference) -> tuple[bool, ...]:
        """The ways in which this change accounts for a difference; see `Feature.turned`."""
        ways: tuple[bool, ...] = (False, True)
        if self.feature:
            ways = self.feature.turned(comparison.before, comparison.after)
            # A scenario that needs what one kernel lacks names it in its reason.
            if difference.aspect == "outcome" and any(
                map(self.feature.is_named_in, difference.why)
            ):
                return ways
        return tuple(
            way for way in ways if any(effect.fits(difference, way) for effect in self.effects)
        )


@dataclass(frozen=True, slots=True)
class Doubt:
    """A change that accounts for a difference, if the kernels were in the other order."""

    change: Change
    lacking: Literal["before", "after"] | None  # the newer kernel; None: nobody knows which is


class Explanation(NamedTuple):
    """A difference, and the change that explains it."""

    difference: Difference
    change: Change | None  # None: no known change does
    doubt: Doubt | None = None  # and this one would not


def explain(comparison: Comparison) -> list[Explanation]:
    """Each difference with the change that explains it, if one does."""
    newer = order.newer(comparison.before.machine, comparison.after.machine)
    return [_explained(comparison, difference, newer) for difference in comparison.differences]


def _explained(comparison: Comparison, difference: Difference, newer: bool | None) -> Explanation:
    """`newer`: whether the second kernel is."""
    doubt = None
    for change in changes():
        ways = change.fits(comparison, difference)
        if not ways:
            continue
        directed = change.feature is None or change.feature.directed
        if not directed or (newer is not None and (not newer) in ways):
            return Explanation(difference, change)
        lacking: dict[bool | None, Literal["before", "after"]] = {True: "after", False: "before"}
        doubt = doubt or Doubt(change, lacking.get(newer))
    return Explanation(difference, None, doubt)


@functools.cache
def changes() -> tuple[Change, ...]:
    """The changes of ``changes.yaml``, those with a feature first: they are more specific."""
    import yaml

    found = parse(yaml.safe_load(HOME.read_text()))
    return tuple(sorted(found, key=lambda change: change.feature is None))


def parse(entries: Any) -> list[Change]:
    """Read and check the entries. Raises `BrokenChanges` for the first that is wrong."""
    if not isinstance(entries, list):
        raise BrokenChanges("expected a list of changes")
    found = [_change(entry) for entry in entries]
    ids = [change.id for change in found]
    for each in ids:
        if ids.count(each) > 1:
            raise BrokenChanges(f"{each}: two changes have this id")
    return found


def _change(entry: Any) -> Change:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise BrokenChanges(f"expected a mapping with an id; found {entry!r:.60}")
    name = entry["id"]
    if unknown := entry.keys() - FIELDS:
        raise BrokenChanges(f"{name}: no field is called {', '.join(sorted(unknown))}")
    for field in ("since", "known", "what", "source"):
        if not isinstance(entry.get(field), str):
            raise BrokenChanges(f"{name}: {field} must be text")
    if entry["known"] not in KNOWN:
        raise BrokenChanges(f"{name}: known must be one of {', '.join(KNOWN)}")
    feature = _feature(name, entry.get("feature"))
    effects = tuple(_effects(name, entry.get("explains", [])))
    if feature is None or feature.kind == "value":
        _require_sides(name, effects)
    for effect in effects:
        if effect.topic == "row" and not (effect.without and effect.with_):
            raise BrokenChanges(
                f"{name}: {effect.subject}: a row needs 'with' and 'without': what comes of an "
                "event may differ in another way, too"
            )
    return Change(
        id=name,
        since=entry["since"],
        known=entry["known"],
        what=entry["what"],
        source=entry["source"],
        note=entry.get("note", ""),
        feature=feature,
        effects=effects,
        with_=tuple(map(str, entry.get("with", ()))),
        without=tuple(map(str, entry.get("without", ()))),
    )


def _require_sides(change: str, effects: Iterable[Effect]) -> None:
    """Refuse effects from which nobody could tell which of two kernels has the change."""
    for effect in effects:
        if effect.without == effect.with_:
            raise BrokenChanges(
                f"{change}: {effect.subject}: neither a feature nor 'with' and 'without' say which "
                "kernel has the change"
            )


def _feature(change: str, text: str | None) -> Feature | None:
    if text is None:
        return None
    kind, _, name = text.partition(" ")
    if kind not in FEATURES or (kind == "hz") == bool(name):
        raise BrokenChanges(f"{change}: {text!r} is not a feature; expected {', '.join(FEATURES)}")
    return Feature(kind, name)


def _effects(change: str, entries: Sequence[Mapping[str, Any]]) -> Iterator[Effect]:
    for entry in entries:
        topics = [topic for topic in TOPICS if topic in entry]
        rest = entry.keys() - {"aspect", "with", "without", *topics}
        if len(topics) != 1 or rest:
            raise BrokenChanges(f"{change}: {dict(entry)!r} does not say what it explains")
        subjects = entry[topics[0]]
        for subject in [subjects] if isinstance(subjects, str) else subjects:
            yield Effect(
                topics[0],
                subject,
                str(entry.get("aspect", "*")),
                str(entry.get("without", "")),
                str(entry.get("with", "")),
            )
