# SPDX-License-Identifier: GPL-2.0-or-later
"""All runs side by side, as tables and the page show them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from netlab.kernels.compare import changes, order, sentences
from netlab.kernels.compare.behaviour import KernelProfile, Play, behaviour
from netlab.kernels.compare.differences import Comparison, Topic, compare, told
from netlab.kernels.compare.sentences import Sentence
from netlab.model.evidence import Outcome
from netlab.model.kernel_run import KernelRun, Machine, Timing
from netlab.render.matrix import Column, Grid, Kind, Mark, MatrixRow

SIGNS: dict[str, str] = {"pass": "✓", "fail": "✗", "error": "!", "skip": "–"}
OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "error", "skip")
OTHERWISE = "≠"
#: What the signs of a table mean, for who has no page of it.
LETTERED = "a letter: in another way than a kernel further left"
LEGENDS: dict[Topic, str] = {
    "scenario": f"✓ passed, ✗ failed, – skipped; {LETTERED}",
    "row": f"✓ does as the table says, {OTHERWISE} otherwise, – not played; {LETTERED}",
    "cell": f"✓ held, ○ not reached, – skipped; {LETTERED}",
}
NOTHING = Mark("", "absent")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Compared:
    """Two of the runs."""

    labels: tuple[str, str]
    comparison: Comparison
    told: tuple[Sentence, ...]

    @property
    def unexplained(self) -> int:
        """The number of differences that no known change explains."""
        return sum(len(one.differences) for one in self.told if one.change is None)

    def lost(self) -> Iterator[str]:
        """Sentences on what one kernel plays, and one that is not known to be older skips, where no
        known change is why: a scenario may need the very behaviour that a kernel has lost.
        """
        newer = order.newer(self.comparison.before.machine, self.comparison.after.machine)
        lost = set()
        if newer is not False:
            lost.add(("pass", "skip"))
        if newer is not True:
            lost.add(("skip", "pass"))
        for one in self.told:
            first = one.differences[0]
            outcomes = first.before, first.after
            if one.change is None and first.aspect == "outcome" and outcomes in lost:
                yield one.sentence


@dataclass(frozen=True, slots=True)
class Overview:
    """All runs, with the differences between them."""

    runs: tuple[KernelRun, ...]
    behaviours: tuple[KernelProfile, ...]
    labels: tuple[str, ...]
    compared: tuple[Compared, ...]

    @property
    def lost(self) -> tuple[str, ...]:
        """A sentence on everything that a kernel skips and an older one passed; see `Compared`."""
        return tuple(sentence for each in self.compared for sentence in each.lost())

    @property
    def columns(self) -> tuple[Column, ...]:
        """The kernels as the column headings of tables."""
        return tuple(
            Column(label, about(run.machine), run.error, run.console)
            for label, run in zip(self.labels, self.runs, strict=True)
        )

    def grids(self) -> list[Grid]:
        """Every table that has rows."""
        tables = (
            self._grid("scenarios", "scenario", lambda one: one.scenarios, _play),
            self._grid("rows of the conformance table", "row", lambda one: one.rows, _play),
            self._grid("pairs of the atlas", "cell", lambda one: one.cells, _play),
            self._grid("timers", "timer", lambda one: one.timers, _timer),
            self._grid("sysctls", "sysctl", lambda one: one.sysctls, _value),
            self._grid("counters", "counter", lambda one: one.counters, _number),
        )
        return [grid for grid in tables if grid.rows]

    def _grid(
        self,
        title: str,
        topic: Topic,
        part: Callable[[KernelProfile], Mapping[str, Any]],
        mark: Callable[[Sequence[Any]], list[Mark]],
    ) -> Grid:
        parts = [part(one) for one in self.behaviours]
        names = list(dict.fromkeys(name for each in parts for name in each))
        if topic in ("sysctl", "counter"):
            names.sort()
        news = self._news(topic)
        rows = []
        for name in names:
            marks = mark([each.get(name) for each in parts])
            marks = [one if each else NOTHING for one, each in zip(marks, parts, strict=True)]
            rows.append(
                MatrixRow(_short(name), _with_news(marks, news.get(name, {})), _about(parts, name))
            )
        return Grid(title, self.columns, tuple(rows), LEGENDS.get(topic, ""))

    def _news(self, topic: Topic) -> dict[str, dict[int, News]]:
        """By subject and column: the differences from the kernel that it was compared with."""
        found: dict[str, dict[int, News]] = {}
        places = {label: place for place, label in enumerate(self.labels)}
        for each in self.compared:
            column = places[each.labels[1]]
            for number, one in enumerate(each.told):
                for difference in one.differences:
                    if difference.topic == topic:
                        news = found.setdefault(difference.subject, {}).setdefault(
                            column, News(anchor(each, number), [])
                        )
                        news.told.append(sentences.sentence([difference], *each.labels))
                        news.told.append(why(one))
        return found


class News(NamedTuple):
    """The differences in one cell of a table."""

    anchor: str
    told: list[str]


def anchor(each: Compared, number: int) -> str:
    """The anchor of a sentence on the page."""
    return f"{'-to-'.join(each.labels)}:{number}".replace(" ", "-")


def why(one: Sentence) -> str:
    """The change that explains a difference, in a line."""
    if one.change:
        return f"{one.change.what} (since {one.change.since})"
    return f"UNEXPLAINED: {one.doubt}" if one.doubt else "UNEXPLAINED"


def overview(runs: Sequence[KernelRun], with_first: bool = False) -> Overview:
    """Compare each run with the one before it, or with the first. Empty runs are left out."""
    behaviours = [behaviour(run) for run in runs]
    labels = labels_of([run.machine for run in runs])
    something = [
        place
        for place, one in enumerate(behaviours)
        if one.scenarios or one.timers or one.cells or one.sysctls
    ]
    compared = []
    for before, after in pairwise(something):
        one = something[0] if with_first else before
        comparison = compare(behaviours[one], behaviours[after])
        names = labels[one], labels[after]
        found = sentences.tell(changes.explain(comparison), *names)
        compared.append(Compared(names, comparison, tuple(found)))
    return Overview(tuple(runs), tuple(behaviours), tuple(labels), tuple(compared))


def in_order(runs: Sequence[KernelRun]) -> list[KernelRun]:
    """Sort by release. This order is for display, and decides nothing."""
    return sorted(runs, key=lambda run: (order.display(run.machine.release), run.machine.number))


def labels_of(machines: Sequence[Machine]) -> list[str]:
    """The shortest names that no two of them share: 6.1, 6.12.117, 6.12.117 virtual, ..."""
    forms: tuple[Callable[[Machine], str], ...] = (
        lambda one: one.label or _numbers(one.release, 2),
        lambda one: _numbers(one.release, 3),
        lambda one: one.release,
        lambda one: f"{one.release} #{one.number}",
        lambda one: f"{one.release} {one.clock}",
        lambda one: f"{one.release} {one.distribution or one.spec}",
        lambda one: f"{one.release} {one.build}",
    )
    names = [""] * len(machines)
    for form in forms:
        open_ = [place for place, name in enumerate(names) if not name]
        tried = [form(machines[place]) for place in open_]
        for place, name in zip(open_, tried, strict=True):
            if tried.count(name) == 1 and name not in names:
                names[place] = name
    return [
        name or f"{machine.name} ({place})"
        for place, (name, machine) in enumerate(zip(names, machines, strict=True), start=1)
    ]


def _numbers(release: str, count: int) -> str:
    found = re.match(rf"\d+(\.\d+){{0,{count - 1}}}", release)
    return found[0] if found else release


def about(machine: Machine) -> str:
    """``6.12.1-mine #7 Sat Nov 28 01:02:03 UTC 2026, HZ=250, virtual time``."""
    parts = [f"{machine.release} {machine.build}".strip(), f"HZ={machine.hz}" if machine.hz else ""]
    parts += ["virtual time" if machine.clock == "virtual" else "", machine.distribution]
    parts += [f"{name}={value}" for name, value in machine.changed.items()]
    parts.append(machine.appended)
    return ", ".join(part for part in parts if part)


