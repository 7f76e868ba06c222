# SPDX-License-Identifier: GPL-2.0-or-later
"""Differences in words: one sentence for the same difference in several places."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from netlab.kernels.compare.behaviour import ANY
from netlab.kernels.compare.changes import Change, Doubt, Explanation
from netlab.kernels.compare.differences import Difference
from netlab.model.text import some

NAMED = 4  # the most scenarios that a sentence names: beyond, it gives their number
STEP = re.compile(r"^step \d+, ")  # one step is at several places in several scenarios
VERBS = {"pass": "passes", "fail": "fails", "skip": "is skipped", "error": "cannot be played"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a comparison, the differences it is about, and what explains them."""

    sentence: str
    differences: tuple[Difference, ...]
    change: Change | None
    doubt: str = ""  # why a change that looks like it does not explain them


def tell(explained: Iterable[Explanation], before: str, after: str) -> list[Sentence]:
    """All differences in sentences, the unexplained last. `before`, `after`: the kernels' names."""
    groups: dict[object, list[Explanation]] = {}
    for one in explained:
        groups.setdefault(_kind(one), []).append(one)
    found = [
        Sentence(
            sentence([one.difference for one in group], before, after),
            tuple(one.difference for one in group),
            group[0].change,
            doubted(group[0].doubt, before, after),
        )
        for group in _together(groups.values())
    ]
    return sorted(found, key=lambda told: (not told.change, told.change.id if told.change else ""))


def doubted(doubt: Doubt | None, before: str, after: str) -> str:
    """Why the change in doubt explains nothing here; "" without one."""
    if doubt is None:
        return ""
    change = f"{doubt.change.id} (since {doubt.change.since})"
    if doubt.lacking is None:
        return f"{change} would explain it, if it were known which of the two is newer"
    newer, older = (after, before) if doubt.lacking == "after" else (before, after)
    return f"this goes backwards: {newer} is newer than {older}, and lacks {change}"


def _kind(explained: Explanation) -> object:
    """Differences of one kind share a sentence; those of sysctl values and timers never do."""
    difference, change, doubt = explained
    own = difference.topic == "timer" or difference.aspect == "value"
    there = difference.aspect in ("there", "moves")
    return (
        change.id if change else None,
        doubt.change.id if doubt else None,
        difference.topic,
        STEP.sub("", difference.aspect),
        bool(difference.before) if there else difference.before,
        bool(difference.after) if there else difference.after,
        re.sub(r"\d+", "", "".join(difference.why)),
        difference.subject if own else None,
        difference.before == "never",
    )


def _together(groups: Collection[list[Explanation]]) -> list[list[Explanation]]:
    """The groups, and one of the counters of one end that move in about the same scenarios: they
    have one cause. About the same: one's are among those of the other, and at least half of them.
    """
    found: dict[int, list[Explanation]] = {}  # by their places, of which the first one counts
    places = sorted(enumerate(groups), key=lambda one: len(one[1]), reverse=True)
    for place, group in places:
        larger = next((at for at, others in found.items() if _belongs(group, others)), None)
        if larger is None:
            found[place] = list(group)
        else:
            found[min(larger, place)] = found.pop(larger) + group
    return [group for _, group in sorted(found.items())]


def _belongs(group: Sequence[Explanation], larger: Sequence[Explanation]) -> bool:
    subjects, others = ({one.difference.subject for one in each} for each in (group, larger))
    alike = _direction(group[0]) == _direction(larger[0]) is not None
    return alike and subjects <= others and 2 * len(subjects) >= len(others)


def _direction(explained: Explanation) -> object:
    """Of a counter of a scenario: whose it is, which way it differs, and by which change."""
    difference, change, doubt = explained
    if difference.topic != "scenario" or "counter" not in difference.aspect:
        return None
    side = difference.aspect.split()[0]
    return side, bool(difference.after), change and change.id, doubt and doubt.change.id


def sentence(group: Sequence[Difference], before: str, after: str) -> str:
    """A sentence on a group of like differences, for a person who knows TCP."""
    first = group[0]
    names = list(dict.fromkeys(one.subject for one in group))
    match first.topic:
        case "timer":
            return f"timer {first.subject}: {first.after} on {after}; {first.before} on {before}"
        case "sysctl":
            return _sysctl(group, before, after)
        case "counter":
            return _counter(first, names, before, after)
        case "row":
            return _rows(group, before, after)
        case "cell":
            pairs = f"pair {names[0]}" if len(names) == 1 else f"pairs {', '.join(names)}"
            return f"{pairs}: {_play(first, before, after)}"
        case "scenario":
            said = _plays(group, before, after)
            if len(names) > NAMED:
                return f"{len(names)} scenarios, {', '.join(names[:NAMED])} ...: {said}"
            return f"{', '.join(names)}: {said}"


