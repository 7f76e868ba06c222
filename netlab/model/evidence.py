# SPDX-License-Identifier: GPL-2.0-or-later
"""The record of a run: frozen plain data that can be stored, compared and drawn later."""

from __future__ import annotations

import base64
import functools
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from netlab.model.tcp import Segment, State, Timer, segment_named
from netlab.model.text import printable
from netlab.model.vocabulary import ExpectedPair, Family, Hook, Pair, Side

if TYPE_CHECKING:
    import cattrs

#: No number of a record is beyond it, nor is its negative: the kernel's counters have 64 bits.
LARGEST = 1 << 64

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
    """One end going from one state to another. `at`: seconds since the lab was built."""

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
    #: What the kernel told of its socket when the pair had been held (struct tcp_info), by the
    #: names of ``ss -i``; nothing where there was none, or one in TIME_WAIT or SYN_RECV.
    info: dict[str, int] = field(default_factory=dict)
    #: What a read would have given its application then: ``5 bytes``, ``EOF``, an errno's name,
    #: ``nothing``. None of them where no application had it, or an error was left to the steps
    #: that followed.
    reads: tuple[str, ...] = ()

    @property
    def last(self) -> Interval | None:
        """The last thing seen of this end."""
        return self.intervals[-1] if self.intervals else None


@dataclass(frozen=True, slots=True)
class PlayedStep:
    """One step as it was played: what was done, when, and how it ended."""

    at: float  # seconds since the lab was built
    line: int
    text: str  # in one line, for people; the same however the file is formatted
    kind: str  # its word in the language: connect, drop, reach, ...
    side: Side | None = None  # whose application or administrator did it
    value: Any = None  # its argument: nothing, a word, or a mapping of plain values
    of: str = ""  # the connection it is about, by its name; else the one that was opened last
    fails: str = ""  # the errno it had to end with
    result: str = ""  # an errno's name, bytes read, ...


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """One fault: what it is, its rules as a person would type them, and what they counted."""

    name: str
    kind: str  # its word in the language: drop, reject, plug, ...
    does: str  # in words, after its name: drops SYN at server input
    sides: tuple[Side, ...]  # where it is in force
    hook: Hook | None  # of the stack of that side; None: on the wire
    rules: str
    packets: int
    bytes: int
    installed: float  # seconds since the lab was built
    removed: float | None = None
    segments: tuple[Segment, ...] = ()  # none: its rules are in nft's own language
    counts: bool = True  # whether it counts the packets it acts on
    #: Of these packets, those while the pair was held. None: the fault was not there then.
    while_held: int | None = None
    by: str = ""  # of a wire that misbehaves: which wire it is

    @property
    def where(self) -> str:
        """The place in words: ``client input``."""
        sides = " and ".join(map(str, self.sides))
        return f"{sides} {self.hook or 'wire'}" if sides else "the path"

    def __str__(self) -> str:
        """One line of a failure: what it was, and what it did."""
        if not self.counts:
            return f"fault {self.name} {self.does}"
        why = "the rule never matched" if self.sides else "it has dropped nothing"
        never = "" if self.packets else f"  <- {why}"
        return f"fault {self.name} at {self.where}: {self.counted}{never}"

    @property
    def counted(self) -> str:
        """What it counted, in words: ``3 packets, 2 while the pair was held``."""
        packets = f"{self.packets} packet{'' if self.packets == 1 else 's'}"
        if self.while_held is None or not self.packets:
            return packets
        return f"{packets}, {self.while_held or 'none'} while the pair was held"


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet as one observer saw it. `at`: seconds since the lab was built."""

    at: float
    side: Side  # at whose end; at a hop: at the link towards that end
    seen: Sighting
    length: int  # bytes, from the IP header on
    data: bytes  # the first of them
    fault: str = ""  # the one whose rule dropped it, or answered it with a reject
    hook: Hook | None = None  # where that rule sits
    hop: int = 0  # the number of the hop that saw it, from the client's end; 0: an end did


@dataclass(frozen=True, slots=True)
class Event:
    """What the kernel reports of a connection. `at`: seconds since the lab was built."""

    at: float
    side: Side
    kind: EventKind
    reason: str = ""  # of a discarded packet (enum skb_drop_reason) or a reset (sk_rst_reason)


@dataclass(frozen=True, slots=True)
class Translation:
    """What a hop made of the ends of a connection: as they were before it, seen from the client,
    and as they are behind it.
    """

    at: float  # when it was first seen, in seconds since the lab was built
    hop: int  # its number, from 1
    client: tuple[str, int]
    server: tuple[str, int]
    client_behind: tuple[str, int]
    server_behind: tuple[str, int]


@dataclass(frozen=True, slots=True)
class TrackedState:
    """The entry of a connection in a hop's table goes to another state. `at`: as everywhere."""

    at: float
    state: str  # as conntrack names it; nothing: the hop does not know it (any more)


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
    hops: tuple[str, ...] = ()  # the names of the hosts on the way, from the client's end
    translations: tuple[Translation, ...] = ()  # on the way, of all connections
    answering: tuple[int, ...] = ()  # the numbers of hops that answer for both ends

    def ends(self, side: Side) -> tuple[tuple[str, int], tuple[str, int]]:
        """One side's own end, and the other end as that side knows it."""
        if side is Side.CLIENT:
            return self.client, self.server
        now = self.client, self.server
        for number in range(1, len(self.hops) + 1):
            behind = {
                (each.client, each.server): (each.client_behind, each.server_behind)
                for each in self.translations
                if each.hop == number
            }
            now = behind.get(now, now)
        return now[::-1]


