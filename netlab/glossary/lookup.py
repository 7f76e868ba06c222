# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds what a word means. One word may mean several things: ``listen`` is a step and a state."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterator

from netlab.glossary import causes, language, measures, states, values
from netlab.glossary.entry import GlossaryEntry, Kind
from netlab.model.errors import ScenarioError
from netlab.model.tcp import State, both_named
from netlab.model.vocabulary import Pair
from netlab.teaching.words import COUNTERS, SYSCTLS

NEAR = 4  # words that are proposed
NOWHERE = "'netlab explain' says what may be explained"
SPACES = re.compile(r"[\s_]+")
OF_THE_KERNEL = re.compile(r"\bTCP_", re.IGNORECASE)
NUMBERED = {**{f"{state:02x}": state for state in State}, "0c": State.SYN_RECV}
#: One of each kind, in the order in which they are told.
EXAMPLES: dict[Kind, tuple[str, str]] = {
    "cause": ("syn-lost", "a cause that 'netlab diagnose' names"),
    "state": ("FIN_WAIT2", "a state, as anybody writes it"),
    "pair": ("FIN_WAIT1/CLOSE_WAIT", "the states of both ends, client first"),
    "counter": ("TCPTimeouts", "what nstat shows"),
    "sysctl": ("tcp_retries2", "what the kernel can be told"),
    "word": ("drop", "a word of the scenario language"),
}


def explain(text: str) -> list[GlossaryEntry]:
    """Every meaning of a word, or of each of several. Raises `ScenarioError`, with the words that
    come near and with `NOWHERE`, for one that has none.
    """
    text = text.strip()
    if found := [*_meanings(text)]:
        return found
    several = [[*_meanings(word)] for word in text.split()]
    if len(several) > 1 and all(several):
        return [meaning for each in several for meaning in each]
    raise ScenarioError(_unknown(text))


def known() -> list[str]:
    """Every word that is explained, but for pairs; a state by the name that Linux has for it."""
    return [*dict.fromkeys(
        [*causes.names(), *map(str, State), *COUNTERS, *SYSCTLS, *language.words(), *values.names()]
    )]  # fmt: skip


def _meanings(text: str) -> Iterator[GlossaryEntry]:
    low = text.casefold()
    if (cause := SPACES.sub("-", low)) in causes.names():
        yield causes.of(cause)
    with contextlib.suppress(ValueError):
        named = both_named(_of_the_kernel(text))
        yield states.of_state(named[0]) if len(named) == 1 else states.of_pair(Pair(*named))
    yield from (measures.counter(name) for name in COUNTERS if measures.is_counter(name, text))
    yield from (measures.setting(name) for name in SYSCTLS if measures.is_setting(name, low))
    if low in language.words():
        yield from language.of(low)
    yield from values.of(text)


def _of_the_kernel(text: str) -> str:
    """States that are written as in the kernel's source (TCP_CLOSE_WAIT), or as a number of
    /proc/net/tcp (08), in words.
    """
    if text.casefold() in NUMBERED:
        return str(NUMBERED[text.casefold()])
    return OF_THE_KERNEL.sub("", text)


def _unknown(text: str) -> str:
    by_letters = {word.casefold(): word for word in known()}
    near = difflib.get_close_matches(text.casefold(), by_letters, n=NEAR, cutoff=0.6)
    inside = [word for word in by_letters if len(text) > 2 and text.casefold() in word]
    meant = [by_letters[word] for word in dict.fromkeys([*near, *inside])][:NEAR]
    guess = f"did you mean {' or '.join(meant)}? " if meant else ""
    return f"{text!r} is no word of netlab's: {guess}{NOWHERE}"
