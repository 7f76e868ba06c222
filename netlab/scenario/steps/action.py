# SPDX-License-Identifier: GPL-2.0-or-later
"""What an action is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netlab.model.vocabulary import Family, Side
from netlab.scenario.model import Do
from netlab.scenario.shapes import Field, MapOf, Struct

if TYPE_CHECKING:
    from netlab.testbed.connection import Connection
    from netlab.testbed.host import Host
    from netlab.testbed.lab import Lab

#: What a file says of an action, by the names that Python has for it (`Field.name`).
Given = Mapping[str, Any]


@dataclass(slots=True)
class Stage:
    """The lab that a scenario is played on, and what its steps have given names to."""

    lab: Lab
    connections: dict[tuple[Side, str], Connection] = field(default_factory=dict)
    added: dict[Side, str] = field(default_factory=dict)  # further addresses

    def host(self, step: Do) -> Host:
        """The host that acts."""
        return self.lab.host(step.side)

    def connection(self, step: Do) -> Connection | None:
        """The connection that a step is about; None for the one that was opened last."""
        return self.connections.get((step.side, step.of)) if step.of else None


@dataclass(frozen=True, slots=True)
class Action:
    """Something that an application or an administrator of one side can do."""

    word: str
    takes: Struct | MapOf  # what a file may say of it
    #: Do it; the words that are returned are the step's result. Raises OSError as the call does,
    #: `ActionFailed` where it ends otherwise than the file says.
    play: Callable[[Stage, Do], str | None]
    by_hand: Callable[[Do, Family], str]  # what a person types or does instead
    told: Callable[[Given], str]  # the sentence that begins with "The client"
    on_connection: bool = False  # is about one connection, so that `of:` makes sense
    silent: bool = False  # nothing is to be seen of it afterwards
    opens: bool = False  # may begin a connection
    programs: bool = False  # from now on a program decides what this end does
    forges: bool = False  # sends segments that no socket has sent
    #: What is wrong with what a file says, where its table cannot tell; empty for nothing.
    complaint: Callable[[Given], str] = lambda given: ""


def struct(what: str, short: str = "", **fields: Field) -> Struct:
    """What may be said of an action; `short` is the key that a lone scalar stands for."""
    return Struct(what, {key.rstrip("_").replace("_", "-"): f for key, f in fields.items()}, short)


def always(words: str) -> Callable[..., str]:
    """The same words, whatever is said of an action."""
    return lambda *_: words
