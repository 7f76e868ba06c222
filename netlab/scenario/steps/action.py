# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of an action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.model.vocabulary import Family, Side
from netlab.scenario.model import Do
from netlab.scenario.shapes import Field, MapOf, Struct

if TYPE_CHECKING:
    from netlab.testbed.connection import Connection
    from netlab.testbed.host import Host
    from netlab.testbed.lab import Lab

#: The arguments of an action in a file, by their Python names (`Field.name`).
Given = Mapping[str, Any]


@dataclass(slots=True)
class Stage:
    """The lab that a scenario is played on, and the connections and addresses of its steps."""

    lab: Lab
    folder: Path | None = None  # of the scenario's file
    connections: dict[tuple[Side, str], Connection] = field(default_factory=dict)
    added: dict[Side, str] = field(default_factory=dict)  # further addresses

    def host(self, step: Do) -> Host:
        """The host that acts."""
        return self.lab.host(step.side)

    def connection(self, step: Do) -> Connection | None:
        """The connection that a step is about; None for the most recently opened one."""
        return self.connections.get((step.side, step.of)) if step.of else None


@dataclass(frozen=True, slots=True)
class Action:
    """Something that an application or an administrator of one side can do."""

    word: str
    takes: Struct | MapOf  # the arguments that a file may give
    #: Does it and returns the step's result in words. Raises OSError as the call does, and
    #: `ActionFailed` if the result differs from what the file expects.
    play: Callable[[Stage, Do], str | None]
    by_hand: Callable[[Do, Family], str]  # what a person types or does instead
    told: Callable[[Given], str]  # the sentence that begins with "The client"
    on_connection: bool = False  # is about one connection, so that `of:` makes sense
    silent: bool = False  # has no visible effect
    opens: bool = False  # may begin a connection
    programs: bool = False  # from now on a program decides what this end does
    forges: bool = False  # sends segments that no socket has sent
    numbered: bool = False  # needs the numbers of a connection's packets
    #: An error in the arguments that the table cannot detect, or ''.
    complaint: Callable[[Given], str] = lambda given: ""


def struct(what: str, short: str = "", **fields: Field) -> Struct:
    """The arguments of an action; `short` is the key that a lone scalar stands for."""
    return Struct(what, {key.rstrip("_").replace("_", "-"): f for key, f in fields.items()}, short)


def always(words: str) -> Callable[..., str]:
    """The same words, whatever the arguments of an action."""
    return lambda *_: words
