# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of the scenario language, from the tables that its loader reads by."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from netlab.glossary.entry import Fact, GlossaryEntry, entry, some
from netlab.model.vocabulary import Side
from netlab.scenario import catalogue, loader, writer
from netlab.scenario.language import EXPECT, MODIFIERS, SCENARIO, STEPS
from netlab.scenario.model import AnyStep, Do, FaultStep, HopOrder, HopStep, Reach, Remove, Scenario
from netlab.scenario.shapes import Either, Field, Hops, ListOf, MapOf, Steps, Struct, Takes
from netlab.scenario.steps import ACTIONS, FAULTS
from netlab.scenario.steps.hops import HOPS, ORDERS
from netlab.teaching.words import telling

MOST_KEYS = 12
SIDES = frozenset(map(str, Side))
#: Steps with the words that no scenario has which comes with netlab.
SHOWN = """\
source: netlab
path: [router]
steps:
  - server: {start: python3 -m http.server 80, ready: 80}
  - delay: 40ms
  - loss: 2%
  - duplicate: 2%
  - reorder: 2%
  - corrupt: 2%
  - rate: 2mbit
  - profile: lte
  - cut: {packet: 7, to: client}
  - double: {packet: 7, to: client}
  - overtake: {packet: 7, to: client}
  - server: {signal: TERM}
  - server: {known-as: db.example}
expect:
  pair: {client: CLOSED, server: LISTEN}
  cause: it is not played
"""


class WordUse(NamedTuple):
    """One use of a word: where it may stand, and what it takes there."""

    where: str
    takes: Takes
    doc: str = ""
    step: bool = False


@functools.cache
def words() -> dict[str, list[WordUse]]:
    """All of them. A word may stand in several places."""
    found: dict[str, list[WordUse]] = {}
    for word, use in _uses():
        found.setdefault(word, []).append(use)
    for word, use in _arguments():
        if use not in found.setdefault(word, []):
            found[word].append(use)
    return found


def _uses() -> Iterator[tuple[str, WordUse]]:
    for word, action in ACTIONS.items():
        yield word, WordUse("a step: what client or server does", action.takes, step=True)
    for word, fault in FAULTS.items():
        yield word, WordUse("a step: what becomes of packets", fault.takes, step=True)
    for word, order in ORDERS.items():
        yield word, WordUse("a step: what happens to a hop", order.takes, step=True)
    for word, hop in HOPS.items():
        yield word, WordUse("a hop of path", hop.takes, step=True)
    yield from _keys("a step", STEPS, step=True)
    yield from _keys("beside an action of client or server", MODIFIERS)
    yield from _keys("a key of the file", SCENARIO.fields)
    yield from _keys("a key of expect", EXPECT.fields)


def _keys(
    where: str, some_of: Mapping[str, Field], step: bool = False
) -> Iterator[tuple[str, WordUse]]:
    for key, field in some_of.items():
        if key not in ("steps", "expect") or where == "a key of the file":
            yield key, WordUse(where, field.takes, field.doc, step)


def _arguments() -> Iterator[tuple[str, WordUse]]:
    """The keys inside the tables that words take, each with all the words that have it alike."""
    said: dict[tuple[str, str, str], tuple[Takes, list[str]]] = {}
    for word, takes in _tables():
        for path, field in _below(takes):
            key = path.rpartition(".")[2]
            found = said.setdefault((key, field.doc, _what(field.takes)), (field.takes, []))
            found[1].append(word)
    for (key, doc, _), (takes, those) in said.items():
        yield key, WordUse(f"an argument of {some([*dict.fromkeys(those)])}", takes, doc)


def _tables() -> Iterator[tuple[str, Takes]]:
    for group in (ACTIONS, FAULTS, HOPS, ORDERS):
        yield from ((word, kind.takes) for word, kind in group.items())
    yield from ((word, field.takes) for word, field in STEPS.items())
    yield from ((word, field.takes) for word, field in EXPECT.fields.items())


def _below(takes: Takes) -> Iterator[tuple[str, Field]]:
    """Every key in a table, and in those inside it; that of client and server is what both take."""
    inner = takes.mapping if isinstance(takes, Either) else takes
    if not isinstance(inner, Struct):
        return
    for key, field in inner.fields.items():
        if key not in SIDES:
            yield key, field
        yield from _below(field.takes)


@functools.cache
def scenarios() -> list[Scenario]:
    """Those that come with netlab."""
    return catalogue.everything()


def of(word: str) -> list[GlossaryEntry]:
    """Each use of a word, with an example where it is a step."""
    return [_of(word, use) for use in words()[word]]


def _of(word: str, use: WordUse) -> GlossaryEntry:
    return entry(
        "word",
        word,
        use.doc or _what(use.takes),
        ("where", use.where),
        ("takes", _takes(use.takes)),
        *(_example(word) if use.step else ()),
        ("more", "netlab schema"),
    )


def _example(word: str) -> Iterator[Fact]:
    """The shortest line with such a step, what it does, and the scenarios that have one."""
    found = {
        scenario.name: step
        for scenario in scenarios()
        for step in (*scenario.way, *scenario.steps)
        if _word(step) == word
    }
    names = sorted(found, key=lambda name: len(writer.line(found[name])))
    step = found[names[0]] if names else shown().get(word)
    if step:
        yield "example", writer.line(step)
        yield "which", telling(step)
    if names:
        yield "in", f"netlab show {some(names, 1)}"


@functools.cache
def shown() -> dict[str, AnyStep]:
    """The steps of `SHOWN`, by their words."""
    scenario = loader.parse(SHOWN, Path("shown.yaml"))
    return {_word(step): step for step in (*scenario.way, *scenario.steps)}


def _word(step: AnyStep) -> str:
    match step:
        case Do():
            return step.action
        case FaultStep() | HopStep():
            return step.kind
        case HopOrder():
            return step.word
        case Reach():
            return "reach"
        case Remove():
            return "remove"
    return ""


def _what(takes: Takes) -> str:
    """What a value is, in words."""
    match takes:
        case Struct():
            return takes.says
        case MapOf():
            return takes.what
        case ListOf():
            return _what(takes.kind)
        case Either():
            return _what(takes.scalar)
        case Steps():
            return "a list of steps"
        case Hops():
            return "a list of hops"
    return takes.what


def _takes(takes: Takes) -> str:
    """The keys of a table, or the value that stands alone."""
    if isinstance(takes, Either) and isinstance(takes.mapping, Struct):
        return f"{_what(takes.scalar)}; or {_takes(takes.mapping)}"
    if not isinstance(takes, Struct):
        return _what(takes)
    if {*takes.fields} == SIDES:
        return f"for client and server each: {_of_each(takes.fields['client'].takes)}"
    return some(
        [f"{key} (needed)" if f.required else key for key, f in takes.fields.items()], MOST_KEYS
    )


def _of_each(takes: Takes) -> str:
    """What stands for one end, with the keys of a mapping."""
    if isinstance(takes, Either):
        return f"{_of_each(takes.scalar)}; or {_of_each(takes.mapping)}"
    if isinstance(takes, MapOf):
        return f"{takes.key.what}: {_what(takes.value)}"
    return _what(takes)
