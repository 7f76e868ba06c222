# SPDX-License-Identifier: GPL-2.0-or-later
"""From snapshots to an answer: what is stuck and why, the most important finding first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from netlab.diagnosis import elsewhere, hosts, joining, services, unseen
from netlab.diagnosis.facts.passing import UNTIMED, ages
from netlab.diagnosis.grouping import Group, Groups, Holders, as_listed
from netlab.diagnosis.judging import judged
from netlab.diagnosis.observed import ObservedHost, tries
from netlab.diagnosis.pairing import EndPair
from netlab.diagnosis.rules import Candidate, Rules, rules
from netlab.diagnosis.wording import Phrasing
from netlab.model.findings import Alternative, Diagnosis, Finding
from netlab.model.tcp import State
from netlab.snapshot.crowd import spelled_out
from netlab.snapshot.records import Snapshot, Socket

#: Causes whose points differ by no more than this cannot be told apart: with both ends, with one.
SAME, SAME_WITH_ONE_END = elsewhere.SAME, 4.0
#: The same for confidence with one end: causes this close occur together, since an application that
#: does not read does not close either.
CERTAIN = 0.5
MOST_ALSO = elsewhere.MOST_ALSO
#: With one end and less certainty than `CLEAR`, those that fit less are named as well, if their
#: points differ by no more than `LESS`.
CLEAR, LESS, MOST_LESS = 0.8, 7.0, 3
#: Below which certainty it is said what shows more than states of an unknown age, and what.
DOUBTFUL = 0.6
MORE = "this listing does not show for how long it has been so; ss -tanoei does, best twice"
#: The factor for states of an unknown age (``ss -tan``; CLOSE_WAIT in netstat): they may pass.
STATES_ONLY = 0.7
LEAST_SURE, MOST_SURE = 0.05, 0.99
#: The same where one end, a second look, or counters are missing.
MOST_SURE_OTHERWISE = 0.95
#: The same after so few tries that two losses in a row would explain them.
MOST_SURE_SO_FAR, FEW_TRIES = 0.85, 2


def diagnose(
    snapshots: Sequence[Snapshot], known: Rules | None = None, holders: Holders = as_listed
) -> Diagnosis:
    """The stuck connections of the hosts of these snapshots, with their causes.

    `holders` is asked for the processes that hold a stuck socket.
    """
    known = known or rules()
    groups = Groups(holders)
    joined: dict[str, None] = {}
    if len(snapshots) > 1:  # each socket of one may be the other end of one at another
        snapshots = [spelled_out(snapshot) for snapshot in snapshots]
    total, stuck = sum(len(snapshot.samples[-1].sockets) for snapshot in snapshots), 0
    observed = [ObservedHost.of(snapshot) for snapshot in snapshots]
    for pair, candidates in judged(snapshots, observed, known):
        if candidates:
            stuck += _sockets(pair)
            groups.add(pair, candidates, _also(candidates, pair.peer is not None))
            if len(observed) > 1:
                joined |= dict.fromkeys(joining.note(pair, observed))
    findings = [_finding(group, known) for group in groups]
    for host in observed:
        of_host = [*hosts.of_destinations(host, known)]
        if not groups:
            of_host += hosts.of_host(host, known)
        findings += [replace(finding, hosts=(host.name,)) for finding in of_host]
    if len(observed) == 1:  # it goes without saying
        findings = [replace(finding, hosts=()) for finding in findings]
    findings.sort(key=_importance)
    notes = (
        f"{s.name}: {note}" for s in snapshots for sample in s.samples for note in sample.notes
    )
    return Diagnosis(
        tuple(findings),
        total - stuck,
        total,
        tuple(dict.fromkeys(notes)),
        (*joined, *_unseen(snapshots, observed, findings)),
    )


def _unseen(
    snapshots: Sequence[Snapshot], observed: Sequence[ObservedHost], findings: Sequence[Finding]
) -> Iterator[str]:
    told = {each[:2] for finding in findings for each in finding.connections}
    for snapshot, host in zip(snapshots, observed, strict=True):
        for text in unseen.of(snapshot, host, told):
            yield f"{snapshot.name}: {text}"


def _sockets(pair: EndPair) -> int:
    return 1 + (pair.peer is not None and pair.peer.socket is not None)


def _also(candidates: tuple[Candidate, ...], both: bool) -> tuple[str, ...]:
    least = candidates[0].points - (SAME if both else SAME_WITH_ONE_END)
    near = [candidate.cause.id for candidate in candidates[1:] if candidate.points >= least]
    return tuple(near[:MOST_ALSO])


def _alternatives(
    candidates: tuple[Candidate, ...], also: Sequence[str], doubtful: bool
) -> tuple[Alternative, ...]:
    """Those that cannot be told from the first, and in doubt those that fit less as well."""
    least = candidates[0].points - LESS
    others = [c for c in candidates[1 + len(also) :] if c.points >= least and doubtful]
    named = [*candidates[1 : 1 + len(also)], *others[:MOST_LESS]]
    return tuple(Alternative(c.cause.id, c.cause.title, c.scenario) for c in named)


# --- one finding


def _finding(group: Group, known: Rules) -> Finding:
    own, peer = group.pair.own, group.pair.peer
    first = group.candidates[0]
    service = group.service
    cause = replace(first.cause, confirm=first.confirm).advising(service[1], group.here)
    also = _also(group.candidates, peer is not None)
    phrase = Phrasing(own, peer, service, group.here)
    sure = _confidence(group)
    return Finding(
        cause=cause.id,
        title=cause.title,
        confidence=sure,
        scenario=first.scenario,
        next=cause.next,
        confirm=cause.confirm,
        fix=cause.fix,
        also=also,
        alternatives=_alternatives(group.candidates, also, peer is None and sure < CLEAR),
        service=services.name(group.endpoints, group.here),
        port=service[1] or None,
        owners=tuple(group.named_owners()),
        hosts=tuple(name for name, _ in group.hosts.most_common()),
        programs=tuple(name for name, _ in group.programs.most_common()),
        oldest=group.oldest,
        evidence_for=tuple(phrase(text) for text in first.for_),
        evidence_against=_against(group, phrase),
        other_end=elsewhere.of(own, known) if peer is None else (),
        more=_more(group, sure),
        connections=tuple(group.connections),
    )


def _against(group: Group, phrase: Phrasing) -> tuple[str, ...]:
    first = group.candidates[0]
    texts = [f"against {first.cause.id}: {phrase(text)}" for text in first.against]
    for other in group.candidates[1 : 1 + MOST_ALSO + MOST_LESS]:
        for text in other.against or other.for_[:1]:
            sentence = phrase(text, other.turned != first.turned)
            texts.append(f"{other.cause.id} {_less(other, first)}: {sentence}")
    if group.pair.translated:
        by = f"connection tracking of {group.pair.translator}" if group.pair.translator else ""
        texts.append(
            f"the two ends were matched by {by or 'their ports'}: an address was translated (NAT)"
        )
    return tuple(texts)


def _more(group: Group, sure: float) -> str:
    return MORE if sure < DOUBTFUL and any(map(_of_unknown_age, _sockets_of(group.pair))) else ""


def _less(other: Candidate, first: Candidate) -> str:
    return "fits as well" if other.points >= first.points - SAME else "fits less"


def _confidence(group: Group) -> float:
    """The share of the odds (0 to 1) of the cause and those that cannot be told from it."""
    margin = CERTAIN if group.pair.peer is None else SAME
    best = group.candidates[0].points - margin
    weights = [2.0**candidate.points for candidate in group.candidates]
    alike = [candidate.points >= best for candidate in group.candidates]
    sure = sum(w for w, same in zip(weights, alike, strict=True) if same) / sum(weights)
    sockets = _sockets_of(group.pair)
    if any(_of_unknown_age(socket) for socket in sockets):
        sure *= STATES_ONLY
    most = MOST_SURE if _is_well_seen(group.pair) else MOST_SURE_OTHERWISE
    if any(0 < tries(socket) <= FEW_TRIES for socket in sockets):
        most = MOST_SURE_SO_FAR
    return float(round(min(most, max(LEAST_SURE, sure)), 2))


def _of_unknown_age(socket: Socket) -> bool:
    """Whether nothing shows how long it has been so, and other states than this one may follow."""
    if socket.state in UNTIMED:
        return not ages(socket)
    if socket.state is State.ESTABLISHED and socket.rx_queue:
        return not socket.info  # a reader that is slow has a full queue again and again
    return socket.timer is None and socket.inode is None


def _sockets_of(pair: EndPair) -> list[Socket]:
    ends = (pair.own, pair.peer)
    return [end.socket for end in ends if end is not None and end.socket is not None]


def _is_well_seen(pair: EndPair) -> bool:
    """Whether both ends are known, and one of them at two moments and with its counters."""
    peer = pair.peer
    return peer is not None and any(
        end.elapsed is not None and end.host.counters for end in (pair.own, peer)
    )


def _importance(finding: Finding) -> tuple[float, str]:
    size = len(str(max(1, len(finding.connections))))  # 1 to 9, 10 to 99, ... connections
    return -finding.confidence * size, finding.cause
