# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of a run that is stable enough to compare: two runs on one kernel behave the same.

Measured by playing the same kernels again and again, in virtual machines and on a busy host.
These never varied, and are compared:

- a scenario's outcome, the pair that was observed, the pair it healed into;
- the error or the number of bytes that a step ended with, and whether a rule ever matched;
- in scenarios that last until the connection ends: how often the last state's timer had fired;
- which options the ends of a connection have agreed upon;
- what the application of each end reads while the pair is held, but not how much a full buffer has,
  nor how much a program has sent;
- whether a counter of `DECISIONS` moved, and on which side;
- whether any other counter moves at all in the whole run: at `OFTEN` ends on one kernel, at none
  on the other;
- of a story in Python, only its outcome and its pairs: the order of its actions is up to it;
- of a row of the conformance table: the answers with all their numbers, the state, what the
  application has of it, and which counters moved by how much (`conformance.counted`);
- which pairs of the atlas are frozen; the sends and the end of a timer, within what the kernel's
  timer wheel allows (`differences`); sysctls, except those of `OF_THE_MACHINE`.

These varied, and are not: how far a counter went, times, states of milliseconds (a sample may miss
one), addresses, the counters of acknowledgments, probes and checks that depend on which of two
timers fires first.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from netlab.conformance.counted import EXACT
from netlab.model.evidence import Cell, End, Evidence, Outcome
from netlab.model.kernel_run import KernelRun, Machine, PlayedRow, Timing
from netlab.model.vocabulary import Family, Side

#: What TCP decides once for a connection or a segment, however fast the machine is. The pattern
#: limits a counter to some scenarios and ends: elsewhere a challenge ACK shows only which of two
#: retransmission timers fired first, and a cookie that failed how long the machine has run: a
#: listener that never met a full queue takes each ACK for a cookie while jiffies are between -1 and
#: 120 s, which begins 299 s after the boot (tcp_synq_no_recent_overflow; INITIAL_JIFFIES).
#: In a simultaneous open the server's SYN-ACK is held behind its SYN, and overtaken by the ACK that
#: the client's answer calls for. Where a millisecond has ended between the two, the SYN-ACK's
#: timestamp is too old for the client, and up to Linux 6.3 that is PAWSEstab: which of the two the
#: client counts is chance.
DECISIONS = {
    "EmbryonicRsts": "*",
    "ListenDrops": "*",
    "ListenOverflows": "*",
    "PAWSActive": "*",
    "PAWSPassive": "*",
    "SyncookiesFailed": "*cookie*",
    "SyncookiesRecv": "*",
    "SyncookiesSent": "*",
    "TCPAbortFailed": "*",
    "TCPAbortOnClose": "*",
    "TCPAbortOnData": "*",
    "TCPAbortOnLinger": "*",
    "TCPAbortOnMemory": "*",
    "TCPDeferAcceptDrop": "*",
    "TCPReqQFullDoCookies": "*",
    "TCPReqQFullDrop": "*",
    "TCPSYNChallenge": "simultaneous-*/server",
    "TWRecycled": "*",
    "TcpActiveOpens": "*",
    "TcpAttemptFails": "*",
    "TcpPassiveOpens": "*",
}
#: The number of ends at which a counter must move on one kernel for it to be a difference that it
#: moves at none on the other. Counters that moved in one run and not in the next of the same kernel
#: did so at two ends at most.
OFTEN = 5
#: Sysctls whose value comes from the machine's memory, from chance, from other loaded
#: modules, or from what its owner chose for all namespaces: whether they exist is compared, not
#: their value.
OF_THE_MACHINE = frozenset(
    f"net.ipv4.{name}"
    for name in (
        "tcp_allowed_congestion_control", "tcp_available_congestion_control", "tcp_available_ulp",
        "tcp_congestion_control", "tcp_ehash_entries", "tcp_max_orphans", "tcp_max_syn_backlog",
        "tcp_max_tw_buckets", "tcp_mem", "tcp_rmem", "tcp_wmem",
    )
)  # fmt: skip
#: What a connection's ends have agreed upon, of what TCP_INFO tells.
OPTIONS = "options"
APPLICATION = "application"
AGREED = ("ts", "sack", "wscale", "ecn")
#: How many bytes go into a window depends on when they came: more than so many are any number.
LITTLE, FULL = 20_000, "a full buffer"
SECRET = "net.ipv4.tcp_fastopen_key"  # which only root can read
ANY = "(any)"  # stands for the value of those
EMPTY = "(empty)"  # stands for a value without a character; no value at all is ""
#: Results of steps that are the same in each run on one kernel: an error, bytes, an answer. An
#: address is not: it differs from run to run.
RESULT = re.compile(r"E[A-Z0-9]+|\d+ bytes|[A-Z]+(\|[A-Z]+)*|no answer")
#: The path of a scenario's file where it was played, which means nothing elsewhere.
PLACE = re.compile(r"^\S+\.yaml:\d+: ")
#: Counters of other protocols, which scenarios do not use and which may be in modules; and those
#: that are listed only after they have moved.
OTHERS = ("IcmpMsg", "MPTcpExt", "Sctp", "Udp")
TO_THE_END = "-to-the-end"
TIMER = "timer"  # the fact of a row whose timer does not end in time


