# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario as frozen plain data: the steps, in order, and the outcome that is expected."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from netlab.model.tcp import Segment as SegmentClass
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import ExpectedPair, Family, Hook, Side

LAST = ""  # the most recently opened connection
TO_THE_END = "to-the-end"


@dataclass(frozen=True, slots=True)
class Range:
    """An expected number: exactly, at least, at most, or between two bounds."""

    low: float
    high: float
    text: str

    def __contains__(self, number: float) -> bool:
        return self.low <= number <= self.high

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class ByKernel(Range):
    """A number that depends on what the kernel has. As a range, it spans every case."""

    cases: tuple[tuple[str, Range], ...] = ()  # the need and its number; "": otherwise

    @staticmethod
    def of(cases: Mapping[str, Range], otherwise: Range) -> ByKernel:
        """Use the first case whose need the kernel meets, or else `otherwise`."""
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


NOTHING = Range(0, 0, "none")
#: Sockets by their states, where nothing has leaked.
NO_LEAK = {state: NOTHING for state in State if state not in (State.LISTEN, State.TIME_WAIT)}
AT_LEAST_ONE = Range(1, float("inf"), "at least 1")
#: A first segment, and one retransmission.
AT_LEAST_TWO = Range(2, float("inf"), "at least 2")


@dataclass(frozen=True, slots=True)
class Step:
    """What all steps have in common: their line in the file and their comment."""

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

    @property
    def starts(self) -> tuple[str, ...]:
        """The command line of the program that it starts; nothing, if it starts none."""
        return tuple(self.arguments.get("command", ()))


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
        """``reject`` for a rule that answers, ``drop`` for one that is silent."""
        return "reject" if self.reject else "drop"

    @property
    def where(self) -> tuple[Side, ...]:
        """One end."""
        return (self.side,)


@dataclass(frozen=True, slots=True)
class PlugStep(FaultStep):
    """Segments that these sides send wait on the wire."""

    sides: tuple[Side, ...]

    @property
    def kind(self) -> str:
        """Always ``plug``."""
        return "plug"

    @property
    def where(self) -> tuple[Side, ...]:
        """The sending ends."""
        return self.sides


@dataclass(frozen=True, slots=True)
class WireStep(FaultStep):
    """The wire does something to packets: see `netlab.scenario.steps.wire` for the words."""

    word: str
    values: Mapping[str, Any]  # as they are written
    to: Side | None = None  # only what is on its way there

    @property
    def kind(self) -> str:
        """Its word in the language."""
        return self.word

    @property
    def where(self) -> tuple[Side, ...]:
        """The ends to which packets are on their way."""
        return tuple(Side) if self.to is None else (self.to,)


@dataclass(frozen=True, slots=True)
class PacketStep(FaultStep):
    """Something becomes of one packet: see `netlab.programs.fates` for the words."""

    word: str
    packet: int | str  # its number, or which one: see `netlab.programs.exchange`
    to: Side
    connection: int = 1
    again: int = 0  # not the packet, but what comes when it is sent so often again

    @property
    def kind(self) -> str:
        """Its word in the language."""
        return self.word

    @property
    def where(self) -> tuple[Side, ...]:
        """The end to which it is on its way."""
        return (self.to,)


@dataclass(frozen=True, slots=True)
class HopStep(FaultStep):
    """A host on the way, before the first step: see `netlab.scenario.steps.hops` for the words."""

    word: str
    values: Mapping[str, Any]  # by the names of `Field.name`, as the tables have read them
    tracks: bool = False  # it remembers connections
    hosted: bool = True  # it has a host of its own

    @property
    def servers(self) -> tuple[str, ...]:
        """The names of the servers behind a service."""
        return tuple(self.values["to"]) if self.word == "service" else ()

    @property
    def kind(self) -> str:
        """Its word in the language."""
        return self.word

    @property
    def where(self) -> tuple[Side, ...]:
        """No end."""
        return ()


@dataclass(frozen=True, slots=True)
class HopOrder(Step):
    """Something happens to a hop: see `netlab.scenario.steps.hops` for the words."""

    hop: str  # its name
    word: str
    values: Mapping[str, Any]  # besides


@dataclass(frozen=True, slots=True)
class Remove(Step):
    """A fault is removed: the one with that name, or all of them if `name` is None."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Reach(Step):
    """A pair that must be reached before the next step."""

    claim: ExpectedPair
    within: float | None = None  # seconds
    hold: float = 0.0  # seconds
    of: str = LAST
    tracked: Mapping[str, str] = field(default_factory=dict)  # the state in the table of each hop


AnyStep = Do | FaultStep | Remove | Reach | HopOrder


def in_force(steps: Sequence[AnyStep]) -> dict[str, FaultStep]:
    """The faults that are in force after these steps, by their names."""
    found: dict[str, FaultStep] = {}
    for step in steps:
        if isinstance(step, FaultStep):
            found[step.name] = step
        elif isinstance(step, Remove):
            for name in [name for name in found if step.name in (None, name)]:
                del found[name]
    return found


QUEUES = ("tx_queue", "rx_queue")
SENDS_AGAIN = (Timer.RETRANSMIT, Timer.PROBE)


@dataclass(frozen=True, slots=True)
class Look:
    """The values that one end's row in ``/proc/net/tcp`` must show while the pair is held."""

    timer: Timer | None = None
    numbers: Mapping[str, Range] = field(default_factory=dict)

    @property
    def waiting(self) -> Look | None:
        """The part of it that shows that something waits, and that healing undoes: a timer that
        sends again, and queues that are not empty. None if there is no such part.
        """
        timer = self.timer if self.timer in SENDS_AGAIN else None
        queues = {
            name: asked for name, asked in self.numbers.items() if name in QUEUES and asked.low > 0
        }
        return Look(timer, queues) if timer is not None or queues else None


