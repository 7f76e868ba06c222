# SPDX-License-Identifier: GPL-2.0-or-later
"""From snapshots to an answer: what is stuck and why, the most important finding first.

Connections of one service with the same cause and the same states are one finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from netlab.diagnosis import hosts, pairing, wording
from netlab.diagnosis.observed import ObservedEnd, ObservedHost
from netlab.diagnosis.pairing import EndPair
from netlab.diagnosis.rules import Candidate, Rules, rules
from netlab.diagnosis.wording import Phrasing
from netlab.model.findings import Diagnosis, Finding, OtherEnd, StuckConnection
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Snapshot

#: Causes whose points differ by no more than this cannot be told apart: with both ends, with one.
SAME, SAME_WITH_ONE_END = 1.0, 4.0
#: The same for confidence with one end: causes this close occur together, since an application that
#: does not read does not close either.
CERTAIN = 0.5
MOST_ALSO = 2
#: The factor for states without timers (``ss -tan``), which may be transient.
STATES_ONLY = 0.7
LEAST_SURE, MOST_SURE = 0.05, 0.99


@dataclass(slots=True)
class _Group:
    """Connections of one finding while they are collected; texts are about the first."""

    pair: EndPair
    candidates: tuple[Candidate, ...]
    service: tuple[str, int]
    here: bool  # whether the service is at the first end
    connections: list[StuckConnection] = field(default_factory=list)
    owners: Counter[str] = field(default_factory=Counter)


def diagnose(snapshots: Sequence[Snapshot], known: Rules | None = None) -> Diagnosis:
    """The stuck connections of the hosts of these snapshots, with their causes."""
    known = known or rules()
    groups: dict[object, _Group] = {}
    total = stuck = 0
    observed = [ObservedHost.of(snapshot) for snapshot in snapshots]
    for pair in pairing.pairs(snapshots, observed):
        total += _sockets(pair)
        if _plainly_well(pair):
            continue
        candidates = known.judge(pair.own, pair.peer)
        if candidates:
            stuck += _sockets(pair)
            _add(groups, pair, candidates)
    findings = [_finding(group, known) for group in groups.values()]
    for host in observed:
        findings += hosts.of_destinations(host, known)
        if not groups:
            findings += hosts.of_host(host, known)
    findings.sort(key=_importance)
    notes = (
        f"{s.name}: {note}" for s in snapshots for sample in s.samples for note in sample.notes
    )
    return Diagnosis(tuple(findings), total - stuck, total, tuple(dict.fromkeys(notes)))


def _sockets(pair: EndPair) -> int:
    return 1 + (pair.peer is not None and pair.peer.socket is not None)


def _plainly_well(pair: EndPair) -> bool:
    """True for most sockets of a host: the rules would find nothing, and need not be applied."""
    own, peer = pair.own, pair.peer
    if own.state is State.TIME_WAIT:
        return peer is None or peer.socket is None or peer.state is State.TIME_WAIT
    if own.state is not State.ESTABLISHED or own.socket is None:
        return False
    return _idle(own) and (peer is None or (peer.state is State.ESTABLISHED and _idle(peer)))


def _idle(end: ObservedEnd) -> bool:
    socket = end.socket
    return (
        socket is not None
        and not socket.tx_queue
        and not socket.rx_queue
        and not socket.probes
        and socket.inode != 0
        and socket.local != socket.remote
    )


# --- grouping


def _add(groups: dict[object, _Group], pair: EndPair, candidates: tuple[Candidate, ...]) -> None:
    first = candidates[0]
    own, peer = _oriented(pair, first)
    service, here = _service(own, peer)
    states = (own.state,) if peer is None else (own.state, peer.state)
    causes = (first.cause.id, *_also(candidates, peer is not None))
    key = (causes, states, service, here)
    group = groups.get(key)
    if group is None:
        oriented = EndPair(own, peer, pair.translated)
        group = groups[key] = _Group(oriented, candidates, service, here)
    local, remote = wording.four_tuple(own, peer)
    group.connections.append(StuckConnection(local, remote, states, pair.translated))
    for end in (own, peer):
        if end is not None and end.socket is not None and end.socket.owner:
            group.owners[end.socket.owner] += 1


def _oriented(pair: EndPair, candidate: Candidate) -> tuple[ObservedEnd, ObservedEnd | None]:
    if candidate.turned and pair.peer is not None:
        return pair.peer, pair.own
    return pair.own, pair.peer


def _service(own: ObservedEnd, peer: ObservedEnd | None) -> tuple[tuple[str, int], bool]:
    """The endpoint of the service, and whether it is at the connection's own end."""
    local, remote = wording.four_tuple(own, peer)
    if remote[0] == ANY:
        return (ANY, local[1]), True
    if local[1] in own.host.listeners:
        return (ANY, local[1]), True
    if peer is not None and remote[1] in peer.host.listeners:
        return remote, False
    if local[1] < remote[1]:  # services have the lower port, more often than not
        return (ANY, local[1]), True
    return remote, False


