# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks `netlab.diagnosis` about every case, and counts how often it is right.

An answer is right with both ends where the first finding about the connection is the true class,
and with one end where one of its first two findings is. A finding is a class: its cause, and at
most `ALTERNATIVES` others that it says the evidence cannot tell from it. `exactly` counts what is
right by the cause alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from netlab.diagnosis import rank
from netlab.model.findings import Finding
from netlab.snapshot import parse
from netlab.snapshot.records import Snapshot

from .corpus import SIDES, Case, Truth, Views

#: More than these in `also` is hedging, and the finding counts as wrong.
ALTERNATIVES = 2
NOTHING = "(nothing)"


def _ss(views: Views) -> str:
    return views.ss[0]


def _ss_twice(views: Views) -> str:
    return "".join(views.ss)


def _with_counters(views: Views) -> str:
    looks = zip(views.ss, views.nstat, strict=True)
    return "".join(text for look in looks for text in look)


#: What an end's owner hands in: the name of the form, and the text.
FORMS: dict[str, Callable[[Views], str]] = {
    "ss -tanoei": _ss,
    "ss -tanoei, twice": _ss_twice,
    "ss and nstat, twice": _with_counters,
    "netlab snapshot": lambda views: views.netlab[0],
    "netlab snapshot --twice": lambda views: views.netlab[1],
}
ENDS = {"both": SIDES, "client": ("client",), "server": ("server",)}


#: How often an answer was so sure (0 to 1), whether its class is true, and its cause alone.
Sureness: TypeAlias = Counter[tuple[float, bool, bool]]


@dataclass(frozen=True, slots=True)
class Miss:
    """An answer that was wrong, for whoever mends the rules."""

    case: str
    family: str
    form: str
    ends: str
    what: str
    pair: tuple[str, str]
    true: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """The score of one form of evidence."""

    asked: Counter[str] = field(default_factory=Counter)  # by "both" and "one"
    right: Counter[str] = field(default_factory=Counter)
    exactly: Counter[str] = field(default_factory=Counter)
    healthy: int = 0
    accused: int = 0
    #: Ends that see nothing of what is wrong, and how many were told of something that is not true.
    blind: int = 0
    invented: int = 0
    #: Findings about these connections, and those whose cause, or one that they say cannot be told
    #: from it, is true of the connection for whoever sees both ends.
    named: int = 0
    named_truly: int = 0
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)  # with both ends
    sure: Sureness = field(default_factory=Counter)  # of the first findings about connections
    misses: list[Miss] = field(default_factory=list)


def judge(
    cases: Sequence[Case],
    forms: Iterable[str] = tuple(FORMS),
    meanwhile: Callable[[], None] = lambda: None,
) -> dict[str, Tally]:
    """The score of each form over all cases."""
    tallies = {form: Tally() for form in forms}
    for case in cases:
        for form, tally in tallies.items():
            for ends in ENDS:
                _ask(case, form, ends, tally)
        meanwhile()
    return tallies


def _ask(case: Case, form: str, ends: str, tally: Tally) -> None:
    texts = [(side, FORMS[form](case.views[side])) for side in ENDS[ends]]
    if not all(text for _, text in texts):
        return
    snapshots = [one for side, text in texts for one in _read(text, side)]
    findings = rank.diagnose(snapshots).findings
    for truth in case.truths:
        about = list(_about(truth, findings))
        if about:
            known = (*truth.both, *truth.ends.get(ends, ()))
            hits = _hits(about[0], known), about[0].cause in known
            tally.sure[about[0].confidence, *hits] += 1
        tally.named += len(about)
        tally.named_truly += sum(_hits(each, truth.both) for each in about)
        answers = tuple("|".join((each.cause, *each.also)) for each in about)
        if truth.healthy:
            tally.healthy += 1
            tally.accused += bool(about)
            true: tuple[str, ...] = (NOTHING,)
            wrong = bool(about)
        else:
            true = truth.both if ends == "both" else truth.ends.get(ends, ())
            if true:
                wrong = not _count(tally, ends, true, about)
            else:  # this end has no way to see that anything is wrong
                true = (NOTHING,)
                wrong = bool(about) and not any(_hits(each, truth.both) for each in about)
                tally.blind += 1
                tally.invented += wrong
        if ends == "both":
            said = _cell(true, about)
            tally.confusion[said if said in true else true[0], said] += 1
        if wrong:
            tally.misses.append(
                Miss(case.name, case.family, form, ends, truth.what, truth.pair, true, answers)
            )


def _read(text: str, name: str) -> list[Snapshot]:
    return parse.read(text, name)


def _count(tally: Tally, ends: str, true: Sequence[str], about: Sequence[Finding]) -> bool:
    kind, first = ("both", 1) if ends == "both" else ("one", 2)
    tally.asked[kind] += 1
    right = any(_hits(finding, true) for finding in about[:first])
    tally.right[kind] += right
    tally.exactly[kind] += any(finding.cause in true for finding in about[:first])
    return right


def _hits(finding: Finding, true: Sequence[str]) -> bool:
    if len(finding.also) > ALTERNATIVES:
        return False
    return any(cause in true for cause in (finding.cause, *finding.also))


def _cell(true: Sequence[str], about: Sequence[Finding]) -> str:
    """What the first finding says, in the words that are closest to the truth."""
    if not about:
        return NOTHING
    if about[0].cause not in true and _hits(about[0], true):
        return next(cause for cause in about[0].also if cause in true)
    return about[0].cause


def _about(truth: Truth, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings that are about one connection, or about the listener that it knocks at."""
    for finding in findings:
        if any(_same(truth, each.local, each.remote) for each in finding.connections):
            yield finding


def _same(truth: Truth, local: tuple[str, int], remote: tuple[str, int]) -> bool:
    if {tuple(local), tuple(remote)} == {truth.client, truth.server}:
        return True
    ports = {truth.client[1], truth.server[1]} - {0}
    unnamed = truth.client[1] == 0  # nobody has connected: whatever is at the server's port
    return local[1] in ports and (remote[1] == 0 or unnamed)