def _short(name: str) -> str:
    return name.removeprefix("net.ipv4.")


def _about(parts: Sequence[Mapping[str, Any]], name: str) -> str:
    found = next((each[name] for each in parts if name in each), None)
    return found.about if isinstance(found, Timing) else ""


def _with_news(marks: Sequence[Mark], news: Mapping[int, News]) -> tuple[Mark, ...]:
    return tuple(
        replace(
            mark,
            news=True,
            told=(*mark.told, *dict.fromkeys(news[place].told)),
            anchor=news[place].anchor,
        )
        if place in news
        else mark
        for place, mark in enumerate(marks)
    )


def _play(plays: Sequence[Play | None]) -> list[Mark]:
    """A sign for the outcome, and a letter for each behaviour that differs from the first with the
    same sign.
    """
    variants: list[tuple[str, dict[str, str]]] = []
    signs: list[str] = []  # of each variant
    marks = []
    for play in plays:
        if play is None:
            marks.append(NOTHING)
            continue
        sign, kind = SIGNS[play.outcome], _kind(play.outcome)
        if play.facts.get("frozen") == "no":
            sign, kind = "○", "fail"
        elif play.outcome == "pass" and play.why:  # a row, otherwise than the table says
            sign, kind = OTHERWISE, "value"
        this = play.outcome, play.facts
        if this not in variants:
            variants.append(this)
            signs.append(sign)
        number = variants.index(this)
        letter = LETTERS[number % len(LETTERS)] if sign in signs[:number] else ""
        marks.append(Mark(sign + letter, kind, told=(play.why,) if play.why else ()))
    return marks


def _kind(outcome: str) -> Kind:
    return next(each for each in OUTCOMES if each == outcome)


def _timer(timings: Sequence[Timing | None]) -> list[Mark]:
    marks = []
    for timing in timings:
        if timing is None:
            marks.append(NOTHING)
        elif timing.problem:
            marks.append(Mark("–", "skip", told=(timing.problem,)))
        else:
            number = f"{len(timing.sends)} in " if timing.sends else ""
            time = _seconds(timing.after) if timing.after is not None else "–"
            said = (told(timing),)
            marks.append(Mark(number + time, told=said, bars=timing.sends, after=timing.after))
    return marks


def _seconds(seconds: float) -> str:
    """With as many digits as mean something."""
    if seconds >= 100:
        return f"{seconds:.0f} s"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _value(values: Sequence[str | None]) -> list[Mark]:
    return [Mark("–", "absent") if value is None else Mark(value) for value in values]


def _number(numbers: Sequence[int | None]) -> list[Mark]:
    """The number of ends at which a counter moved is chance; that it moves is enough."""
    return [
        Mark("–", "absent") if number is None else Mark("moves" if number else "0")
        for number in numbers
    ]