@dataclass(frozen=True, slots=True)
class ProgramRecord:
    """A program that ran at one end."""

    side: Side
    command: str
    exit_code: int | None  # None: it still ran; negative: the signal that ended it
    output: str = ""  # the last of what it wrote, to standard output and error


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not pass: one sentence, and for each end what was expected and seen."""

    summary: str
    line: int | None = None
    rows: tuple[FailureRow, ...] = ()
    notes: tuple[str, ...] = ()
    reached: bool = False  # a pair was reached, and then not held


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One end in a failure."""

    side: Side
    expected: tuple[State, ...]
    sampled: State
    how_long: str
    retransmits: int
    seen: bool = True  # False: no connection is meant that could have a state

    @property
    def found(self) -> str:
        """The state that was sampled, in words."""
        return str(self.sampled) if self.seen else "nothing"


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """The same scenario without one of its faults."""

    fault: str
    #: The pair did not come, or was not held, or its ends did not look the same. None: not known.
    needed: bool | None
    found: str  # in words: SYN_SENT/LISTEN was not reached (ESTABLISHED/ESTABLISHED)
    observed: Pair | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that one run of one scenario showed. Times are seconds since its lab was built."""

    scenario: str
    outcome: Outcome
    source: str
    path: str
    family: Family
    kernel: str
    expected: ExpectedPair
    observed: Pair | None = None  # None: nothing was looked at
    held_s: float = 0.0
    samples: int = 0  # of both ends, while the pair was held
    gap_s: float = 0.0  # the longest time between two of them
    elapsed_s: float = 0.0
    lost_s: float = 0.0  # in which nobody looked at the lab who was to look
    #: What did not pass before, in labs at which nobody looked for a while, and was played again.
    disturbed: tuple[str, ...] = ()
    dropped: int = 0
    healed: Pair | None = None
    reason: str = ""  # of a skip or an error
    failure: Failure | None = None
    steps: tuple[PlayedStep, ...] = ()
    faults: tuple[FaultRecord, ...] = ()
    programs: tuple[ProgramRecord, ...] = ()
    #: By the name of each hop that remembers connections: how its entry of this one changed.
    tracked: dict[str, tuple[TrackedState, ...]] = field(default_factory=dict)
    client: End = End()
    server: End = End()
    recording: Recording | None = None  # where one was asked for
    counterfactuals: tuple[Counterfactual, ...] = ()  # one for each fault, likewise

    def end(self, side: Side) -> End:
        """What one end showed."""
        return self.client if side is Side.CLIENT else self.server

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(converter().unstructure(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Evidence:
        """The inverse of `to_json`. Raises ValueError where the text is not a record."""
        try:
            data: Any = json.loads(text)
            refuse_older(data)
            return converter().structure(data, cls)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a record of netlab's: {error}") from error


@dataclass(frozen=True, slots=True)
class Cell:
    """One pair of states in the atlas: what the model says, and what this kernel did."""

    client: str
    server: str
    reachable: bool
    why: str  # why it is not
    scenario: str = ""
    crossing: bool = False  # packets must cross, or arrive in a later incarnation
    frozen: bool = False  # here, with loss at the receiver
    frozen_at_sender: bool | None = None  # with a firewall at the sender; None: nothing is dropped
    outcome: Outcome | None = None
    held_s: float = 0.0
    problem: str = ""  # what stood in the way

    @property
    def pair(self) -> str:
        """The pair in its written form."""
        return f"{self.client}/{self.server}"


class OlderRecord(ValueError):
    """A record that was made when steps and faults were kept as text."""

    def __init__(self) -> None:
        super().__init__(
            "was recorded by an older netlab, which kept steps as text: record it anew"
        )


def refuse_older(data: Any) -> None:
    """Raise `OlderRecord` where the steps of a run have no kind."""
    if any("kind" not in step for step in data.get("steps", ())):
        raise OlderRecord


@functools.cache
def converter() -> cattrs.Converter:
    """To JSON's own types and back: enumerations by name, bytes as base64, the rest as it is."""
    import cattrs  # costs 50 ms, and only JSON needs it

    # The first mistake is enough: to list 70,000 of them takes seconds.
    converter = cattrs.Converter(detailed_validation=False)
    for plain in (str, int, float, bool):  # cattrs itself takes what can be made one: int("5")
        converter.register_structure_hook(plain, _exactly)
    converter.register_structure_hook_func(_is_words, _one_of)
    for kind in (State, Timer):
        converter.register_unstructure_hook(kind, lambda member: member.name)
        converter.register_structure_hook(kind, lambda name, kind: kind[name])
    converter.register_unstructure_hook(Side, str)
    converter.register_unstructure_hook(Hook, str)
    converter.register_structure_hook(Hook, lambda name, _: Hook[name.upper()])
    converter.register_unstructure_hook(Family, str)
    converter.register_structure_hook(Family, lambda name, _: Family[name.upper()])
    converter.register_unstructure_hook(Segment, str)
    converter.register_structure_hook(Segment, lambda text, _: segment_named(text))
    converter.register_unstructure_hook(bytes, lambda data: base64.b64encode(data).decode())
    converter.register_structure_hook(bytes, lambda text, _: base64.b64decode(text, validate=True))
    converter.register_unstructure_hook(ExpectedPair, _states_of)
    converter.register_structure_hook(ExpectedPair, lambda data, _: _expected(data))
    _with_what_was_derived(converter)
    return converter


