# SPDX-License-Identifier: GPL-2.0-or-later
"""From snapshots to an answer: what is stuck, why, most important first.

Connections with the same cause, in the same states, of the same service are one finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from netlab.diagnosis import pairing, wording
from netlab.diagnosis.causes import PLACE, Cause
from netlab.diagnosis.ends import End, Host
from netlab.diagnosis.pairing import Connection
from netlab.diagnosis.records import ANY, Endpoint, Snapshot, Socket
from netlab.diagnosis.rules import Candidate, Rules, rules
from netlab.diagnosis.wording import Sayings
from netlab.tcp import State

#: Causes whose points differ by no more cannot be told apart: with both ends, and with one.
SAME, SAME_WITH_ONE_END = 1.0, 4.0
#: With one end, so much apart are causes that go together: who does not read does not close.
CERTAIN = 0.5
MOST_ALSO = 2
#: States without timers (``ss -tan``) may be passing by.
STATES_ONLY = 0.7
LEAST_SURE, MOST_SURE = 0.05, 0.99
#: Of the ephemeral ports towards one destination, so many are in use when they run out.
NEARLY_ALL = 0.9


@dataclass(frozen=True, slots=True)
class Conn:
    """One connection: the states of one end or of both, and their sockets. The first end is the
    one at `local`; an end that is gone has no socket.
    """

    local: Endpoint
    remote: Endpoint
    states: tuple[State, ...]
    sockets: tuple[Socket | None, ...]
    translated: bool = False  # its two ends were matched by their ports: a NAT changed an address


@dataclass(frozen=True, slots=True)
class Finding:
    """Connections that are stuck for the same reason, what speaks for it, and what to do."""

    cause: str  # an id of causes.yaml
    also: tuple[str, ...]  # ids that this evidence cannot tell from it, likelier ones first
    confidence: float  # 0 to 1
    connections: tuple[Conn, ...]
    evidence_for: tuple[str, ...]
    evidence_against: tuple[str, ...]
    next: str  # what will happen if nobody does anything
    confirm: str  # what to look at, to be sure
    fix: str
    scenario: str  # which recreates it
    title: str = ""
    also_titles: tuple[str, ...] = ()
    service: str = ""  # where its connections go: port 443 here, 10.0.0.2:443
    owners: tuple[str, ...] = ()  # processes, as the snapshot names them
    #: With one end only: what the other end may show, and which cause that would mean.
    elsewhere: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer: findings, the most important first, and how many sockets are well."""

    findings: tuple[Finding, ...]
    healthy: int
    looked_at: int
    one_end: bool = True  # nothing is known of the other end of any of them
    notes: tuple[str, ...] = ()  # what the readers of the snapshots left out, with their names


@dataclass(slots=True)
class _Group:
    """Connections of one finding while they are collected; texts are about the first."""

    connection: Connection
    candidates: tuple[Candidate, ...]
    service: tuple[str, int]
    here: bool  # the service is one of the end that is looked at
    conns: list[Conn] = field(default_factory=list)
    owners: Counter[str] = field(default_factory=Counter)


def diagnose(snapshots: Sequence[Snapshot], known: Rules | None = None) -> Diagnosis:
    """What is stuck on the hosts of these snapshots, and why."""
    known = known or rules()
    groups: dict[object, _Group] = {}
    looked_at = stuck = 0
    paired = False
    for connection in pairing.connections(snapshots):
        looked_at += _sockets(connection)
        paired = paired or connection.peer is not None
        if _plainly_well(connection):
            continue
        candidates = known.judge(connection.own, connection.peer)
        if candidates:
            stuck += _sockets(connection)
            _add(groups, connection, candidates)
    found = [_finding(group, known) for group in groups.values()]
    for number, snapshot in enumerate(snapshots):
        host = Host.of(snapshot, number)
        found += _exhausted(snapshot, host, known)
        if not groups:
            found += _of_host(host, known)
    found.sort(key=_importance)
    notes = (f"{s.name}: {note}" for s in snapshots for look in s.looks for note in look.notes)
    return Diagnosis(
        tuple(found), looked_at - stuck, looked_at, not paired, tuple(dict.fromkeys(notes))
    )


def _sockets(connection: Connection) -> int:
    peer = connection.peer
    return 1 + (peer is not None and peer.socket is not None)


def _plainly_well(connection: Connection) -> bool:
    """Without asking the rules, which would say the same: most sockets of a large host."""
    own, peer = connection.own, connection.peer
    if own.state is State.TIME_WAIT:
        return peer is None or peer.socket is None or peer.state is State.TIME_WAIT
    if own.state is not State.ESTABLISHED or own.socket is None:
        return False
    return _idle(own) and (peer is None or (peer.state is State.ESTABLISHED and _idle(peer)))


def _idle(end: End) -> bool:
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


def _add(
    groups: dict[object, _Group], connection: Connection, candidates: tuple[Candidate, ...]
) -> None:
    first = candidates[0]
    own, peer = _oriented(connection, first)
    service, here = _service(own, peer)
    states = (own.state,) if peer is None else (own.state, peer.state)
    causes = (first.cause.id, *_also(candidates, peer is not None))
    key = (causes, states, service, here)
    group = groups.get(key)
    if group is None:
        oriented = Connection(own, peer, connection.translated)
        group = groups[key] = _Group(oriented, candidates, service, here)
    sockets = (own.socket,) if peer is None else (own.socket, peer.socket)
    local, remote = wording.numbers(own, peer)
    group.conns.append(Conn(local, remote, states, sockets, connection.translated))
    for socket in sockets:
        if socket is not None and socket.owner:
            group.owners[socket.owner] += 1


