# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a run is stable enough to be compared: two runs on one kernel have the same behaviour.

Measured by playing the same kernels again and again, in virtual machines and on a busy host. What
never varied and is compared:

- a scenario's outcome, the pair that was observed, the pair it healed into;
- the error or the number of bytes that a step ended with, and whether a rule ever matched;
- where a connection is watched to its end: how often the last state's timer had fired;
- whether a counter of `DECISIONS` moved, and on which side;
- whether any other counter moves at all, in the whole run: in `OFTEN` scenarios on one kernel, in
  none on the other;
- of a story in Python, its outcome and its pairs alone: what it does in which order is its own;
- which pairs of the atlas are frozen; the sends and the end of a timer, within what the kernel's
  timer wheel allows (`differences`); sysctls, but for those of `OF_THE_MACHINE`.

What varied and is not: how far a counter went, times, states of milliseconds (a sample may miss
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

from netlab.model.evidence import Cell, End, Evidence
from netlab.model.kernel_run import KernelRun, Machine, Timing
from netlab.model.vocabulary import Family, Side

#: What TCP decides once for a connection or a segment, however fast the machine is. A pattern
#: after the name says in which scenarios only: a challenge ACK elsewhere tells which of two
#: retransmission timers fired first.
DECISIONS = {
    "EmbryonicRsts": "*",
    "ListenDrops": "*",
    "ListenOverflows": "*",
    "PAWSActive": "*",
    "PAWSPassive": "*",
    "SyncookiesFailed": "*",
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
    "TCPSYNChallenge": "simultaneous-*",
    "TWRecycled": "*",
    "TcpActiveOpens": "*",
    "TcpAttemptFails": "*",
    "TcpPassiveOpens": "*",
}
#: Ends at which a counter must have moved before it is news that it moves at none any more. Of
#: counters that moved in one run and not in the next of the same kernel, none did so at more
#: than two ends.
OFTEN = 5
#: Sysctls whose value comes from the machine's memory, from chance, from what else is loaded, or
#: from what its owner chose for all namespaces: that there is one is compared, not what it says.
OF_THE_MACHINE = frozenset(
    f"net.ipv4.{name}"
    for name in (
        "tcp_allowed_congestion_control", "tcp_available_congestion_control", "tcp_available_ulp",
        "tcp_congestion_control", "tcp_ehash_entries", "tcp_max_orphans", "tcp_max_syn_backlog",
        "tcp_max_tw_buckets", "tcp_mem", "tcp_rmem", "tcp_wmem",
    )
)  # fmt: skip
SECRET = "net.ipv4.tcp_fastopen_key"  # which only root can read
ANY = "(any)"  # what stands for the value of those
#: What a step may end with and a run of the same kernel ends with again: an error, bytes, an
#: answer. An address, which is another one in each run, is none.
RESULT = re.compile(r"E[A-Z0-9]+|\d+ bytes|[A-Z]+(\|[A-Z]+)*|no answer")
#: Where a scenario's file lay when it was played, which says nothing elsewhere.
PLACE = re.compile(r"^\S+\.yaml:\d+: ")
#: Other protocols, which scenarios do not play, some of them in modules; and what is listed only
#: after it has moved.
OTHERS = ("IcmpMsg", "MPTcpExt", "Sctp", "Udp")
TO_THE_END = "-to-the-end"


@dataclass(frozen=True, slots=True)
class Play:
    """One scenario, or one pair of the atlas: what is the same whenever a kernel plays it."""

    outcome: str
    why: str = ""  # of a failure, an error or a skip: told, and not compared
    script: str = ""  # a checksum of its steps: those of two runs must be the same
    facts: dict[str, str] = field(default_factory=dict)  # pair, healed, step 3: connect, ...

    @property
    def passed(self) -> bool:
        """Whether there is more than an outcome to compare."""
        return self.outcome == "pass"


@dataclass(frozen=True, slots=True)
class KernelProfile:
    """What a kernel did, in a form that does not vary from run to run."""

    machine: Machine
    scenarios: dict[str, Play] = field(default_factory=dict)
    cells: dict[str, Play] = field(default_factory=dict)  # by pair
    timers: dict[str, Timing] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)  # at how many ends each of them moved
    error: str = ""  # why the run is not whole


