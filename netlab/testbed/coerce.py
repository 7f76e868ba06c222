# SPDX-License-Identifier: GPL-2.0-or-later
"""Accepts words in place of objects: ``lab.drop("SYN|ACK", to="client")``.

Each function raises `LabError` for an unknown word, and lists the known ones.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterable, Sequence
from typing import NoReturn, Protocol, TypeVar

from netlab.model.errors import LabError
from netlab.model.tcp import NAMEABLE, Segment, State, named, segment_named
from netlab.model.vocabulary import REJECTS, Hook, Reject, Side


class HasSide(Protocol):
    """A host."""

    side: Side


E = TypeVar("E", bound=enum.Enum)


def segments(words: Iterable[Segment | str]) -> tuple[Segment, ...]:
    """Classes of segments."""
    return tuple(word if isinstance(word, Segment) else _segment(word) for word in words)


def _segment(word: str) -> Segment:
    try:
        found = segment_named(word)
    except KeyError:
        found = None
    if found not in NAMEABLE:
        _unknown("segment", word, map(str, NAMEABLE))
    return found


def states(words: State | str | Sequence[State | str]) -> tuple[State, ...]:
    """A state, or several of a flicker, as Linux, RFC 9293, ss or netstat write them."""
    if isinstance(words, (State, str)):
        words = (words,)
    return tuple(word if isinstance(word, State) else _state(word) for word in words)


def _state(word: str) -> State:
    try:
        return named(word)
    except ValueError:
        _unknown("state", word, map(str, State))


def side(word: HasSide | Side | str) -> Side:
    """One end of a lab."""
    if isinstance(word, str):
        return _member(Side, "side", word)
    return word if isinstance(word, Side) else word.side


def place(words: tuple[HasSide | Side | str, Hook | str] | None) -> tuple[Side, Hook]:
    """An end, and a hook of its stack. Raises `LabError` for anything but a pair of them."""
    if not isinstance(words, tuple) or len(words) != 2:
        raise LabError(f'at: expected a side and a hook, ("server", "output"); found {words!r}')
    whose, hook = words
    return side(whose), hook if isinstance(hook, Hook) else _member(Hook, "hook", hook)


def reject(word: Reject | str) -> Reject:
    """The answer to a rejected packet."""
    if isinstance(word, Reject):
        return word
    return REJECTS[word] if word in REJECTS else _unknown("answer", word, REJECTS)


def _member(kind: type[E], what: str, word: str) -> E:
    members = {str(member): member for member in kind}
    return members[word] if word in members else _unknown(what, word, members)


def _unknown(what: str, word: str, known: Iterable[str]) -> NoReturn:
    words = list(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise LabError(f"no {what} is called {word!r}.{guess} Known: {', '.join(words)}")
