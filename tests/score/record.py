# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays injections, and looks at both hosts as their owners would, while the pairs are frozen."""

from __future__ import annotations

import contextlib
import random
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from netlab import scheduler
from netlab.linux import privileges
from netlab.model.errors import NetlabError
from netlab.model.vocabulary import Side
from netlab.scenario import runner
from netlab.scenario.model import Scenario
from netlab.snapshot import collect, store
from netlab.snapshot.columns import RawSample
from netlab.testbed import forge
from netlab.testbed.connection import Flow
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

from . import corpus, healthy
from .corpus import Case, Views
from .healthy import Healthy
from .injections import Injection, Setup
from .truth import truth

#: Seconds between the two looks: long enough for one more retransmission.
APART = 3.0
#: Seconds that a look may take, with what healthy applications do before it: what has stood still
#: for longer is what a stuck one looks like.
AT_ONCE = 0.8
#: Labs at once. More would be looked at late: `ss` is a process for each look at each end.
JOBS = 32


class _Taken(BaseException):
    """Everything has been seen: leave the scenarios, which would heal what they broke."""


class Lost(Exception):
    """A setup that gave no case: the pair was not reached, or did not last."""


Result = tuple[Setup, Case | str]


def play_all(
    setups: Sequence[Setup], meanwhile: Callable[[], None] = lambda: None
) -> Iterator[Result]:
    """Play all, some at a time; yield each with its case, or with why there is none."""
    privileges.prepare()
    if any(runner.forges(each.scenario) for setup in setups for each in setup.injections):
        forge.scapy()
    plays = [partial(_play, setup) for setup in setups]
    for number, result in scheduler.side_by_side(plays, JOBS, meanwhile):
        yield setups[number], result


def _play(setup: Setup) -> Case | str:
    try:
        return Recording(setup).case()
    except (Lost, NetlabError) as error:
        return str(error)


class Recording:
    """One lab with everything in it."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._flows: list[tuple[Injection, Flow]] = []
        self._case: Case | None = None

    def case(self) -> Case:
        """Break, look, and let go. Raises `Lost`."""
        with Lab(self._setup.family) as lab:
            chance = random.Random(self._setup.seed)
            healthy_ones = healthy.make(lab, self._setup.healthy, chance)
            with contextlib.suppress(_Taken):
                self._break(lab, healthy_ones, list(self._setup.injections))
        if self._case is None:
            raise Lost("was not frozen")
        return self._case

    def _break(self, lab: Lab, others: list[Healthy], left: list[Injection]) -> None:
        """Play the first one; while it is frozen the next, and when all are, look."""
        if not left:
            self._look_at(lab, others)
            raise _Taken
        injection = left[0]
        port = injection.port
        # Before anybody connects, the connection is the one that would be: to its own port.
        lab.context.flows.register(Side.CLIENT, (lab.client.address, 0), (lab.server.address, port))

        def frozen(lab: Lab, scenario: Scenario) -> None:
            self._flows.append((injection, lab.flow(scenario.expect.of)))
            self._break(lab, others, left[1:])

        options = runner.Options(family=self._setup.family, frozen=frozen)
        # Not runner.play: that would build a lab for each, and here several share one.
        try:
            evidence = runner._Play(injection.scenario, options, lab).evidence()
        except runner._CallersError as passing:  # what `frozen` raised, here or further in
            raise passing.error from None
        why = evidence.failure.summary if evidence.failure else evidence.reason
        raise Lost(f"{injection.name}: {evidence.outcome}: {why}")

    def _look_at(self, lab: Lab, others: list[Healthy]) -> None:
        watchers = {str(host.side): _Watcher(host) for host in lab.hosts}
        pairs = []
        lab.wait(lambda: None, self._setup.waits)
        for number in range(2):
            began = scheduler.now()
            for one in others:
                one.before()
            for watcher in watchers.values():
                watcher.look()
            if others and (late := scheduler.now() - began) > AT_ONCE:
                raise Lost(f"too busy: who is well stood still for {late:.1f} s before the look")
            lab.sample()
            pairs.append([flow.pair for _, flow in self._flows])
            for one in others:
                one.after()
            if number == 0:
                lab.wait(lambda: None, APART)
        for (injection, _), first, second in zip(self._flows, *pairs, strict=True):
            claim = injection.scenario.expect.claim
            if not (claim.admits(first) and claim.admits(second)):
                raise Lost(f"{injection.name}: {first}, then {second}; claimed {claim}")
        self._case = Case(
            self._setup.name,
            str(self._setup.family),
            (
                *(_truth_of(injection, flow) for injection, flow in self._flows),
                *(_truth_of_healthy(one) for one in others),
            ),
            {side: watcher.views() for side, watcher in watchers.items()},
        )


class _Watcher:
    """The owner of one host, who looks at it again and again."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._ss: list[str] = []
        self._nstat: list[str] = []
        self._own: list[str] = []  # what `netlab snapshot` writes, with one more look each time
        self._samples: list[RawSample] = []

    def look(self) -> None:
        """Run every tool once."""
        with self._host.namespace:
            self._ss.append(_printed("ss", "-tanoei"))
            self._nstat.append(_printed("nstat", "-azs"))
            self._samples += collect.collect()
        self._own.append(store.to_json(str(self._host.side), self._samples))

    def views(self) -> Views:
        """All that was seen."""
        return Views(tuple(self._ss), tuple(self._nstat), tuple(self._own))


def _printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _truth_of(injection: Injection, flow: Flow) -> corpus.Truth:
    pair = {side: flow.state(side) for side in Side}
    found = truth(injection.scenario, pair)
    return corpus.Truth(
        what=injection.name,
        client=flow.client,
        server=flow.server,
        pair=(str(pair[Side.CLIENT]), str(pair[Side.SERVER])),
        healthy=not found.both,
        both=tuple(sorted(found.both)),
        ends={str(side): tuple(sorted(causes)) for side, causes in found.ends.items()},
    )


def _truth_of_healthy(one: Healthy) -> corpus.Truth:
    client, server = one.ends
    return corpus.Truth(one.kind, client, server, ("", ""), healthy=True)
