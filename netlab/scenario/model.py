# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario as frozen plain data: what is done, in order, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from netlab.model.tcp import Segment as SegmentClass
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import ExpectedPair, Family, Hook, Side

LAST = ""  # the connection that was begun last
TO_THE_END = "to-the-end"


@dataclass(frozen=True, slots=True)
class Range:
    """A number that is asked for: exactly, at least, at most, or between two."""

    low: float
    high: float
    text: str

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ByKernel(Range):
    """A number that depends on what the kernel has. As a range, it is all that it can be."""

    cases: tuple[tuple[str, Range], ...] = ()  # what is needed, and the number; "": otherwise

    @staticmethod
    def of(cases: Mapping[str, Range], otherwise: Range) -> ByKernel:
        """The first case that a kernel has the need of, else the last."""
        ranges = (*cases.values(), otherwise)
        text = ", ".join(f"{number} with {need}" for need, number in cases.items())
        return ByKernel(
            min(number.low for number in ranges),
            max(number.high for number in ranges),
            f"{text}, {otherwise} otherwise",
            (*cases.items(), ("", otherwise)),
        )

    def __str__(self) -> str:
        return self.text


AT_LEAST_ONE = Range(1, float("inf"), "at least 1")
#: A first segment, and one that was sent again.
AT_LEAST_TWO = Range(2, float("inf"), "at least 2")


@dataclass(frozen=True, slots=True)
class Step:
    """What all steps have: where they stand and what the file says about them."""

    line: int
    comment: str


@dataclass(frozen=True, slots=True)
class Do(Step):
    """An application or an administrator of one side does something."""

    side: Side
    action: str  # its word in the language: see `netlab.scenario.steps`
    arguments: Mapping[str, Any]  # by the names of `Field.name`, as the tables have read them
    fails: Mapping[Family, str] = field(default_factory=dict)  # the errno it must fail with
    of: str = LAST


@dataclass(frozen=True, slots=True)
class FaultStep(Step):
    """Something is done to packets from now on: see `netlab.scenario.steps` for the kinds."""

    name: str

    @property
    def kind(self) -> str:
        """Its word in the language."""
        raise NotImplementedError

    @property
    def where(self) -> tuple[Side, ...]:
        """The ends at which it is in force."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class DropStep(FaultStep):
    """Segments are lost, or refused with an answer."""

    side: Side
    hook: Hook
    segments: tuple[SegmentClass, ...] = ()
    nft: tuple[str, ...] = ()
    port: int | None = None
    first: int | None = None
    after: int | None = None
    covers_fin: bool = False
    reject: str | None = None

    @property
    def kind(self) -> str:
        """A rule that answers is another word than one that is silent."""
        return "reject" if self.reject else "drop"

    @property
    def where(self) -> tuple[Side, ...]:
        """One end."""
        return (self.side,)


@dataclass(frozen=True, slots=True)
class PlugStep(FaultStep):
    """What these sides send waits on the wire."""

    sides: tuple[Side, ...]

    @property
    def kind(self) -> str:
        """One word for all of them."""
        return "plug"

    @property
    def where(self) -> tuple[Side, ...]:
        """The ends that send."""
        return self.sides


@dataclass(frozen=True, slots=True)
class Remove(Step):
    """A fault is taken away: the one of that name, or all where `name` is None."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Reach(Step):
    """A pair that must be reached before the next step."""

    claim: ExpectedPair
    within: float | None = None
    hold: float = 0.0
    of: str = LAST


AnyStep = Do | FaultStep | Remove | Reach


@dataclass(frozen=True, slots=True)
class Look:
    """What one end's row in ``/proc/net/tcp`` must show while the pair is held."""

    timer: Timer | None = None
    numbers: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Healing:
    """What a pair becomes when its cause is taken away."""

    claim: ExpectedPair
    counters: Mapping[Side, Mapping[str, Range]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a pair that nobody touches ends by itself, and after how long."""

    line: int
    claim: ExpectedPair
    after: Range
    counters: Mapping[Side, Mapping[str, Range]] = field(default_factory=dict)
    then: tuple[AnyStep, ...] = ()  # what the application finds afterwards


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a scenario claims."""

    line: int
    claim: ExpectedPair
    of: str = LAST
    hold: float = 0.0
    within: float | None = None
    dropped: Mapping[str | None, Range] = field(default_factory=dict)  # None: all faults together
    rows: Mapping[Side, Look] = field(default_factory=dict)
    sockets: Mapping[Side, Mapping[State, Range]] = field(default_factory=dict)
    counters: Mapping[Side, Mapping[str, Range]] = field(default_factory=dict)
    path: Mapping[Side, tuple[State, ...]] = field(default_factory=dict)
    cause: str = ""  # why there is nothing to take away
    heal: tuple[AnyStep, ...] = ()  # instead of removing every fault
    healed: Healing | None = None
    ends: Ending | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)  # comments, by the keys of the file
    #: Where the file says each of these: ``("counters", "client", "TcpOutRsts")`` and what is
    #: around it. A claim is the same wherever it stands, so this is no part of what is compared.
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict, compare=False, repr=False)

    def line_of(self, *words: str) -> int:
        """The line that says this, or what is nearest around it; the pair's for all the rest."""
        around = (words[:length] for length in range(len(words), 0, -1))
        return next((self.lines[each] for each in around if each in self.lines), self.line)


@dataclass(frozen=True, slots=True)
class Code:
    """The function that tells a scenario in Python, instead of steps."""

    function: str
    text: str  # of the whole file: a guest has no other copy
    line: int  # the function's first, and its last
    last: int
    takes: tuple[str, ...]  # lab, router


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario file, or one story of a file in Python."""

    name: str
    path: Path
    story: str
    source: str
    steps: tuple[AnyStep, ...]
    expect: Expectation
    differs: str = ""  # where Linux does something else than the article says
    slow: bool = False
    family: Family | None = None  # where it makes sense in one only
    needs: tuple[str, ...] = ()  # what not every kernel has: see `needs`
    code: Code | None = None  # of a story; it has no steps then

    @property
    def drops(self) -> tuple[DropStep, ...]:
        """Its steps that drop or reject."""
        return tuple(step for step in self.steps if isinstance(step, DropStep))

    def variants(self) -> tuple[Scenario, ...]:
        """The scenario, and where it says how the pair ends by itself, that as a slow one.

        The two differ after the hold: one takes the cause away, the other waits.
        """
        expect = self.expect
        if expect.ends is None:
            return (self,)
        waiting = replace(expect, heal=(), healed=None)
        to_the_end = replace(self, name=f"{self.name}-{TO_THE_END}", slow=True, expect=waiting)
        if self.slow:
            return (to_the_end,)
        return replace(self, expect=replace(expect, ends=None)), to_the_end
