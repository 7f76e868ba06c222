# SPDX-License-Identifier: GPL-2.0-or-later
"""What a kind of fault is made of, as a step of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
    """What a person types (or does), and on which machine."""

    side: Side
    text: str


class StepContext(NamedTuple):
    """Where a step stands in its file, and what stands beside it."""

    line: int
    comment: str


@dataclass(frozen=True, slots=True)
class FaultKind(Generic[S]):
    """Something that can be done to packets, and taken away again."""

    word: str
    says: Struct  # what a file may say of it, besides a name
    #: The step, of what the table has read; the name is a free one where the file gives none.
    #: Raises ValueError with the complaint where the table cannot tell that something is wrong.
    read: Callable[[StepContext, str, Mapping[str, Any]], S]
    install: Callable[[Stage, S], Fault]  # puts it in force, and in the lab's record (`Lab.impose`)
    by_hand: Callable[[S, Family], Iterator[Command]]  # the commands that install it
    undo: Callable[[S, Family], Iterator[Command]]  # and those that remove it
    told: Callable[[S], str]  # what it does, as a sentence
    told_removed: Callable[[S], str]  # what its removal does
    described: Callable[[S], str]  # in a few words: FIN lost to server
    written: Callable[[S], object]  # what a file says of it, but for its name
    counts: bool = True  # the packets that it does something to, so that `dropped:` makes sense
    loses: bool = True  # packets without a word: a scenario with it must have lost some
    #: The family that alone has what a step asks for.
    only: Callable[[S], Family | None] = lambda step: None

    @property
    def takes(self) -> Struct:
        """All that a file may say of it."""
        return Struct(self.says.what, {**self.says.fields, "as": AS}, self.says.short)
