# SPDX-License-Identifier: GPL-2.0-or-later
"""What a ladder shows besides packets: steps, faults, the kernel's events, and states."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from netlab.model.evidence import End, Event, Evidence, PlayedStep
from netlab.model.tcp import Segment, State
from netlab.model.vocabulary import Side
from netlab.packets.sightings import Packet

Kind = Literal["step", "fault", "removed", "rest", "others", "event"]


@dataclass(frozen=True, slots=True)
class Note:
    """A line of words."""

    at: float  # seconds
    text: str
    kind: Kind
    side: Side | None = None  # at whose line; or in the middle
    end: float | None = None  # of the time that it sums up

    @property
    def until(self) -> float:
        """The time, in seconds, at which the last of it was seen."""
        return self.at if self.end is None else self.end

    @property
    def order(self) -> int:
        """The order among things of the same time: a fault comes before the step after it."""
        return 1 if self.kind == "step" else 0


@dataclass(frozen=True, slots=True)
class StateChange:
    """One end entering a state."""

    at: float  # seconds
    side: Side
    before: State
    after: State
    traced: bool
    alone: bool = False  # comes without a packet, with a step


# --- steps, faults, events

#: Steps that are drawn as what they remove, or that only wait; a story's, as what it installs.
_ELSEWHERE = frozenset({"drop_matching", "path", "remove", "reach"})
MOST_EVENTS = 20


def notes(evidence: Evidence) -> Iterator[Note]:
    """Everything that was done to the connection, and the kernel's events."""
    installed = {fault.kind for fault in evidence.faults}  # drawn as faults
    for step in evidence.steps:
        if step.kind not in _ELSEWHERE | installed:
            yield Note(step.at, _said(step), "step", step.side)
    for fault in evidence.faults:
        yield Note(fault.installed, f"{fault.name}: {fault.does}", "fault")
        if fault.removed is not None:
            yield Note(fault.removed, f"{fault.name} removed", "removed")
    for hop, entries in evidence.tracked.items():
        for entry in entries:
            yield Note(entry.at, f"in the table of {hop}: {entry.state}", "others")
    yield from _events(evidence.recording.events if evidence.recording else ())


def _events(events: Sequence[Event]) -> Iterator[Note]:
    """What the kernel discarded by itself, and why it reset a connection, in Linux's names."""
    left, said = MOST_EVENTS, set[tuple[Side, str]]()
    for event in events:
        if event.kind == "discarded" and "NETFILTER" not in event.reason and left:
            left -= 1
            yield Note(event.at, f"discarded: {event.reason}", "event", event.side)
        if event.kind == "reset sent" and event.reason not in ("", "NOT_SPECIFIED"):
            if (event.side, event.reason) not in said:
                yield Note(event.at, f"RST because: {event.reason}", "event", event.side)
            said.add((event.side, event.reason))


def _said(step: PlayedStep) -> str:
    """``connect as c1``, ``send hello: 5 bytes``."""
    words = f"{step.kind} {_valued(step.value)}".rstrip() if step.side else step.text
    result = step.result if step.fails or step.result not in words else ""
    return f"{words}: {result}" if result else words


def _valued(value: Any) -> str:
    """``port=7777, reuse=yes, as c1``."""
    if isinstance(value, dict):
        some = ((key, _valued(each)) for key, each in value.items())
        return ", ".join(f"as {each}" if key == "as" else f"{key}={each}" for key, each in some)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


# --- states


def changes(evidence: Evidence) -> tuple[dict[Side, State | None], list[StateChange]]:
    """The first state of each end, and every change after it in the order of time."""
    first: dict[Side, State | None] = {}
    found: list[StateChange] = []
    for side in Side:
        first[side], some = _of(side, evidence.end(side))
        found += _with_steps(some, [step for step in evidence.steps if step.side is side])
    return first, sorted(found, key=lambda change: change.at)


#: Seconds after a step in which a sample sees its change.
SEEN = 0.2


def _with_steps(some: Sequence[StateChange], steps: Sequence[PlayedStep]) -> Iterator[StateChange]:
    """The changes of one side. Who vanishes says nothing: no packet goes with that, and a change
    that only a sample has seen comes with the step before it.
    """
    gone = [step.at for step in steps if step.kind == "vanish"]
    before = 0.0
    for change in some:
        at = next((at for at in gone if before < at <= change.at <= at + SEEN), None)
        before = change.at
        if at is None:
            yield change
        else:
            yield replace(change, at=change.at if change.traced else at, alone=True)


