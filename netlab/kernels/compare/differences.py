# SPDX-License-Identifier: GPL-2.0-or-later
"""The differences of two behaviours, one fact at a time, as plain data.

Only what was played on both is compared; the notes list what was not, or could not be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from typing import Literal, get_args

from netlab.kernels.compare.behaviour import (
    ANY,
    APPLICATION,
    EMPTY,
    OFTEN,
    OPTIONS,
    TIMER,
    KernelProfile,
    Play,
)
from netlab.model.kernel_run import Clock, Timing
from netlab.model.text import some

Topic = Literal["scenario", "row", "cell", "timer", "sysctl", "counter"]
TOPICS: tuple[Topic, ...] = get_args(Topic)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What two measurements of one timer on one kernel may differ by, in seconds, in addition to
    the slots of the timer wheel.
    """

    work: float  # what goes by between a timer's end and the look at it
    #: How much longer the first time-out may be: TCP adds the round-trip time that it has seen to
    #: its 200 ms, and time-outs that double keep that part. A SYN's second has no such part, so
    #: for it this is little.
    round_trip: float


#: A guest's virtual clock counts its instructions, so it does not depend on who else keeps the
#: machine busy: in twelve runs on three kernels, at a load of 2 to 13, no two measurements were
#: further apart than the wheel's slots and a millisecond, and first time-outs than 8 ms. In real
#: time both are what a busy machine makes of them: a process that waits for its turn adds tens of
#: milliseconds to an answer.
TOLERANCES: dict[Clock, Tolerance] = {
    "virtual": Tolerance(work=0.01, round_trip=0.01),
    "real": Tolerance(work=0.1, round_trip=0.04),
}
#: The end of a timer that shows in no packet is looked for at such intervals, as a fraction of
#: the time that it has run (`timers.measure`).
POLLED = 0.001
#: A gap longer than the one before by this factor is a doubling, not the longest time-out again:
#: roundings lie in between.
DOUBLE = 1.6
#: ``kernel/time/timer.c``: each level of the wheel has 64 slots, each as wide as 8 of the level
#: below, and a timer is put on the first level that reaches far enough.
LEVELS, WIDER, REACH = 9, 8, 63
SCHEDULES = ("", "rounding", "schedule")  # from the one that chance explains to the worst
USUAL_HZ = 250


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that differs on the second kernel. "": the fact is missing on that one."""

    topic: Topic
    subject: str  # syn-dropped; net.ipv4.tcp_rto_max_ms
    aspect: str  # outcome, pair, step 3, ...; of a sysctl or a counter: there, value, moves
    before: str
    after: str
    why: tuple[str, str] = ("", "")  # the reason that each run gave


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that two behaviours differ in, and what could not be compared."""

    before: KernelProfile
    after: KernelProfile
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def compare(before: KernelProfile, after: KernelProfile) -> Comparison:
    """The differences of `after` from `before`."""
    plays = (
        ("scenario", before.scenarios, after.scenarios),
        ("row", before.rows, after.rows),
        ("cell", before.cells, after.cells),
    )
    found = [
        *_plays("scenario", before.scenarios, after.scenarios),
        *_rows(before.rows, after.rows),
        *_plays("cell", before.cells, after.cells),
        *_timers(before, after),
        *_sysctls(before, after),
        *_counters(before, after),
    ]
    notes = [*_machines(before, after)]
    for topic, ours, theirs in (
        *plays,
        ("timer", before.timers, after.timers),
    ):
        notes += _only_one(topic, ours, theirs)
    changed = edited(before, after)
    if changed:
        notes.append(f"steps are not the same, so not compared: {some(changed)}")
    return Comparison(before, after, tuple(found), tuple(notes))


def _machines(before: KernelProfile, after: KernelProfile) -> Iterator[str]:
    if before.machine.clock != after.machine.clock:
        yield "one clock is real, the other a guest's virtual one"
    for one in (before, after):
        if one.error:
            yield f"{one.machine.name} is not whole: {one.error}"
        if one.machine.changed:
            settings = ", ".join(f"{name}={value}" for name, value in one.machine.changed.items())
            yield f"{one.machine.name} was played with {settings}"
        if one.machine.appended:
            yield f"{one.machine.name} was booted with {one.machine.appended}"