@dataclass(frozen=True, slots=True)
class Play:
    """One scenario, or one pair of the atlas: what is the same whenever a kernel plays it."""

    outcome: Outcome
    why: str = ""  # of a failure, an error or a skip: reported, not compared
    script: str = ""  # a checksum of its steps, which must be the same in both runs
    facts: dict[str, str] = field(default_factory=dict)  # pair, healed, step 3: connect, ...
    #: Seconds until the timer ended that a row waits for, or was due, if it ended in time:
    #: reported, not compared. Whether that was in time is a fact.
    after: float | None = None

    @property
    def passed(self) -> bool:
        """True if there is more than an outcome to compare."""
        return self.outcome == "pass"


@dataclass(frozen=True, slots=True)
class KernelProfile:
    """What a kernel did, in a form that does not vary from run to run."""

    machine: Machine
    scenarios: dict[str, Play] = field(default_factory=dict)
    cells: dict[str, Play] = field(default_factory=dict)  # by pair
    timers: dict[str, Timing] = field(default_factory=dict)
    rows: dict[str, Play] = field(default_factory=dict)  # of the conformance table, by name
    sysctls: dict[str, str] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)  # the number of ends at which each moved
    error: str = ""  # why the run is not complete
    died: bool = False  # the kernel itself is why

    def __post_init__(self) -> None:
        """Raises `ValueError` for a counter that is negative, which only an edited file has."""
        for name, number in self.counters.items():
            if number < 0:
                raise ValueError(f"counter {name} is {number}")


def behaviour(run: KernelRun) -> KernelProfile:
    """Reduce a run to what can be compared."""
    return KernelProfile(
        machine=run.machine,
        scenarios={name_of(one): _play(one) for one in run.scenarios},
        cells={cell.pair: _cell(cell) for cell in run.cells if cell.reachable},
        timers={timing.name: _rounded(timing) for timing in run.timings},
        rows={_row_name(row): _row(row) for row in run.rows},
        sysctls={
            name: ANY if name in OF_THE_MACHINE else value
            for name, value in run.sysctls.items()
            if name != SECRET
        },
        counters=_moved(run),
        error=run.error,
        died=run.died,
    )


def name_of(run: Evidence) -> str:
    """A scenario's name, followed by the address family where that is not IPv4."""
    return run.scenario if run.family is Family.IPV4 else f"{run.scenario} ({run.family})"


def name_in(family: str, name: str) -> str:
    """The scenario behind a name from `name_of`; "" where it was played over another family."""
    plain, bracket, other = name.removesuffix(")").partition(" (")
    return plain if (other if bracket else "IPv4") == family else ""


def _play(run: Evidence) -> Play:
    if run.outcome in ("error", "skip"):
        return Play(run.outcome, PLACE.sub("", run.reason))
    if run.outcome == "fail":
        facts = {"pair": str(run.observed)} if run.observed else {}
        return Play("fail", _why_it_failed(run), facts=facts)
    if _is_story(run):
        return Play("pass", facts=dict(_pairs(run)))
    script = "\n".join(step.text for step in run.steps)
    return Play("pass", script=f"{zlib.crc32(script.encode()):08x}", facts=dict(_facts(run)))


def _why_it_failed(run: Evidence) -> str:
    """What was seen and what was expected, for a reader who does not know the scenario."""
    if run.failure is None:
        return ""
    summary = run.failure.summary.replace(f" (kernel {run.kernel})", "")
    off = [
        f"{row.side} {row.sampled}, expected {' or '.join(map(str, row.expected))}"
        for row in run.failure.rows
        if row.sampled not in row.expected
    ]
    meant = [
        f"{fault.name} {fault.does}"
        for fault in run.faults
        if re.search(rf"(?<!\S){re.escape(fault.name)}(?![\w-])", summary)
    ]
    said = f"{summary}: {'; '.join(off)}" if off else summary
    return f"{said} ({'; '.join(meant)})" if meant else said


