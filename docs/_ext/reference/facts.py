# SPDX-License-Identifier: GPL-2.0-or-later
"""What the conditions of causes ask of evidence: each fact, by its docstring."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from netlab.diagnosis.facts import DESTINATION_FACTS, FACTS, DestinationFact, Fact
from reference.markdown import code, page, plain, table

HEAD = """\
`netlab diagnose` weighs causes by these. `own.` is said of the end that a line is about, `peer.` of
the other one, `both.` of the two. What the evidence does not show is neither true nor false."""
DESTINATIONS = "Of all connections to one destination:"
COUNTERS = """\
Any other word is a counter of the host, by the name that `nstat` has for it (without `TcpExt`): it
`rises` if it moved between two looks, `is steady` if it did not, and is `counted` if it has moved
since the host booted."""
FIGURES = "As `ss -tanoei` prints them, or the columns of `/proc/net/tcp`:"


def pages() -> dict[str, str]:
    """One page."""
    return {
        "facts.md": page(
            "# What evidence says",
            HEAD,
            _told("fact", FACTS),
            FIGURES,
            _figures(),
            DESTINATIONS,
            _told("destination", DESTINATION_FACTS),
            "## Counters",
            COUNTERS,
        )
    }


def place(condition: str) -> str:
    """A condition as code that leads to what it means, from a page one folder below."""
    end, _, asked = condition.removeprefix("not ").partition(".")
    word = asked.split(maxsplit=1)[0]
    kind = "destination" if end == "destination" else "fact"
    known = word in (DESTINATION_FACTS if kind == "destination" else FACTS)
    return f"[{code(condition)}](../facts.md#{_anchor(kind, word) if known else 'counters'})"


def _anchor(kind: str, word: str) -> str:
    return f"{kind}-{word.replace('_', '-')}"


def _named(kind: str, word: str) -> str:
    """The place of a fact, at its name."""
    return f"[{code(word)}]{{#{_anchor(kind, word)}}}"


def _figures() -> str:
    """Those that are fields of a socket, which need no words."""
    return ", ".join(
        _named("fact", word) for word, fact in FACTS.items() if not inspect.getdoc(fact)
    )


def _told(kind: str, facts: Mapping[str, Fact] | Mapping[str, DestinationFact]) -> str:
    """The others, each with the first part of its docstring."""
    said = {word: inspect.getdoc(fact) or "" for word, fact in facts.items()}
    rows = [
        (_named(kind, word), plain(text.split("\n\n")[0])) for word, text in said.items() if text
    ]
    return table(("fact", "what it says"), rows)