def behaviour(run: KernelRun) -> KernelProfile:
    """Reduce a run to what can be compared."""
    return KernelProfile(
        machine=run.machine,
        scenarios={name_of(one): _play(one) for one in run.scenarios},
        cells={cell.pair: _cell(cell) for cell in run.cells if cell.reachable},
        timers={timing.name: _rounded(timing) for timing in run.timings},
        sysctls={
            name: ANY if name in OF_THE_MACHINE else value
            for name, value in run.sysctls.items()
            if name != SECRET
        },
        counters=_moved(run),
        error=run.error,
    )


def name_of(run: Evidence) -> str:
    """A scenario's name, and the family where it is not the usual one."""
    return run.scenario if run.family is Family.IPV4 else f"{run.scenario} ({run.family})"


def name_in(family: str, name: str) -> str:
    """The scenario that is called so there; nothing, where it was played over another family."""
    plain, bracket, other = name.removesuffix(")").partition(" (")
    return plain if (other if bracket else "IPv4") == family else ""


def _play(run: Evidence) -> Play:
    if run.outcome in ("error", "skip"):
        return Play(run.outcome, PLACE.sub("", run.reason))
    if run.outcome == "fail":
        summary = run.failure.summary if run.failure else ""
        return Play("fail", summary, facts={"pair": str(run.observed)} if run.observed else {})
    if _is_story(run):
        return Play("pass", facts=dict(_pairs(run)))
    script = "\n".join(step.text for step in run.steps)
    return Play("pass", script=f"{zlib.crc32(script.encode()):08x}", facts=dict(_facts(run)))


def _is_story(run: Evidence) -> bool:
    """Whether it was told in Python, where how often and when something is done may vary."""
    return run.path.endswith(".py")


def _pairs(run: Evidence) -> Iterator[tuple[str, str]]:
    if run.observed and not run.expected.flickers:
        yield "pair", str(run.observed)
    if run.healed:
        yield "healed", str(run.healed)


def _facts(run: Evidence) -> Iterator[tuple[str, str]]:
    """What was seen of a scenario that passed, by what it is about."""
    yield from _pairs(run)
    for number, step in enumerate(run.steps, start=1):
        if RESULT.fullmatch(step.result):
            yield f"step {number}, {step.text}", step.result
    for fault in run.faults:
        if fault.counts:
            yield f"rule {fault.name}", "matched" if fault.packets else "never matched"
    for side, end in ((side, run.end(side)) for side in Side):
        if run.scenario.endswith(TO_THE_END):
            yield f"{side}'s retransmissions", str(_last_count(end))
        for name, pattern in DECISIONS.items():
            if name in end.counters and fnmatchcase(run.scenario, pattern):
                yield f"{side}'s counter {name}", "moves"


def _last_count(end: End) -> int:
    """How often the timer of the longest state had fired when it was last seen."""
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


def _rounded(timing: Timing) -> Timing:
    """Times to the millisecond: what is below is chance."""
    return Timing(
        timing.name,
        timing.about,
        None if timing.after is None else round(timing.after, 3),
        tuple(round(at, 3) for at in timing.sends),
        timing.ending,
        timing.problem,
    )


def _moved(run: KernelRun) -> dict[str, int]:
    """Every counter that the kernel has, and at how many ends of scenarios that passed it moved."""
    if not run.counters:
        return {}  # those that moved tell nothing of those that are not there
    ends = [
        end
        for one in run.scenarios
        if one.outcome == "pass" and not _is_story(one)
        for end in (one.client, one.server)
    ]
    moved = Counter(name for end in ends for name in end.counters)
    names = sorted(name for name in {*run.counters, *moved} if not name.startswith(OTHERS))
    return {name: moved[name] for name in names}
