# SPDX-License-Identifier: GPL-2.0-or-later
"""The tree of questions: what it has learnt from some connections must be true of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from random import Random
from typing import Any

import pytest

from netlab.diagnosis import causes, rules
from netlab.diagnosis.facts import FACTS, OF_FIGURES
from netlab.diagnosis.observed import Listener, ObservedEnd, ObservedHost
from netlab.diagnosis.rules import Candidate, Rules
from netlab.diagnosis.translation import Tracked
from netlab.model.tcp import State, Timer, why_unreachable
from netlab.snapshot.records import Neighbourhood, Sample, Snapshot, Socket

from .build import C, S

CAUSES = causes.parse(causes.HOME.read_text(encoding="utf-8"))
COUNTERS = {"TcpOutRsts": 0, "ListenOverflows": 0, "TCPDSACKOldSent": 0, "TcpInErrs": 0}


def _ends(seed: int) -> Iterator[tuple[ObservedEnd, ObservedEnd | None]]:
    """Connections that have nothing in common, of which both ends are seen, or one."""
    random = Random(seed)
    while True:
        own, peer = random.choice([*State]), random.choice([*State, None])
        if peer is not None and why_unreachable(own, peer):
            continue
        first = _end(own, random, here=True)
        yield first, None if peer is None else _end(peer, random, here=False)


def _end(state: State, random: Random, here: bool) -> ObservedEnd:
    socket = _socket(state, random, here)
    samples = [Sample((socket,), {name: random.randrange(2) for name in COUNTERS}, at=5.0)]
    before = None
    if random.randrange(2):
        before = _socket(random.choice([state, State.ESTABLISHED]), random, here)
        samples.insert(0, Sample((before,), COUNTERS, at=0.0))
    host = ObservedHost.of(Snapshot(tuple(samples), "host"))
    return ObservedEnd(state, host, socket, before, 5.0 if before else None)


def _socket(state: State, random: Random, here: bool) -> Socket:
    local, remote = (C, S) if here else (S, C)
    timer = random.choice([None, *Timer])
    info = {
        name: random.choice([0, 0.02, 2, 700])
        for name in ("rto", "lastrcv", "lastack", "lastsnd", "segs_in", "data_segs_in", "busy",
                     "data_segs_out", "bytes_acked", "bytes_received", "snd_wnd", "notsent")
        if random.randrange(2)
    }  # fmt: skip
    return Socket(
        state,
        local,
        remote,
        random.choice([0, 0, 1, 129, 9000]),
        random.choice([0, 0, 1, 128, 9000]),
        timer,
        None if timer is None else random.choice([0.1, 3.0, 50.0]),
        None if timer is None else random.randrange(9),
        None if timer is None else random.randrange(9),
        random.choice([None, 0, 7]),
        random.choice(["", 'users:(("nginx",pid=1,fd=3))']),
        info if random.randrange(4) else {},
    )


def _directly(own: ObservedEnd, peer: ObservedEnd | None) -> set[tuple[str, float, bool]]:
    """The causes and their points, by all conditions of each case, one after the other."""
    best: dict[str, tuple[str, float, bool]] = {}
    for turned, (here, there) in enumerate([(own, peer), (peer, own)]):
        if here is None:
            continue
        for cause in CAUSES:
            for case in cause.seen:
                if here.state not in case.own or (there and there.state) not in case.peer:
                    continue
                met = all(c.holds(here, there) for c in case.when)
                if not met or any(c.holds(here, there) for c in case.unless):
                    continue
                signs = [s for s in cause.signs if all(c.holds(here, there) for c in s.when)]
                points = case.points + sum(sign.points for sign in signs)
                if points > 0 and (cause.id not in best or points > best[cause.id][1]):
                    best[cause.id] = (cause.id, points, bool(turned))
    return {*best.values()}


def _told(candidates: tuple[Candidate, ...]) -> set[tuple[str, float, bool]]:
    return {(each.cause.id, each.points, each.turned) for each in candidates}


@pytest.mark.parametrize("most", [rules.MOST_QUESTIONS, 40])
def test_what_was_learnt_from_some_connections_is_true_of_others(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_QUESTIONS", most)
    known = Rules(CAUSES)
    found = 0
    for (own, peer), _ in zip(_ends(seed=5), range(3000), strict=False):
        candidates = known.judge(own, peer)
        assert _told(candidates) == _directly(own, peer)
        assert [c.points for c in candidates] == sorted(c.points for c in candidates)[::-1]
        found += bool(candidates)
    assert found > 1000


def _bare_ends(seed: int) -> Iterator[tuple[ObservedEnd, ObservedEnd | None]]:
    """Connections of hosts with others, as one look of ``ss -tan`` or of /proc shows them."""
    random = Random(seed)
    while True:
        hosts = [_bare_host(random, here) for here in (True, False)]
        own, peer = random.choice([*State]), random.choice([*State, None])
        if peer is not None and why_unreachable(own, peer):
            continue
        first = ObservedEnd(own, hosts[0], _bare_socket(own, random, here=True))
        second = peer and ObservedEnd(peer, hosts[1], _bare_socket(peer, random, here=False))
        yield first, second or None


def _bare_host(random: Random, here: bool) -> ObservedHost:
    states = random.choices([*State], k=random.choice([1, 3, 40]))
    others = [_bare_socket(state, random, here) for state in states]
    sample = Sample(tuple(others), sysctls={"tcp_fin_timeout": "2"}, source="ss -tan")
    return ObservedHost.of(Snapshot((sample,), "host"))


def _bare_socket(state: State, random: Random, here: bool) -> Socket:
    local, remote = (C, S) if here else (S, C)
    return Socket(
        state,
        local,
        random.choice([remote, remote, ("10.0.0.9", 5)]),
        random.choice([0, 0, 1, 129, 9000]),
        random.choice([0, 0, 1, 128, 9000]),
    )


def test_without_figures_the_same_is_found_by_fewer_questions() -> None:
    known = Rules(CAUSES)
    found = 0
    for (own, peer), _ in zip(_bare_ends(seed=6), range(5000), strict=False):
        assert not own.has_figures
        candidates = known.judge(own, peer)
        assert _told(candidates) == _directly(own, peer)
        found += bool(candidates)
    assert found > 500


@pytest.mark.parametrize("name", sorted(OF_FIGURES))
def test_a_fact_of_figures_says_the_same_of_all_ends_without_any(name: str) -> None:
    said: dict[State, set[object]] = {}
    for (own, peer), _ in zip(_bare_ends(seed=7), range(1000), strict=False):
        said.setdefault(own.state, set()).add(FACTS[name](own, peer))
    assert {len(values) for values in said.values()} == {1}


def test_all_that_may_be_known_of_an_end_is_a_figure() -> None:
    """Whatever records have besides states, queues and ends, one day too."""
    bare = Socket(State.ESTABLISHED, C, S, 0, 0)
    values: dict[str, Any] = {"timer": Timer.NONE, "owner": "nginx", "info": {"rto": 0.2}}
    assert not ObservedEnd(bare.state, ObservedHost(), bare).has_figures
    for field in fields(Socket)[5:]:
        socket = replace(bare, **{field.name: values.get(field.name, 0)})
        assert ObservedEnd(bare.state, ObservedHost(), socket).has_figures, field.name
    known: list[dict[str, Any]] = [
        {"before": bare},
        {"elapsed": 0.0},
        {"translated": True},
        {"tracked": [Tracked("nat", None)]},
    ]
    for more in known:
        assert ObservedEnd(bare.state, ObservedHost(), bare, **more).has_figures
    assert ObservedEnd(bare.state, ObservedHost()).has_figures  # nobody has seen its socket
    for host in (
        ObservedHost(counters={"TcpInErrs": 0}),
        ObservedHost(risen={}),
        ObservedHost(neighbourhood=Neighbourhood()),
        ObservedHost(listeners={443: Listener(owner="nginx")}),
    ):
        assert ObservedEnd(bare.state, host, bare).has_figures