def _of(side: Side, end: End) -> tuple[State | None, list[StateChange]]:
    if end.transitions:
        found = [StateChange(t.at, side, t.before, t.after, t.traced) for t in end.transitions]
        return end.transitions[0].before, found
    found = []
    before = None
    for interval in end.intervals:
        if before is not None and interval.state is not before:
            found.append(StateChange(interval.since, side, before, interval.state, False))
        before = interval.state
    return (end.intervals[0].state if end.intervals else None), found


#: Seconds around a traced change in which its packet is looked for, and before a sampled one.
NEAR, BEFORE_SAMPLE = 0.002, 0.03
LATE = 0.02  # seconds that a SYN may take from its state to the wire
_SYN, _ACK, _FIN, _RST = Segment.SYN, Segment.ACK, Segment.FIN, Segment.RST
#: Which end of which segments goes with entering a state; the first that is near is taken.
_WITH: dict[State, tuple[tuple[str, Segment], ...]] = {
    State.SYN_SENT: (("leave", _SYN),),
    State.SYN_RECV: (("arrive", _SYN),),
    State.ESTABLISHED: (("arrive", _ACK),),
    State.FIN_WAIT1: (("leave", _FIN),),
    State.LAST_ACK: (("leave", _FIN),),
    State.FIN_WAIT2: (("arrive", _ACK),),
    State.CLOSE_WAIT: (("arrive", _FIN),),
    State.CLOSING: (("arrive", _FIN),),
    State.TIME_WAIT: (("arrive", _FIN), ("arrive", _ACK)),
    State.CLOSED: (
        ("arrive", _RST), ("leave", _RST), ("arrive", _ACK), ("arrive", Segment.ANY),
    ),
    State.LISTEN: (("arrive", _RST), ("arrive", _ACK)),
}  # fmt: skip


def anchors(changed: Sequence[StateChange], some: Sequence[Packet]) -> dict[int, tuple[int, str]]:
    """By the id of a change: the index of the packet that goes with it, and which end of it."""
    found = {}
    times: dict[tuple[Side, str], list[tuple[float, int]]] = {}
    for place, packet in enumerate(some):
        there = packet.sender.peer
        if not packet.made_at:
            times.setdefault((packet.sender, "leave"), []).append((packet.at, place))
        if packet.dropped is None and not packet.taken_at:
            arrived = packet.at if packet.arrived is None else packet.arrived
            times.setdefault((there, "arrive"), []).append((arrived, place))
    for ordered in times.values():
        ordered.sort()
    for side in Side:
        own = [change for change in changed if change.side is side]
        since = 0.0
        for change, following in itertools.zip_longest(own, own[1:]):
            until = following.at if following else float("inf")
            place, end, at = _anchor(change, times, some, (since, until))
            if place >= 0:
                found[id(change)] = place, end
            since = max(change.at, at) if change.traced else at
    return found


def _anchor(
    change: StateChange,
    times: dict[tuple[Side, str], list[tuple[float, int]]],
    some: Sequence[Packet],
    within: tuple[float, float],
) -> tuple[int, str, float]:
    """The packet's index, end and time; index -1 if none is near, between the other changes."""
    if change.alone or {change.before, change.after} == {State.LISTEN, State.CLOSED}:
        return -1, "", within[0]  # a listener comes and goes without a packet
    for end, bits in _WITH[change.after]:
        near = [
            (away, place, at)
            for away, place, at in _near(change, times.get((change.side, end), []), some, bits, end)
            if within[0] - NEAR / 20 <= at <= within[1]
        ]
        if near:
            _, place, at = min(near)
            return place, end, at
    return -1, "", within[0]


def _near(
    change: StateChange, times: Sequence[tuple[float, int]], some: Sequence[Packet], bits: Segment,
    end: str,
) -> Iterator[tuple[float, int, float]]:  # fmt: skip
    """How far away in time such packets are, their indices and times."""
    before = NEAR if change.traced else BEFORE_SAMPLE
    after = 0.0 if not change.traced else NEAR / (5 if end == "leave" else 20)
    if change.traced and change.after is State.SYN_SENT:
        after = LATE  # nothing else can leave, however long a busy machine takes for it
    start = bisect.bisect_left(times, (change.at - before, -1))
    for at, place in times[start:]:
        if at > change.at + after + (0.02 if some[place].sent is None and end == "leave" else 0):
            if at > change.at + after + 0.02:
                return
            continue
        if bits in some[place].segment:
            yield abs(at - change.at), place, at