def _only_one(topic: str, before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """A note on what only one kernel played; one for the whole kind where the other played none."""
    if not before and not after:
        return []
    kind = {"cell": "pairs of the atlas", "row": "rows of the conformance table"}.get(
        topic, f"{topic}s"
    )
    if not before or not after:
        return [f"{kind} were played on one of them only"]
    missing = sorted(before.keys() ^ after.keys())
    return [f"{kind} that were played on one only: {some(missing)}"] if missing else []


def edited(before: KernelProfile, after: KernelProfile) -> list[str]:
    """The names of what passed on both with different steps, and so cannot be compared."""
    pairs = (
        (before.scenarios, after.scenarios),
        (before.rows, after.rows),
        (before.cells, after.cells),
    )
    return sorted(
        name
        for ours, theirs in pairs
        for name in ours.keys() & theirs.keys()
        if _edited(ours[name], theirs[name])
    )


def _edited(before: Play, after: Play) -> bool:
    """True if two plays followed different scripts, so that they cannot be compared."""
    return before.passed and after.passed and before.script != after.script


def _plays(
    topic: Topic, before: Mapping[str, Play], after: Mapping[str, Play]
) -> Iterator[Difference]:
    for name in before:
        if name not in after:
            continue
        one, other = before[name], after[name]
        if one.outcome != other.outcome:
            why = (one.why, other.why)
            yield Difference(topic, name, "outcome", one.outcome, other.outcome, why)
        elif not _edited(one, other):
            for aspect in sorted({*one.facts, *other.facts}, key=_in_words):
                was, now = one.facts.get(aspect, ""), other.facts.get(aspect, "")
                if was != now and ((was and now) or _tells_by_its_absence(topic, aspect)):
                    yield Difference(topic, name, aspect, was, now, (one.why, other.why))


def _tells_by_its_absence(topic: Topic, aspect: str) -> bool:
    """Whether a fact that only one of two plays has is a difference: a counter that does not move
    is, and what an older run did not record is not.
    """
    return topic == "scenario" and not aspect.endswith((OPTIONS, APPLICATION))


def _rows(before: Mapping[str, Play], after: Mapping[str, Play]) -> Iterator[Difference]:
    """One for each row of the conformance table: what comes of an event is one behaviour."""
    for name in before:
        if name not in after:
            continue
        one, other = before[name], after[name]
        if one.outcome != other.outcome:
            why = (one.why, other.why)
            yield Difference("row", name, "outcome", one.outcome, other.outcome, why)
        elif one.facts != other.facts and not _edited(one, other):
            timed = TIMER in one.facts or TIMER in other.facts
            yield Difference("row", name, "behaviour", _behaves(one, timed), _behaves(other, timed))


def _behaves(play: Play, timed: bool) -> str:
    """``answers ACK, is then CLOSED, counts TCPChallengeACK 1``; `timed`: and when a timer ended,
    ``after 53 s``.
    """
    verbs = {"then": "is then", "call": "call ends with", "counters": "counts"}
    said = [f"{verbs.get(name, name)} {fact}" for name, fact in play.facts.items() if name != TIMER]
    when = [f"after {play.after:.2g} s"] if timed and play.after is not None else []
    return ", ".join(when + said)


def _in_words(aspect: str) -> tuple[bool, str]:
    """Counters last: what they show follows from the rest."""
    return "counter" in aspect, aspect


def _timers(before: KernelProfile, after: KernelProfile) -> Iterator[Difference]:
    rates = before.machine.hz or USUAL_HZ, after.machine.hz or USUAL_HZ
    virtual = before.machine.clock == after.machine.clock == "virtual"
    clock: Clock = "virtual" if virtual else "real"
    for name, one in before.timers.items():
        other = after.timers.get(name)
        if other is None:
            continue
        aspect = timer_aspect(one, other, rates, clock)
        if aspect:
            why = (one.problem, other.problem)
            yield Difference("timer", name, aspect, told(one), told(other), why)


def timer_aspect(one: Timing, other: Timing, rates: tuple[int, int], clock: Clock = "real") -> str:
    """The first aspect in which a timer differs, or "".

    In order: measured, sends, end, schedule, rounding, ending. `rates` are the tick rates of both
    kernels in Hz; `clock` is virtual if that is what both were measured by. Rounding: later or
    earlier by no more than the timer wheels of both kernels can make it, where their ticks differ.
    With the same tick that is chance: a millisecond before or after a slot.
    """
    if bool(one.problem) != bool(other.problem):
        return "measured"
    if one.problem:
        return ""  # neither could be measured; the words may hold numbers
    if len(one.sends) != len(other.sends):
        return "sends"
    if (one.after is None) != (other.after is None):
        return "end"
    tolerance = TOLERANCES[clock]
    schedules = {
        _schedule(one, other, rates, tolerance.work, stretch)
        for stretch in (1.0, _stretch(one, other, tolerance.round_trip))
    }
    schedule = next(each for each in SCHEDULES if each in schedules)
    return schedule or ("ending" if one.ending != other.ending else "")


def _schedule(
    one: Timing, other: Timing, rates: tuple[int, int], work: float, stretch: float
) -> str:
    """Whether the times differ by more than chance, where the other's first time-out is longer by
    the factor `stretch`.
    """
    coarsest = rounded = expected = seen = 0.0
    rounding = False
    doubling = _doubling(one, other)
    last = len(_gaps(one)) - 1
    for number, (gap, gap_other) in enumerate(zip(_gaps(one), _gaps(other), strict=True)):
        width = max(grain(gap, rates[0]), grain(gap_other, rates[1]))
        coarsest, rounded = max(coarsest, width), rounded + width
        stretched = number in doubling or (number == last == doubling.stop)
        expected += gap * stretch if stretched else gap
        seen += gap_other
        apart = abs(expected - seen) - work
        if one.after and other.after and number == last:
            apart = min(apart, abs(one.after - other.after) - work) - POLLED * one.after
        if apart > rounded:
            return "schedule"
        rounding |= apart > coarsest
    return "rounding" if rounding and rates[0] != rates[1] else ""


def _gaps(timing: Timing) -> list[float]:
    """The seconds between its start, each packet that it sent, and its end."""
    sent = timing.sends if timing.sends[:1] == (0.0,) else (0.0, *timing.sends)
    moments = [*sent, *([] if timing.after is None else [timing.after])]
    return [after - before for before, after in pairwise(moments)]


def _doubling(one: Timing, other: Timing) -> range:
    """The gaps that derive from the first time-out: up to the last that doubles, on both kernels.

    The gap after the last packet belongs to the end, which may be due independently.
    """
    ends = []
    for timing in (one, other):
        gaps = _gaps(replace(timing, after=None))
        doubles = [at for at in range(1, len(gaps)) if gaps[at] > DOUBLE * gaps[at - 1]]
        ends.append(max(doubles, default=-1) + 1)
    return range(min(ends))


def _stretch(one: Timing, other: Timing, round_trip: float) -> float:
    """The factor by which the other's time-outs are longer while they double: as it was seen, and
    no more than a first time-out that is longer by `round_trip` seconds accounts for.
    """
    ours, theirs = ([_gaps(timing)[at] for at in _doubling(one, other)] for timing in (one, other))
    if min((*ours, *theirs), default=0.0) <= 0:  # none doubles, or no time has gone by
        return 1.0
    most = 1 + round_trip / min(ours[0], theirs[0])
    return min(max(sum(theirs) / sum(ours), 1 / most), most)


def grain(seconds: float, hz: int) -> float:
    """The seconds by which a timer may fire late: the width of its slots in the timer wheel.

    `seconds` is the time-out that was asked for. Wider slots begin where narrower ones begin, so
    whole sequences of such timers differ by no more than the widest of them.
    """
    ticks = round(seconds * hz)
    level = 0
    while level < LEVELS - 1 and ticks >= REACH * WIDER**level:
        level += 1
    return float(WIDER**level) / hz


def told(timing: Timing) -> str:
    """``7 packets, 1.0 2.0 4.1 ... s apart, over after 130.3 s (ETIMEDOUT)``."""
    if timing.problem:
        return f"not measured: {timing.problem}"
    parts = []
    if timing.sends:
        number = len(timing.sends)
        parts.append(f"{number} packets" if number > 1 else "1 packet")
    if timing.sends and timing.sends[0] > 0:
        parts.append(f"the first after {timing.sends[0]:.1f} s")
    gaps = [f"{gap:.1f}" if gap >= 0.1 else f"{gap:.3f}" for gap in gaps_of(timing)]
    if gaps:
        parts.append(f"{' '.join(_runs(gaps))} s apart")
    if timing.after is not None:
        parts.append(f"over after {timing.after:.{1 if timing.after >= 1 else 3}f} s")
    said = ", ".join(parts) or "without an end"
    return said + (f" ({timing.ending})" if timing.ending else "")


def gaps_of(timing: Timing) -> list[float]:
    """The seconds between the packets of a timer."""
    return [after - before for before, after in pairwise(timing.sends)]


def _runs(words: Sequence[str]) -> Iterator[str]:
    """``1.0 1.0 1.0 2.0`` as ``3x1.0 2.0``."""
    number = 0
    for word, following in zip_longest(words, words[1:]):
        number += 1
        if word != following:
            yield f"{number}x{word}" if number > 1 else word
            number = 0


def _sysctls(before: KernelProfile, after: KernelProfile) -> Iterator[Difference]:
    if not before.sysctls or not after.sysctls:
        return
    for name in sorted({*before.sysctls, *after.sysctls}):
        one, other = before.sysctls.get(name), after.sysctls.get(name)
        if one is None or other is None:
            yield Difference("sysctl", name, "there", _shown(one), _shown(other))
        elif one != other and ANY not in (one, other):
            yield Difference("sysctl", name, "value", _shown(one), _shown(other))


def _shown(value: str | None) -> str:
    """The value of a sysctl; "" where there is none such."""
    return "" if value is None else value or EMPTY


def _counters(before: KernelProfile, after: KernelProfile) -> Iterator[Difference]:
    """Counters that appeared or disappeared, and those that no longer move anywhere."""
    if not before.counters or not after.counters:
        return
    surplus = _surplus(before, after), _surplus(after, before)
    for name in sorted({*before.counters, *after.counters}):
        one, other = before.counters.get(name), after.counters.get(name)
        if one is None or other is None:
            yes = "there"
            yield Difference(
                "counter", name, "there", yes * (one is not None), yes * (other is not None)
            )
        elif (not other and one >= OFTEN + surplus[0]) or (not one and other >= OFTEN + surplus[1]):
            yield Difference("counter", name, "moves", _often(one), _often(other))


def _surplus(one: KernelProfile, other: KernelProfile) -> int:
    """The number of ends that passed in this run only, at which a counter may have moved."""
    passed = {name for name, play in one.scenarios.items() if play.passed}
    return 2 * len(passed - {name for name, play in other.scenarios.items() if play.passed})


def _often(number: int) -> str:
    return f"at {number} ends" if number else "never"
