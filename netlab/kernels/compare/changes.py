# SPDX-License-Identifier: GPL-2.0-or-later
"""The known changes of TCP between kernels, as data, and the one that explains a difference.

Nothing here compares versions. A change explains a difference where the two runs themselves show
that one kernel has it and the other does not: by the presence of a sysctl or a counter, by the tick
rate, by a value. Where nothing else distinguishes them, the change states what is seen with it and
what without it, and explains exactly that.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from netlab.kernels.compare.behaviour import KernelProfile
from netlab.kernels.compare.differences import TOPICS, Comparison, Difference, Topic

HOME = Path(__file__).parent / "changes.yaml"
FEATURES = ("sysctl", "counter", "value", "hz")
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

    def sides(self, before: KernelProfile, after: KernelProfile) -> tuple[bool, bool] | None:
        """Whether each kernel has the feature; None where the two do not differ in it."""
        if self.kind == "hz":
            differ = before.machine.hz != after.machine.hz
            return (False, True) if differ else None
        ours, theirs = (
            (before.counters, after.counters)
            if self.kind == "counter"
            else (before.sysctls, after.sysctls)
        )
        if self.kind == "value":
            known = self.name in ours and self.name in theirs
            return (False, True) if known and ours[self.name] != theirs[self.name] else None
        if not ours or not theirs:
            return None
        has = self.name in ours, self.name in theirs
        return has if has[0] != has[1] else None


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

    def explains(self, comparison: Comparison, difference: Difference) -> bool:
        """Whether this change accounts for a difference between the two kernels."""
        turned: Sequence[bool] = (False, True)
        if self.feature:
            sides = self.feature.sides(comparison.before, comparison.after)
            if sides is None:
                return False
            turned = (sides[0],)
            # A scenario that needs what one kernel lacks names it in its reason.
            lacks = self.feature.kind == "sysctl" and difference.aspect == "outcome"
            if lacks and any(self.feature.name in why for why in difference.why):
                return True
        return any(effect.fits(difference, way) for effect in self.effects for way in turned)


def explain(comparison: Comparison) -> list[tuple[Difference, Change | None]]:
    """Each difference with the change that explains it; None: no known change does."""
    return [
        (
            difference,
            next((one for one in changes() if one.explains(comparison, difference)), None),
        )
        for difference in comparison.differences
    ]


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
    return Change(
        id=name,
        since=entry["since"],
        known=entry["known"],
        what=entry["what"],
        source=entry["source"],
        note=entry.get("note", ""),
        feature=_feature(name, entry.get("feature")),
        effects=tuple(_effects(name, entry.get("explains", []))),
        with_=tuple(map(str, entry.get("with", ()))),
        without=tuple(map(str, entry.get("without", ()))),
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
