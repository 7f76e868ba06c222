# SPDX-License-Identifier: GPL-2.0-or-later
"""How values are written in a scenario file: the way back from what `kinds` reads."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Mapping
from typing import Any

from netlab.scenario.kinds import (
    ANSWER,
    COMMAND,
    DURATION,
    FIN,
    MEMORY,
    PATIENCE,
    SECONDS,
    SIDE,
    SIGNAL,
    SOURCE,
    STATE_OF,
    Kind,
)
from netlab.scenario.shapes import Field, ListOf


def seconds(number: float) -> str:
    """A duration in seconds, as a file has it."""
    return f"{number:g}s"


def one_or_all(values: list[str]) -> Any:
    """The only value, or all of them."""
    return values[0] if len(values) == 1 else values


#: Kinds whose values differ from their text in a file.
_WORDS: tuple[tuple[Kind, Callable[[Any], object]], ...] = (
    (COMMAND, shlex.join),
    (SIGNAL, lambda number: signal.Signals(number).name),
    (ANSWER, lambda answer: str(answer or "nothing")),
    (SOURCE, lambda _: "added"),
    (FIN, lambda _: "FIN"),
    (DURATION, seconds),
    (SECONDS, seconds),
    (MEMORY, seconds),
    (PATIENCE, seconds),
    (STATE_OF, lambda strict: "strict" if strict else "loose"),
    (SIDE, str),
)


def fields(known: Mapping[str, Field], values: Mapping[str, object]) -> dict[str, Any]:
    """The arguments of an action, by their keys in a file."""
    return {
        key: _word(field, values[field.name or key])
        for key, field in known.items()
        if (field.name or key) in values
    }


def _word(field: Field, value: object) -> object:
    if isinstance(field.takes, ListOf) and isinstance(value, tuple):
        return one_or_all([*map(str, value)])
    return next((write(value) for kind, write in _WORDS if field.takes is kind), value)
