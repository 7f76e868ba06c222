# SPDX-License-Identifier: GPL-2.0-or-later
"""The record of a run: frozen plain data that can be stored, compared and drawn later."""

from __future__ import annotations

import base64
import functools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from netlab.model.tcp import State, Timer

if TYPE_CHECKING:
    import cattrs

Outcome = Literal["pass", "fail", "error", "skip"]
Sighting = Literal["out", "in", "dropped"]  # on the wire of one end, or by a rule
EventKind = Literal["retransmitted", "reset sent", "reset received", "discarded"]


@dataclass(frozen=True, slots=True)
class Interval:
    """One end, unchanged over consecutive samples. Times are seconds since the lab was built."""

    state: State
    since: float
    until: float
    samples: int
    timer: Timer
    remaining: float  # seconds the timer had left in the first sample
    retransmits: int
    probes: int
    tx_queue: int
    rx_queue: int
    inode: int


@dataclass(frozen=True, slots=True)
class Transition:
    """One end going from a state to another. `at`: seconds since the lab was built."""

    at: float
    before: State
    after: State
    traced: bool  # by the kernel's tracepoint, to the microsecond; else seen by the next sample


@dataclass(frozen=True, slots=True)
class End:
    """What one end showed during a run."""

    intervals: tuple[Interval, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)  # deltas, named as nstat does
    sysctls: dict[str, str] = field(default_factory=dict)  # those that decide the timing
    transitions: tuple[Transition, ...] = ()

    @property
    def last(self) -> Interval | None:
        """The last thing seen of this end."""
        return self.intervals[-1] if self.intervals else None


@dataclass(frozen=True, slots=True)
class Step:
    """One step as it was played: when, and how it ended."""

    at: float
    line: int
    text: str
    result: str = ""  # an errno's name, bytes read, ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its rules as nft text, and what they counted."""

    name: str
    where: str  # client input
    rules: str
    packets: int
    bytes: int
    installed: float
    removed: float | None = None
    drops: bool = True  # and does not only hold packets back

    def __str__(self) -> str:
        """One line of a failure: what it was, and what it did."""
        if not self.drops:
            return f"packets held by {self.name} at {self.where}"
        never = "" if self.packets else "  <- the rule never matched"
        return f"fault {self.name} at {self.where}: {self.packets} packets{never}"


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet as one observer saw it. `at`: seconds since the lab was built."""

    at: float
    side: str  # at whose end
    seen: Sighting
    length: int  # bytes, from the internet protocol's header on
    data: bytes  # the first of them
    fault: str = ""  # whose rule dropped it, or answered it with a reject
    hook: str = ""  # where that rule sits


@dataclass(frozen=True, slots=True)
class Event:
    """What the kernel said that it did with a connection. `at`: seconds since the lab was built."""

    at: float
    side: str
    kind: EventKind
    reason: str = ""  # of a discarded packet (enum skb_drop_reason) or a reset (sk_rst_reason)


@dataclass(frozen=True, slots=True)
class Recording:
    """Every packet of a run, as both ends and the rules saw it, and the kernel's own account."""

    began: int  # nanoseconds of CLOCK_REALTIME when the lab was built
    client: tuple[str, int]  # the ends of the connection that the pair is about
    server: tuple[str, int]
    frames: tuple[Frame, ...] = ()  # in the order of their times
    events: tuple[Event, ...] = ()  # of that connection
    traced: bool = False  # whether the kernel's tracepoints were there
    missed: int = 0  # packets that came faster than they could be recorded
    routed: bool = False  # over a third host, which may lose packets where nobody looks
    client_seen: tuple[str, int] | None = None  # by the server, where a router translates


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not pass: one sentence, and for each end what was expected and seen."""

    summary: str
    line: int | None = None
    rows: tuple[FailureRow, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One end in a failure."""

    side: str
    expected: str
    sampled: str
    how_long: str
    retransmits: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that one run of one scenario showed. Times are seconds since its lab was built."""

    scenario: str
    outcome: Outcome
    source: str
    path: str
    family: str
    kernel: str
    expected: dict[str, str]
    observed: dict[str, str]
    held_s: float = 0.0
    elapsed_s: float = 0.0
    dropped: int = 0
    healed: dict[str, str] | None = None
    reason: str = ""  # of a skip or an error
    failure: Failure | None = None
    steps: tuple[Step, ...] = ()
    faults: tuple[Fault, ...] = ()
    client: End = End()
    server: End = End()
    recording: Recording | None = None  # where one was asked for

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(converter().unstructure(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Evidence:
        """The inverse of `to_json`. Raises ValueError where the text is something else."""
        import cattrs

        try:
            data: Any = json.loads(text)
            return converter().structure(data, cls)
        except (cattrs.BaseValidationError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"not a record of netlab's: {error}") from error


@dataclass(frozen=True, slots=True)
class Cell:
    """One pair of states in the atlas: what the model says of it, and what this kernel did."""

    client: str
    server: str
    reachable: bool
    why: str  # why it is not
    scenario: str = ""
    crossing: bool = False  # packets must cross, or arrive in a later life
    frozen: bool = False  # here, with loss at the receiver
    frozen_at_sender: bool | None = None  # with a firewall at the sender; None: nothing is dropped
    outcome: Outcome | None = None
    held_s: float = 0.0
    problem: str = ""  # what stood in the way

    @property
    def pair(self) -> str:
        """The pair as it is written."""
        return f"{self.client}/{self.server}"


@functools.cache
def converter() -> cattrs.Converter:
    """To JSON's own types and back: enumerations by name, bytes as base64, the rest as it is."""
    import cattrs  # costs 50 ms, and only JSON needs it

    converter = cattrs.Converter()
    for kind in (State, Timer):
        converter.register_unstructure_hook(kind, lambda member: member.name)
        converter.register_structure_hook(kind, lambda name, kind: kind[name])
    converter.register_unstructure_hook(bytes, lambda data: base64.b64encode(data).decode())
    converter.register_structure_hook(bytes, lambda text, _: base64.b64decode(text, validate=True))
    return converter