def _is_story(run: Evidence) -> bool:
    """True for a scenario in Python, which may act more or less often, or at other times."""
    return run.path.endswith(".py")


def _pairs(run: Evidence) -> Iterator[tuple[str, str]]:
    if run.observed and not run.expected.flickers:
        yield "pair", str(run.observed)
    if run.healed:
        yield "healed", str(run.healed)


def _facts(run: Evidence) -> Iterator[tuple[str, str]]:
    """The facts of a scenario that passed, each with its name."""
    yield from _pairs(run)
    for number, step in enumerate(run.steps, start=1):
        if RESULT.fullmatch(step.result):
            yield f"step {number}, {step.text}", step.result
    for fault in run.faults:
        if fault.counts:
            yield f"rule {fault.name}", "matched" if fault.packets else "never matched"
    for side, end in ((side, run.end(side)) for side in Side):
        if end.info:
            agreed = [name for name in AGREED if end.info.get(name)]
            yield f"{side}'s {OPTIONS}", " ".join(agreed) or "none"
        if end.reads and not run.expected.flickers:
            # A program sends as often as it can, so how much has come by then is chance.
            yield f"{side}'s {APPLICATION}", f"reads {_read(end, exactly=not run.programs)}"
        if run.scenario.endswith(TO_THE_END):
            yield f"{side}'s retransmissions", str(_last_count(end))
        for name, pattern in DECISIONS.items():
            if name in end.counters and fnmatchcase(f"{run.scenario}/{side}", pattern):
                yield f"{side}'s counter {name}", "moves"


def _read(end: End, exactly: bool) -> str:
    read = []
    for word in end.reads:
        number = _bytes(word)
        read.append(FULL if number > LITTLE else "data" if number and not exactly else word)
    return ", ".join(read)


def _bytes(reading: str) -> int:
    """The number of bytes that an application reads; 0 where it reads none."""
    number = re.fullmatch(r"(\d{1,18}) bytes?", reading, re.ASCII)
    return int(number[1]) if number else 0


def _last_count(end: End) -> int:
    """The number of times the timer of the longest state had fired when that was last seen."""
    longest = max(end.intervals, key=lambda one: one.until - one.since, default=None)
    if longest is None:
        return 0
    return max(one.retransmits for one in end.intervals if one.state is longest.state)


def _cell(cell: Cell) -> Play:
    facts = {"frozen": "yes" if cell.frozen else "no"}
    if cell.frozen_at_sender is not None:
        facts["by a firewall at the sender"] = "yes" if cell.frozen_at_sender else "no"
    outcome = cell.outcome or "skip"
    if outcome in ("error", "skip"):
        return Play(outcome, PLACE.sub("", cell.problem))
    # A cell that is not frozen is a fact of the kernel like any other, so it is compared as one.
    return Play("pass", PLACE.sub("", cell.problem), cell.scenario, facts)


def _row_name(row: PlayedRow) -> str:
    return row.name if row.family is Family.IPV4 else f"{row.name} ({row.family})"


def _row(row: PlayedRow) -> Play:
    """What a row came to. That it is not what the table says is no difference of two kernels."""
    if row.outcome in ("error", "skip"):
        return Play(row.outcome, row.problem, row.script)
    moved = [f"{name} {number}" for name, number in row.counters.items() if name in EXACT]
    facts = {
        "answers": "; ".join(row.answers) or "nothing",
        "then": row.then,
        "reads": row.reads,
        "call": row.result,
        "counters": ", ".join(moved),
        TIMER: "" if row.timely else "at another time",
        **{name: str(value) for name, value in row.info.items()},
    }
    told = {name: fact for name, fact in facts.items() if fact}
    ended = None if row.after is None else float(f"{row.after:.2g}")
    return Play("pass", row.problem, row.script, told, row.due if row.timely else ended)


def _rounded(timing: Timing) -> Timing:
    """Times rounded to the millisecond: smaller differences are chance."""
    return Timing(
        timing.name,
        timing.about,
        None if timing.after is None else round(timing.after, 3),
        tuple(round(at, 3) for at in timing.sends),
        timing.ending,
        timing.problem,
    )


def _moved(run: KernelRun) -> dict[str, int]:
    """Each counter of the kernel, with the number of ends at which it moved in passed scenarios."""
    if not run.counters:
        return {}  # those that moved do not show which ones the kernel lacks
    ends = [
        end
        for one in run.scenarios
        if one.outcome == "pass" and not _is_story(one)
        for end in (one.client, one.server)
    ]
    moved = Counter(name for end in ends for name in end.counters)
    names = sorted(name for name in {*run.counters, *moved} if not name.startswith(OTHERS))
    return {name: moved[name] for name in names}
