# SPDX-License-Identifier: GPL-2.0-or-later
"""Accepts words in place of objects: ``lab.drop("SYN|ACK", to="client")``.

Each function raises `LabError` for an unknown word, and lists the known ones.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from typing import NoReturn, Protocol, TypeVar

from netlab.model import units
from netlab.model.errors import LabError
from netlab.model.tcp import NAMEABLE, Segment, State, named, segment_named
from netlab.model.vocabulary import REJECTS, Hook, Reject, Side


class HasSide(Protocol):
    """A host."""

    side: Side


E = TypeVar("E", bound=enum.Enum)
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")  # also of a table of rules
HOST_NAME = re.compile(r"\w(?:[\w.-]{0,251}\w)?", re.ASCII)


def segments(words: Iterable[Segment | str]) -> tuple[Segment, ...]:
    """Classes of segments."""
    return tuple(word if isinstance(word, Segment) else _segment(word) for word in words)


def name(word: str) -> str:
    """The name of a fault, or of a hop. Raises `LabError`, as all of these do."""
    if not isinstance(word, str) or not NAME.fullmatch(word):
        raise LabError(f"name: expected letters, digits and hyphens; found {word!r}")
    return word


def host_name(word: str) -> str:
    """The name of a host: ``redis``, ``api.example.com``. Raises `LabError`."""
    if not isinstance(word, str) or not HOST_NAME.fullmatch(word):
        raise LabError(f"known as: expected the name of a host; found {word!r}")
    return word


def whole(what: str, given: int, least: int, most: int) -> int:
    """A whole number from `least` to `most`. Raises `LabError`, with `what` it is of."""
    if isinstance(given, int) and least <= given <= most:
        return given
    raise LabError(f"{what}: expected a whole number, {least} to {most}; found {given!r}")


def seconds(given: float | str) -> float:
    """Seconds, from a number or a text such as ``5s``; what is neither is no time at all, -1."""
    try:
        return units.duration(given) if isinstance(given, str) else float(given)
    except (TypeError, ValueError):
        return -1.0


def _segment(word: str) -> Segment:
    try:
        found = segment_named(word)
    except (AttributeError, KeyError):
        found = None
    if found not in NAMEABLE:
        unknown("segment", word, map(str, NAMEABLE))
    return found


def states(words: State | str | Sequence[State | str]) -> tuple[State, ...]:
    """A state, or several of a flicker, as Linux, RFC 9293, ss or netstat write them."""
    if isinstance(words, (State, str)):
        words = (words,)
    return tuple(word if isinstance(word, State) else _state(word) for word in words)


def _state(word: str) -> State:
    try:
        return named(word)
    except (AttributeError, ValueError):
        unknown("state", word, map(str, State))


def side(word: HasSide | Side | str) -> Side:
    """One end of a lab."""
    if isinstance(word, Side):
        return word
    found = getattr(word, "side", None)
    return found if isinstance(found, Side) else _member(Side, "side", word)


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
    return REJECTS[word] if word in REJECTS else unknown("answer", word, REJECTS)


def _member(kind: type[E], what: str, word: object) -> E:
    found = next((member for member in kind if str(member) == word), None)
    return found if found is not None else unknown(what, word, map(str, kind))


def unknown(what: str, word: object, known: Iterable[str]) -> NoReturn:
    """Raise `LabError`: nothing of that kind is called so, but something may be nearly."""
    import difflib  # takes milliseconds of every command that builds a lab, and few make mistakes

    words = list(known)
    near = difflib.get_close_matches(str(word), words, n=1, cutoff=0.5)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise LabError(f"no {what} is called {word!r}.{guess} Known: {', '.join(words) or 'none'}")
