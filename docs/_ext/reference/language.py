# SPDX-License-Identifier: GPL-2.0-or-later
"""The language of scenario files, from the tables that the loader reads them by (`netlab schema`
comes from the same ones), with steps of the scenarios that come with netlab.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml

from netlab.glossary.language import shown
from netlab.model.vocabulary import Side
from netlab.scenario import catalogue, language, writer
from netlab.scenario.kinds import Kind
from netlab.scenario.model import AnyStep, Do, FaultStep, HopOrder
from netlab.scenario.shapes import Either, Field, Hops, ListOf, MapOf, Steps, Struct, Takes
from netlab.scenario.steps import ACTIONS, FAULTS, kind_of
from netlab.scenario.steps.hops import HOPS, ORDERS
from reference.markdown import code, contents, fenced, page, plain, sentence, table

SIDES = {str(side) for side in Side}
SIDE = "SIDE"  # where client and server take the same
WIDEST = 76  # columns of a step that is shown

HEAD = """\
A scenario is a YAML file whose name is the fault: a comment that tells its story, its `source`,
the `steps` in the order of time, and what is expected (`expect`). `netlab run FILE` plays it, and a
misspelt word is answered with the right one. `netlab schema` prints the whole language as a JSON
Schema, for editors.

Where `SIDE` stands, the key is `client` or `server`."""


class StepExample(NamedTuple):
    """One step of a scenario, as its file has it, and what is said of it."""

    text: str
    told: str


def pages() -> dict[str, str]:
    """The keys of a file, and the words for steps."""
    parts = {"actions": _actions, "faults": _faults, "hops": _hops}
    listed = contents([f"language/{part}" for part in parts])
    return {
        "language.md": page(
            "# Scenario files", HEAD, _file(), _expect(), "## Words for steps", listed
        ),
        **{f"language/{part}.md": made() for part, made in parts.items()},
    }


def anchor(word: str) -> str:
    """Where a word or a key is explained."""
    return f"word-{re.sub(r'[._]', '-', word.lower())}"


# --- the keys of a file


def _file() -> str:
    fields = language.SCENARIO.fields
    told = Struct("a scenario", {key: fields[key] for key in fields if key != "expect"})
    return page("## The file", _keys(told))


def _expect() -> str:
    return page("## What is expected", _keys(language.EXPECT, "expect."))


def _keys(struct: Struct, before: str = "") -> str:
    rows = [
        (f"[{code(path)}]{{#{anchor(path)}}}", words(field.takes), _remark(field))
        for path, field in _flat(struct, before)
    ]
    return table(("key", "takes", "what for"), rows)


def _flat(struct: Struct, before: str = "") -> Iterator[tuple[str, Field]]:
    """Every key with the keys below it, by its path."""
    for key, field in _sides_as_one(struct.fields).items():
        yield before + key, field
        inner = field.takes.mapping if isinstance(field.takes, Either) else field.takes
        if isinstance(inner, Struct):
            yield from _flat(inner, f"{before}{key}.")


def _sides_as_one(fields: Mapping[str, Field]) -> dict[str, Field]:
    same = fields.keys() >= SIDES and fields["client"] == fields["server"]
    if not same:
        return {**fields}
    rest = {key: field for key, field in fields.items() if key not in SIDES}
    return {SIDE: fields["client"], **rest}


def _remark(field: Field) -> str:
    return ("required. " if field.required else "") + plain(field.doc)


def words(takes: Takes) -> str:
    """What a key takes, in words."""
    match takes:
        case Kind():
            return plain(takes.what)
        case ListOf():
            return f"{words(takes.kind)}, or a list of such"
        case MapOf():
            return f"{plain(takes.key.what)}: {words(takes.value)}"
        case Either():
            return f"{words(takes.scalar)}; or {words(takes.mapping)}"
        case Steps():
            return "a list of steps"
        case Hops():
            return "a list of [hops](language/hops.md)"
        case Struct():
            return f"{plain(takes.what)}, in keys of its own"


# --- the words for steps


def _actions() -> str:
    head = (
        "What an application or an administrator of one end does: `client: WORD`, `server: WORD`, "
    )
    head += "or `client: {WORD: {...}}` with arguments. Beside it may stand:"
    beside = [(code(key), words(field.takes), _remark(field)) for key, field in _modifiers()]
    return page(
        "# What a side does",
        head,
        table(("key", "takes", "what for"), beside),
        *(_word(word, action.takes, "action") for word, action in ACTIONS.items()),
    )


def _modifiers() -> Iterator[tuple[str, Field]]:
    yield from language.MODIFIERS.items()


def _faults() -> str:
    return page(
        "# What happens to packets",
        "Each fault acts from its step on until it is removed, and counts the packets that it met.",
        *(_word(word, kind.takes, "fault") for word, kind in FAULTS.items()),
        "## Until then",
        *(_plain_step(word, field) for word, field in language.STEPS.items()),
    )


def _plain_step(word: str, field: Field) -> str:
    taken = _keys_of(field.takes) or sentence(words(field.takes))
    says = plain(sentence(field.doc))
    return page(f"({anchor(word)})=\n### {word}", says, taken, *_shown(word, "step"))


def _hops() -> str:
    return page(
        "# What is on the way",
        "`path:` is a list of hosts between client and server, from the client, at most five.",
        *(_word(word, kind.takes, "hop") for word, kind in HOPS.items()),
        *(_word(word, order.takes, "order") for word, order in ORDERS.items()),
    )


def _word(word: str, takes: Struct | MapOf, kind: str) -> str:
    says = takes.says if isinstance(takes, Struct) else takes.what
    return page(
        f"({anchor(word)})=\n## {word}",
        plain(sentence(says)),
        _keys_of(takes),
        _short(word, takes),
        *_shown(word, kind),
    )


def _short(word: str, takes: Struct | MapOf) -> str:
    if not isinstance(takes, Struct) or not takes.short:
        return ""
    return f"`{word}: VALUE` is short for `{word}: {{{takes.short}: VALUE}}`."


def _keys_of(takes: Takes) -> str:
    if isinstance(takes, MapOf):
        return sentence(words(takes))
    if not isinstance(takes, Struct):
        return ""
    rows = [(code(path), words(field.takes), _remark(field)) for path, field in _flat(takes)]
    return table(("argument", "takes", "what for"), rows)


# --- steps of scenarios


def _shown(word: str, kind: str) -> Iterator[str]:
    """The shortest and the longest step with this word."""
    found = sorted(_examples().get((kind, word), {}).items(), key=lambda each: (len(each[0]), each))
    if not found and (step := shown().get(word)):
        found = [(f"- {writer.line(step)}", _about(step)[2])]
    for text, told in dict.fromkeys([*found[:1], *found[-1:]]):
        yield fenced(text, "yaml")
        yield plain(told)


@functools.cache
def _examples() -> dict[tuple[str, str], dict[str, str]]:
    """Steps of netlab's own scenarios, by kind and word: as a file has each, and what it means."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for scenario in catalogue.everything():
        lines = scenario.path.read_text().splitlines()
        for step in (*scenario.way, *scenario.steps):
            text = lines[step.line - 1].strip()
            if text.startswith("- ") and len(text) <= WIDEST and _is_whole(text):
                kind, word, told = _about(step)
                found.setdefault((kind, word), {})[text] = told
    return found


def _is_whole(text: str) -> bool:
    """Whether a line of YAML is a step by itself."""
    try:
        (step,) = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError):
        return False
    return isinstance(step, str) or (isinstance(step, dict) and all(step.values()))


def _about(step: AnyStep) -> tuple[str, str, str]:
    """The kind of a step, its word, and what it means."""
    if isinstance(step, Do):
        told = ACTIONS[step.action].told(step.arguments)
        return "action", step.action, f"The {step.side} {told}"
    if isinstance(step, FaultStep):
        kind = "hop" if step.kind in HOPS else "fault"
        return kind, step.kind, kind_of(step).told(step)
    if isinstance(step, HopOrder):
        return "order", step.word, ORDERS[step.word].told(step)
    return "step", type(step).__name__.lower(), ""