def _oriented(connection: Connection, candidate: Candidate) -> tuple[End, End | None]:
    if candidate.turned and connection.peer is not None:
        return connection.peer, connection.own
    return connection.own, connection.peer


def _service(own: End, peer: End | None) -> tuple[tuple[str, int], bool]:
    """Where the connection goes, and whether that is at its own end."""
    local, remote = wording.numbers(own, peer)
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
    own, peer = group.connection.own, group.connection.peer
    candidates = group.candidates
    first, cause = candidates[0], candidates[0].cause
    also = _also(candidates, peer is not None)
    port = group.service[1]
    say = Sayings(own, peer, group.service, group.here)
    against = (
        *(f"against {cause.id}: {say(text)}" for text in first.against),
        *(
            f"{other.cause.id} {_less(other, first)}: {say(text, other.turned != first.turned)}"
            for other in candidates[1:4]
            for text in (other.against or other.for_[:1])
        ),
    )
    if group.connection.translated:
        note = "the two ends were matched by their ports: an address was translated (NAT)"
        against = (*against, note)
    return Finding(
        cause=cause.id,
        also=also,
        confidence=_confidence(group),
        connections=tuple(group.conns),
        evidence_for=tuple(say(text) for text in first.for_),
        evidence_against=against,
        next=_with_port(cause.next, port),
        confirm=_with_port(cause.confirm, port),
        fix=_with_port(cause.fix, port),
        scenario=first.scenario,
        title=cause.title,
        also_titles=tuple(known.causes[name].title for name in also),
        service=wording.service(group.service, group.here),
        owners=tuple(owner for owner, _ in group.owners.most_common(3)),
        elsewhere=_elsewhere(own, known) if peer is None else (),
    )


def _elsewhere(own: End, known: Rules) -> tuple[tuple[str, str], ...]:
    if own.state is State.LISTEN:
        return ()
    return tuple(
        (wording.elsewhere(states), f"{cause} ({known.causes[cause].title})")
        for cause, states in known.elsewhere(own)
    )


def _less(other: Candidate, first: Candidate) -> str:
    return "fits as well" if other.points >= first.points - SAME else "fits less"


def _with_port(text: str, port: int) -> str:
    return text.replace("{port}", str(port))


def _confidence(group: _Group) -> float:
    """The share of all odds that the cause has, with those that cannot be told from it."""
    margin = CERTAIN if group.connection.peer is None else SAME
    best = group.candidates[0].points - margin
    weights = [2.0**candidate.points for candidate in group.candidates]
    alike = [candidate.points >= best for candidate in group.candidates]
    sure = sum(w for w, same in zip(weights, alike, strict=True) if same) / sum(weights)
    ends = (group.connection.own, group.connection.peer)
    sockets = [end.socket for end in ends if end is not None and end.socket is not None]
    if all(socket.timer is None and socket.inode is None for socket in sockets):
        sure *= STATES_ONLY
    return float(round(min(MOST_SURE, max(LEAST_SURE, sure)), 2))


def _importance(finding: Finding) -> tuple[float, str]:
    size = len(str(max(1, len(finding.connections))))  # 1 to 9, 10 to 99, ... connections
    return -finding.confidence * size, finding.cause


# --- what is true of a host


def _exhausted(snapshot: Snapshot, host: Host, known: Rules) -> Iterator[Finding]:
    """Destinations towards which nearly every ephemeral port is taken."""
    first, last = host.ports
    room = last - first + 1
    sockets = snapshot.looks[-1].sockets
    if len(sockets) < NEARLY_ALL * room:
        return
    towards: Counter[tuple[str, Endpoint]] = Counter()
    for socket in sockets:
        if first <= socket.local[1] <= last and socket.state is not State.LISTEN:
            towards[socket.local[0], socket.remote] += 1
    for (address, remote), number in towards.items():
        if number >= NEARLY_ALL * room and remote[0] != ANY:
            yield _exhaustion(known.causes["ports-exhausted"], sockets, address, remote, room)


def _exhaustion(
    cause: Cause, sockets: Sequence[Socket], address: str, remote: Endpoint, room: int
) -> Finding:
    taken = [s for s in sockets if s.remote == remote and s.local[0] == address]
    waiting = sum(socket.state is State.TIME_WAIT for socket in taken)
    port = remote[1]
    return Finding(
        cause=cause.id,
        also=(),
        confidence=MOST_SURE,
        connections=tuple(Conn(s.local, s.remote, (s.state,), (s,)) for s in taken),
        evidence_for=(
            f"{len(taken)} of {room} ephemeral ports of {address} towards "
            f"{wording.written(remote)} are taken, {waiting} of them by TIME_WAIT",
        ),
        evidence_against=(),
        next=_with_port(cause.next, port),
        confirm=_with_port(cause.confirm, port),
        fix=_with_port(cause.fix, port),
        scenario=cause.scenario,
        title=cause.title,
        service=wording.written(remote),
    )


def _of_host(host: Host, known: Rules) -> Iterator[Finding]:
    """What only the counters of a host tell, where no socket is stuck."""
    for candidate in known.of_host(host):
        cause = candidate.cause
        yield Finding(
            cause=cause.id,
            also=(),
            confidence=0.3,
            connections=(),
            evidence_for=tuple(PLACE.sub(host.name or "this host", t) for t in candidate.for_),
            evidence_against=(),
            next=cause.next,
            confirm=cause.confirm,
            fix=cause.fix,
            scenario=candidate.scenario,
            title=cause.title,
        )
