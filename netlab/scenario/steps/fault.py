# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of a kind of fault, as a step of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from netlab.model.vocabulary import Family, Side
from netlab.scenario.kinds import NAME
from netlab.scenario.model import FaultStep
from netlab.scenario.shapes import Field, Struct

if TYPE_CHECKING:
    from netlab.scenario.steps.action import Stage
    from netlab.testbed.faults.base import Fault

S = TypeVar("S", bound=FaultStep)
AS = Field(NAME, "name", doc="a name for the fault, for `remove:` and `dropped:`")


class Command(NamedTuple):
    """A command that a person types (or an act), and the machine it is for."""

    side: Side | str  # an end, or a hop by its name
    text: str


class StepContext(NamedTuple):
    """The line of a step in its file, and its comment."""

    line: int
    comment: str


@dataclass(frozen=True, slots=True)
class FaultKind(Generic[S]):
    """Something that can be done to packets, and undone."""

    word: str
    says: Struct  # the keys that a file may give, besides a name
    #: Makes the step from what the table has read; the name is a free one if the file gives none.
    #: Raises ValueError for an error that the table cannot detect.
    read: Callable[[StepContext, str, Mapping[str, Any]], S]
    install: Callable[[Stage, S], Fault]  # puts it in force and on the lab's record (`Lab.impose`)
    by_hand: Callable[[S, Family], Iterator[Command]]  # the commands that install it
    undo: Callable[[S, Family], Iterator[Command]]  # and those that remove it
    told: Callable[[S], str]  # its effect, as a sentence
    told_removed: Callable[[S], str]  # the effect of its removal
    described: Callable[[S], str]  # in a few words: FIN lost to server
    written: Callable[[S], object]  # its keys in a file, except its name
    #: Whether it counts the packets it affects, so that `dropped:` makes sense.
    counts: Callable[[S], bool] = lambda step: True
    #: The only family that has what a step asks for, if only one does.
    only: Callable[[S], Family | None] = lambda step: None

    @property
    def takes(self) -> Struct:
        """All the keys that a file may give."""
        return replace(self.says, fields={**self.says.fields, "as": AS})