def _exactly(value: Any, kind: type) -> Any:
    """A plain value of a record, as JSON has it. Raises TypeError where it is of another type, and
    ValueError for a number that is none, or that nothing here reaches. What a terminal would obey
    in a text is written out.
    """
    found = type(value)
    if found is not kind and not (kind is float and found is int):
        raise TypeError(f"expected {kind.__name__}, found {found.__name__}")
    if found is float and not math.isfinite(value):
        raise ValueError(f"{value} is not a number")
    if kind in (int, float) and not -LARGEST <= value <= LARGEST:
        raise ValueError("a number is larger than any that is measured")
    return printable(value) if kind is str else kind(value)


def _is_words(kind: Any) -> bool:
    """Whether these are some words, of which a value is one."""
    origin: Any = get_origin(kind)
    return origin is Literal


def _one_of(value: Any, kind: Any) -> Any:
    """A word of a record. Raises ValueError for another than those of its kind."""
    if value not in get_args(kind):
        raise ValueError(f"{str(value)[:40]!r} is none of {', '.join(get_args(kind))}")
    return value


def _states_of(pair: ExpectedPair) -> dict[str, Any]:
    """A state for each end; a list where it flickers."""
    names = {str(side): [state.name for state in pair.states(side)] for side in Side}
    return {side: some[0] if len(some) == 1 else some for side, some in names.items()}


def _expected(data: Any) -> ExpectedPair:
    def states(some: Any) -> tuple[State, ...]:
        return tuple(State[name] for name in ([some] if isinstance(some, str) else some))

    return ExpectedPair(states(data["client"]), states(data["server"]))


def _with_what_was_derived(converter: cattrs.Converter) -> None:
    """Add the place of a fault, and whether it drops, to JSON beside what they follow from; and
    give a run in which nothing was observed an empty pair.
    """
    from cattrs.gen import make_dict_unstructure_fn

    plain = make_dict_unstructure_fn(FaultRecord, converter)
    converter.register_unstructure_hook(
        FaultRecord, lambda fault: {**plain(fault), "where": fault.where, "drops": fault.counts}
    )
    whole = make_dict_unstructure_fn(Evidence, converter)
    converter.register_unstructure_hook(
        Evidence, lambda run: {**(data := whole(run)), "observed": data["observed"] or {}}
    )
    converter.register_structure_hook_func(  # a hook of the type alone is unknown to cattrs 23.2
        lambda kind: kind == Pair | None,
        lambda data, _: converter.structure(data, Pair) if data else None,
    )
