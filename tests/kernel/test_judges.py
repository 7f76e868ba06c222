# SPDX-License-Identifier: GPL-2.0-or-later
"""While a pair is frozen, ss and nft see in both namespaces what netlab says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netlab.evidence import Fault
from netlab.scenario import catalogue, runner
from netlab.scenario.model import Scenario
from netlab.tcp import State
from netlab.testbed.connection import Flow
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab
from netlab.testbed.namespace import Namespace
from netlab.testbed.words import Family, Side

from . import tools

#: The judges are processes, and while one runs no lab is sampled. Few labs at a time keep every
#: wait short.
JOBS = 12


def test_ss_and_nft_agree_with_netlab_on_every_frozen_pair(netlab_family: Family) -> None:
    disagreements: list[str] = []
    judged: set[str] = set()

    def judge(lab: Lab, scenario: Scenario) -> None:
        judged.add(scenario.name)
        flow = lab.flow(scenario.expect.of)
        for host in lab.hosts:
            for found in (*judge_sockets(lab, host, flow), *judge_rules(lab, host)):
                disagreements.append(f"{scenario.name}, {host.side}: {found}")

    options = runner.Options(netlab_family, jobs=JOBS, frozen=judge)
    runs = [run for _, run in runner.play_all(catalogue.choose([]), options)]
    assert judged == {run.scenario for run in runs if run.outcome != "skip"}
    assert not disagreements, "\n".join(disagreements)


def judge_sockets(lab: Lab, host: Host, flow: Flow) -> Iterator[str]:
    """What ss says otherwise of the connection, and of how many sockets are in which state.

    A state may change while ss runs, so netlab looks before and after: either is right.
    """
    before, listed, after = look(lab, host, flow), tools.sockets(host), look(lab, host, flow)
    state, counts = state_of(flow, host.side, listed), dict(Counter(row.state for row in listed))
    if state not in (before[0], after[0]):
        yield f"ss says {state}, netlab {before[0]}"
    if counts not in (before[1], after[1]):
        yield f"ss counts {counts}, netlab {before[1]}"


def look(lab: Lab, host: Host, flow: Flow) -> tuple[State, dict[State, int]]:
    """What netlab says of one end, now."""
    lab.sample()
    return flow.state(host.side), lab.count(host.side)


def state_of(flow: Flow, side: Side, listed: list[tools.Socket]) -> State:
    """The state of one end by its four numbers, or its listener's; absent is CLOSED."""
    local, remote = (flow.client, flow.server)[:: 1 if side is Side.CLIENT else -1]
    exactly = [row.state for row in listed if (row.local, row.remote) == (local, remote)]
    listeners = [
        row.state for row in listed if row.state is State.LISTEN and row.local[1] == local[1]
    ]
    return (exactly + listeners + [State.CLOSED])[0]


def judge_rules(lab: Lab, host: Host) -> Iterator[str]:
    """What nft lists otherwise: the tables, their counters, and their text."""
    before, listing, after = in_force(lab, host), tools.rules(host), in_force(lab, host)
    counted = tools.packets(listing)
    if list(counted) != [fault.name for fault in before]:
        yield f"nft lists the tables {list(counted)}, netlab {[fault.name for fault in before]}"
        return
    for low, high in zip(before, after, strict=True):
        if not low.packets <= counted[low.name] <= high.packets:
            yield f"{low.name}: nft counted {counted[low.name]}, netlab {low.packets} just before"
    if (typed := listing_of([fault.rules for fault in before])) != tools.uncounted(listing):
        yield f"the text of the rules reads as\n{typed}\nand the kernel has\n{listing}"


def in_force(lab: Lab, host: Host) -> list[Fault]:
    """The faults with rules in this host's firewall, in the order they came."""
    return [
        fault
        for fault in lab.faults
        if fault.drops and fault.removed is None and fault.where.startswith(str(host.side))
    ]


def listing_of(texts: list[str]) -> str:
    """What nft lists after a person has typed these tables, in a namespace of their own."""
    fresh = Namespace.create()
    try:
        tools.inside(fresh, "nft", "-f", "-", given="\n".join(texts))
        return tools.rules(fresh)
    finally:
        fresh.close()
