# SPDX-License-Identifier: GPL-2.0-or-later
"""What `netlab explain` says of states, counters, sysctls and what `ss` prints, of segments,
options and errors, on one page. Causes and the words of scenarios have pages of their own, and
pairs the atlas.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping

from netlab.glossary import causes, states, values
from netlab.linux import sysctl
from netlab.model.tcp import State
from netlab.teaching.words import COUNTERS, SYSCTLS
from reference.markdown import code, page, plain, sentence, table

HEAD = """\
`netlab explain WORD` says the same in a terminal, with the value of a counter or a sysctl there. It
also explains every [cause](causes.md), every [word of a scenario](language.md), and every pair of
states, which <a href="../atlas/index.html">the atlas</a> shows."""
STATES = "Each end of a connection is in one of these, and knows only its own."
FACTS = {"ss": "in listings", "from": "from", "to": "to", "lasts": "lasts, where nothing arrives"}
FIGURES = "With `-i`, of each end by itself:"
NUMBERS = "In parentheses is what Linux has if nobody says otherwise."


def pages() -> dict[str, str]:
    """One page."""
    return {
        "words.md": page(
            "# States, counters and sysctls",
            HEAD,
            "## States",
            STATES,
            *(each for state in State for each in _state(state)),
            "## Counters",
            _listed("counter", COUNTERS),
            "## Sysctls",
            NUMBERS,
            _listed("sysctl", {sysctl.full_name(name): said for name, said in SYSCTLS.items()}),
            "## What ss prints",
            _table("column", values.LISTED),
            FIGURES,
            _table("figure", values.FIGURES),
            "## Segments",
            _table("segment", values.SEGMENTS),
            "## Options of sockets",
            _listed("option", values.OPTIONS),
            "## Errors",
            _listed("error", {name: os.strerror(getattr(errno, name)) for name in values.errors()}),
        )
    }


def anchor(kind: str, word: str) -> str:
    """Where a word is explained."""
    return f"{kind}-{''.join(each if each.isalnum() else '-' for each in word.lower())}"


def _state(state: State) -> Iterator[str]:
    found = states.of_state(state)
    facts = dict(found.facts)
    yield f"({anchor('state', str(state))})=\n### {plain(str(state))}"
    yield plain(sentence(found.says))
    yield "\n".join(f"- {said}: {plain(facts[key])}" for key, said in FACTS.items() if key in facts)
    if shown := _links(causes.of_state(state)):
        yield f"Alone, it may show {shown}."


def _listed(kind: str, words: Mapping[str, str]) -> str:
    """A table of words with the causes that speak of each."""
    return _table(
        kind, words, {word: causes.that_mention(word.removeprefix("net.ipv4.")) for word in words}
    )


def _table(kind: str, words: Mapping[str, str], spoken: Mapping[str, Iterable[str]] = {}) -> str:
    heads = (kind, "what it says", *(("causes that speak of it",) if spoken else ()))
    return table(
        heads,
        (
            (
                f"[{code(word)}]{{#{anchor(kind, word)}}}",
                plain(sentence(says)),
                *((_links(spoken[word]),) if spoken else ()),
            )
            for word, says in words.items()
        ),
    )


def _links(names: Iterable[str]) -> str:
    return ", ".join(f"[{code(name)}](causes/{name}.md)" for name in names)