def _rows(group: Sequence[Difference], before: str, after: str) -> str:
    """On rows of the conformance table: which event in which states, and what comes of it."""
    events: dict[str, list[str]] = {}
    for one in group:
        event, _, state = one.subject.partition("/")
        states = events.setdefault(event, [])
        if (plain := state.partition(" (IPv")[0]) not in states:
            states.append(plain)
    where = [f"{event} in {some(states)}" for event, states in events.items()]
    first = group[0]
    if first.aspect == "outcome":
        return f"{some(where)}: {_play(first, before, after)}"
    ours, theirs = _only_different(first.before, first.after)
    return f"{some(where)}: {theirs} on {after}, {ours} on {before}"


def _only_different(before: str, after: str) -> tuple[str, str]:
    """What two behaviours do, without what both do."""
    ours, theirs = ([*dict.fromkeys(one.split(", "))] for one in (before, after))
    different = [
        ", ".join(x for x in one if x not in other)
        for one, other in ((ours, theirs), (theirs, ours))
    ]
    return different[0] or "nothing else", different[1] or "nothing else"


def _plays(group: Sequence[Difference], before: str, after: str) -> str:
    first = group[0]
    aspects = list(dict.fromkeys(one.aspect for one in group))
    if len(aspects) == 1:
        return _play(first, before, after)
    if "counter" in first.aspect:
        return _counters_of_an_end(aspects, first, before, after)
    return _play(replace(first, aspect=STEP.sub("", first.aspect)), before, after)


def _play(one: Difference, before: str, after: str) -> str:
    match one.aspect.split():
        case ["outcome"]:
            ends = ((one.after, one.why[1], after), (one.before, one.why[0], before))
            return "; ".join(_outcome(*end) for end in ends)
        case ["pair"]:
            return f"the pair is {one.after} on {after}, {one.before} on {before}"
        case ["healed"]:
            into = one.after or "nothing", one.before or "nothing"
            return f"heals into {into[0]} on {after}, into {into[1]} on {before}"
        case ["frozen"]:
            frozen, not_so = (after, before) if one.after == "yes" else (before, after)
            why = one.why[1] or one.why[0]
            return f"frozen on {frozen}, and not on {not_so}" + (f" ({why})" if why else "")
        case [side, "counter", name]:
            moving, still = (after, before) if one.after else (before, after)
            return f"the {side} counter {name} moves on {moving}, and not on {still}"
        case ["step", *_]:
            ends_with = (one.after or "nothing", one.before or "nothing")
            return (
                f"{one.aspect}: ends with {ends_with[0]} on {after}, "
                f"with {ends_with[1]} on {before}"
            )
        case _:
            return f"{one.aspect}: {one.after or '-'} on {after}, {one.before or '-'} on {before}"


def _counters_of_an_end(aspects: Sequence[str], first: Difference, before: str, after: str) -> str:
    side = first.aspect.split()[0]
    names = [aspect.split()[-1] for aspect in aspects]
    moving, still = (after, before) if first.after else (before, after)
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"the {side} counters {listed} move on {moving}, and not on {still}"


def _outcome(outcome: str, why: str, kernel: str) -> str:
    return f"{VERBS[outcome]} on {kernel}" + (f" ({why})" if why else "")


def _sysctl(group: Sequence[Difference], before: str, after: str) -> str:
    first = group[0]
    if first.aspect == "value":
        return f"sysctl {first.subject} is {first.after} on {after}, {first.before} on {before}"
    came = bool(first.after)
    values = [
        one.subject if (one.after or one.before) == ANY else f"{one.subject} = {value}"
        for one in group
        if (value := one.after or one.before)
    ]
    kernel = after if came else before
    rest = "is new" if came else f"is gone on {after}"
    if len(group) > 1:
        rest = rest.replace("is", "are", 1)
        return f"sysctls {', '.join(values)} {rest}" + (f" on {kernel}" if came else "")
    return f"sysctl {values[0]} {rest}" + (f" on {kernel}" if came else "")


def _counter(first: Difference, names: Sequence[str], before: str, after: str) -> str:
    many = "counters" if len(names) > 1 else "counter"
    verb = "are" if len(names) > 1 else "is"
    listed = ", ".join(names)
    if first.aspect == "there":
        came = f"{verb} new on {after}" if first.after else f"{verb} gone on {after}"
        return f"{many} {listed} {came}"
    if len(names) == 1:
        moving, still = (before, after) if first.after == "never" else (after, before)
        number = first.before if first.after == "never" else first.after
        return f"counter {listed} never moves on {still}; it does {number} on {moving}"
    still = after if first.after == "never" else before
    return f"counters {listed} never move on {still}, and often on {_other(still, before, after)}"


def _other(one: str, before: str, after: str) -> str:
    return before if one == after else after
