# SPDX-License-Identifier: GPL-2.0-or-later
"""While a pair is frozen, ss and nft see in both namespaces what netlab says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from netlab.linux.namespace import Namespace
from netlab.model.evidence import FaultRecord
from netlab.model.tcp import State
from netlab.model.vocabulary import Family, Side
from netlab.scenario import catalogue, runner
from netlab.scenario.model import Scenario
from netlab.testbed.connection import Flow
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

from . import tools

#: The judges are processes, and while one runs no lab is sampled. Few labs at a time keep every
#: wait short.
JOBS = 12


@dataclass
class Bench:
    """The judges, and what they have found so far."""

    judged: set[str] = field(default_factory=set)
    disagreements: list[str] = field(default_factory=list)
    listings: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)

    def judge(self, lab: Lab, scenario: Scenario) -> None:
        """Ask both judges about both ends of a frozen pair."""
        self.judged.add(scenario.name)
        flow = lab.flow(scenario.expect.of)
        for host in lab.hosts:
            where = f"{scenario.name}, {host.side}"
            before, listing, after = in_force(lab, host), tools.rules(host), in_force(lab, host)
            texts = tuple(fault.rules for fault in before)
            self.listings.append((where, texts, tools.uncounted(listing)))
            for found in (
                *judge_sockets(lab, host, flow),
                *judge_counters(before, tools.packets(listing), after),
            ):
                self.disagreements.append(f"{where}: {found}")

    def judge_texts(self) -> None:
        """Whether the kernel has the rules that it would have if a person had typed them."""
        for where, texts, listing in self.listings:
            if (typed := listing_of(texts)) != listing:
                self.disagreements.append(f"{where}: typed it is\n{typed}\nand it is\n{listing}")


def test_ss_and_nft_agree_with_netlab_on_every_frozen_pair(netlab_family: Family) -> None:
    bench = Bench()
    options = runner.Options(netlab_family, jobs=JOBS, frozen=bench.judge)
    runs = [run for _, run in runner.play_all(catalogue.everything(slow=False), options)]
    bench.judge_texts()
    failed = {run.scenario: run.failure or run.reason for run in runs if run.outcome == "fail"}
    assert failed == {}
    assert bench.judged == {run.scenario for run in runs if run.outcome != "skip"}
    assert not bench.disagreements, "\n".join(bench.disagreements)


def judge_sockets(lab: Lab, host: Host, flow: Flow) -> Iterator[str]:
    """What ss says otherwise of the connection, and of how many sockets are in which state.

    They may change while ss runs, so netlab looks before and after: either is right, and so is
    what lies between.
    """
    before, listed, after = look(lab, host, flow), tools.sockets(host), look(lab, host, flow)
    state, counts = state_of(flow, host.side, listed), Counter(row.state for row in listed)
    if state not in (before[0], after[0]):
        yield f"ss says {state}, netlab {before[0]}"
    for each in State:
        low, high = sorted((before[1].get(each, 0), after[1].get(each, 0)))
        if not low <= counts[each] <= high:
            yield f"ss counts {counts[each]} in {each}, netlab {low} to {high}"


def look(lab: Lab, host: Host, flow: Flow) -> tuple[State, dict[State, int]]:
    """What netlab says of one end, now."""
    lab.sample()
    return flow.state(host.side), lab.count(host.side)


def state_of(flow: Flow, side: Side, listed: list[tools.Socket]) -> State:
    """The state of one end by its four numbers, or its listener's; absent is CLOSED."""
    local, remote = flow.ends(side)
    exactly = [row.state for row in listed if (row.local, row.remote) == (local, remote)]
    listeners = [
        row.state for row in listed if row.state is State.LISTEN and row.local[1] == local[1]
    ]
    return (exactly + listeners + [State.CLOSED])[0]


def judge_counters(
    before: list[FaultRecord], counted: dict[str, int], after: list[FaultRecord]
) -> Iterator[str]:
    """What nft lists otherwise: the tables, and what their rules have counted."""
    names = [fault.name for fault in before]
    if list(counted) != names:
        yield f"nft lists the tables {list(counted)}, netlab {names}"
        return
    for low, high in zip(before, after, strict=True):
        if not low.packets <= counted[low.name] <= high.packets:
            yield f"nft counts {counted[low.name]}, netlab {low.packets} to {high.packets}"


def in_force(lab: Lab, host: Host) -> list[FaultRecord]:
    """The faults with rules in this host's firewall, in the order they came."""
    return [
        fault
        for fault in lab.faults
        if fault.counts and fault.removed is None and host.side in fault.sides
    ]


@cache
def listing_of(texts: tuple[str, ...]) -> str:
    """What nft lists after a person has typed these tables, in a namespace of their own."""
    fresh = Namespace.create()
    try:
        tools.inside(fresh, "nft", "-f", "-", given="\n".join(texts))
        return tools.rules(fresh)
    finally:
        fresh.close()