@dataclass(frozen=True, slots=True)
class Exit:
    """How a program must end."""

    code: int | None  # negative: the signal; None: it must still run then
    within: float  # seconds of its start
    says: str = ""  # what it must have written
    at: Side | None = None  # where it is the one that was started last; None: of both sides
    takes: Range | None = None  # seconds


@dataclass(frozen=True, slots=True)
class Healing:
    """The pair that remains when the cause is removed."""

    claim: ExpectedPair
    counters: Mapping[Side, Mapping[str, Range]] = field(default_factory=dict)
    program: Exit | None = None  # of the one that was started last


@dataclass(frozen=True, slots=True)
class Ending:
    """How a pair that is left alone ends by itself, and after how many seconds."""

    line: int
    claim: ExpectedPair
    after: Range
    counters: Mapping[Side, Mapping[str, Range]] = field(default_factory=dict)
    then: tuple[AnyStep, ...] = ()  # what the application finds afterwards

    @property
    def latest(self) -> float:
        """Seconds of the pair's life after which its end is overdue; twice the least, if that is
        all that is claimed.
        """
        return self.after.high if math.isfinite(self.after.high) else 2 * self.after.low


@dataclass(frozen=True, slots=True)
class Expectation:
    """The claims of a scenario."""

    line: int
    claim: ExpectedPair
    of: str = LAST
    hold: float = 0.0  # seconds
    within: float | None = None  # seconds
    dropped: Mapping[str | None, Range] = field(default_factory=dict)  # None: all faults together
    rows: Mapping[Side, Look] = field(default_factory=dict)
    sockets: Mapping[Side, Mapping[State, Range]] = field(default_factory=dict)
    info: Mapping[Side, Mapping[str, Range]] = field(default_factory=dict)  # of struct tcp_info
    #: What the applications would read: bytes, EOF, errors; nothing.
    reads: Mapping[Side, tuple[str, ...]] = field(default_factory=dict)
    counters: Mapping[Side, Mapping[str, Range]] = field(default_factory=dict)
    path: Mapping[Side, tuple[State, ...]] = field(default_factory=dict)
    tracked: Mapping[str, str] = field(default_factory=dict)  # the state in the table of each hop
    program: Exit | None = None  # of the one that was started last
    cause: str = ""  # why there is nothing to remove
    heal: tuple[AnyStep, ...] = ()  # instead of removing every fault
    healed: Healing | None = None
    ends: Ending | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)  # comments, by the keys of the file
    #: The line of each key, by its path in the file: ``("counters", "client", "TcpOutRsts")`` and
    #: the keys around it. A claim is the same wherever it stands, so lines are not compared.
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict, compare=False, repr=False)

    @property
    def goes_on(self) -> bool:
        """True if applications do more once the pair was held."""
        return bool(self.heal or (self.ends and self.ends.then))

    @property
    def heals_into_itself(self) -> bool:
        """True if the pair alone cannot show that it was healed."""
        return self.healed is not None and self.healed.claim == self.claim

    def may_drop_nothing(self, fault: str) -> bool:
        """True if the file says so of this fault, which is then no cause of the pair."""
        if fault in self.dropped:
            return 0 in self.dropped[fault]
        return None in self.dropped and self.dropped[None].high == 0

    def line_of(self, *words: str) -> int:
        """The line of this key, or of the nearest key around it; otherwise the pair's line."""
        around = (words[:length] for length in range(len(words), 0, -1))
        return next((self.lines[each] for each in around if each in self.lines), self.line)


@dataclass(frozen=True, slots=True)
class Code:
    """The Python function that a story has instead of steps."""

    function: str
    text: str  # the whole file: a guest has no other copy
    line: int  # the function's first, and its last
    last: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario file, or one story of a file in Python."""

    name: str
    path: Path
    story: str
    source: str
    steps: tuple[AnyStep, ...]
    expect: Expectation
    differs: str = ""  # where Linux differs from the article
    slow: bool = False
    family: Family | None = None  # if it makes sense in only one
    needs: tuple[str, ...] = ()  # features that not every kernel has: see `needs`
    code: Code | None = None  # of a story, which has no steps
    way: tuple[HopStep, ...] = ()  # the hops between the two, from the client's end

    @property
    def drops(self) -> tuple[DropStep, ...]:
        """Its steps that drop or reject."""
        return tuple(step for step in self.steps if isinstance(step, DropStep))

    @property
    def prepared(self) -> tuple[AnyStep, ...]:
        """Its hops, which are there from the beginning, and its steps."""
        return (*self.way, *self.steps)

    def variants(self) -> tuple[Scenario, ...]:
        """The scenario and, if it states how the pair ends by itself, a slow variant that waits.

        The two differ after the hold: one removes the cause, the other waits.
        """
        expect = self.expect
        if expect.ends is None:
            return (self,)
        waiting = replace(expect, heal=(), healed=None)
        to_the_end = replace(self, name=f"{self.name}-{TO_THE_END}", slow=True, expect=waiting)
        if self.slow:
            return (to_the_end,)
        return replace(self, expect=replace(expect, ends=None)), to_the_end