def _also(candidates: tuple[Candidate, ...], both: bool) -> tuple[str, ...]:
    least = candidates[0].points - (SAME if both else SAME_WITH_ONE_END)
    near = [candidate.cause.id for candidate in candidates[1:] if candidate.points >= least]
    return tuple(near[:MOST_ALSO])


# --- one finding


def _finding(group: _Group, known: Rules) -> Finding:
    own, peer = group.pair.own, group.pair.peer
    first = group.candidates[0]
    cause = first.cause.at_port(group.service[1])
    also = _also(group.candidates, peer is not None)
    phrase = Phrasing(own, peer, group.service, group.here)
    return Finding(
        cause=cause.id,
        title=cause.title,
        confidence=_confidence(group),
        scenario=first.scenario,
        next=cause.next,
        confirm=cause.confirm,
        fix=cause.fix,
        also=also,
        also_titles=tuple(known.causes[name].title for name in also),
        service=wording.service(group.service, group.here),
        port=group.service[1] or None,
        owners=tuple(owner for owner, _ in group.owners.most_common(3)),
        evidence_for=tuple(phrase(text) for text in first.for_),
        evidence_against=_against(group, phrase),
        other_end=_other_end(own, known) if peer is None else (),
        connections=tuple(group.connections),
    )


def _against(group: _Group, phrase: Phrasing) -> tuple[str, ...]:
    first = group.candidates[0]
    texts = [f"against {first.cause.id}: {phrase(text)}" for text in first.against]
    for other in group.candidates[1:4]:
        for text in other.against or other.for_[:1]:
            sentence = phrase(text, other.turned != first.turned)
            texts.append(f"{other.cause.id} {_less(other, first)}: {sentence}")
    if group.pair.translated:
        texts.append("the two ends were matched by their ports: an address was translated (NAT)")
    return tuple(texts)


def _other_end(own: ObservedEnd, known: Rules) -> tuple[OtherEnd, ...]:
    if own.state is State.LISTEN:
        return ()
    return tuple(
        OtherEnd(wording.alternatives(states), f"{cause} ({known.causes[cause].title})")
        for cause, states in known.other_end(own)
    )


def _less(other: Candidate, first: Candidate) -> str:
    return "fits as well" if other.points >= first.points - SAME else "fits less"


def _confidence(group: _Group) -> float:
    """The share of the odds (0 to 1) of the cause and those that cannot be told from it."""
    margin = CERTAIN if group.pair.peer is None else SAME
    best = group.candidates[0].points - margin
    weights = [2.0**candidate.points for candidate in group.candidates]
    alike = [candidate.points >= best for candidate in group.candidates]
    sure = sum(w for w, same in zip(weights, alike, strict=True) if same) / sum(weights)
    ends = (group.pair.own, group.pair.peer)
    sockets = [end.socket for end in ends if end is not None and end.socket is not None]
    if all(socket.timer is None and socket.inode is None for socket in sockets):
        sure *= STATES_ONLY
    return float(round(min(MOST_SURE, max(LEAST_SURE, sure)), 2))


def _importance(finding: Finding) -> tuple[float, str]:
    size = len(str(max(1, len(finding.connections))))  # 1 to 9, 10 to 99, ... connections
    return -finding.confidence * size, finding.cause
