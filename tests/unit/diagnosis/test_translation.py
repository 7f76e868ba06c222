# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose the two ends of a connection are, as the connection tracking of hosts on its way has it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlab.diagnosis.observed import ObservedHost
from netlab.diagnosis.pairing import EndPair, pairs
from netlab.diagnosis.rank import diagnose
from netlab.diagnosis.translation import Translations
from netlab.model.tcp import State, Timer
from netlab.snapshot import rows
from netlab.snapshot.crowd import restless
from netlab.snapshot.records import ConntrackEntry, FourTuple, Sample, Snapshot, Socket, Tracking

from .build import at_client, s

C, SERVICE = ("192.168.1.5", 40001), ("203.0.113.9", 443)
OUTSIDE = ("198.51.100.7", 61000)  # the client behind its NAT, with another port
BACKEND = ("10.244.0.7", 8443)
GATE = ("10.244.0.1", 7000)  # the client as the backend sees it: translated twice


def entry(original: FourTuple, reply: FourTuple, state: str = "ESTABLISHED") -> ConntrackEntry:
    return ConntrackEntry(original, reply, state, 60, answered=state != "SYN_SENT")


#: At the client's router (SNAT, another port), and at the service's (DNAT, and SNAT again).
HOME = entry((C, SERVICE), (SERVICE, OUTSIDE))
FRONT = entry((OUTSIDE, SERVICE), (BACKEND, GATE))


def router(*entries: ConntrackEntry, whole: bool = True, name: str = "router") -> Snapshot:
    return Snapshot((Sample((), whole=False, tracking=Tracking(entries, whole)),), name)


def at(*sockets: Socket, name: str = "host") -> Snapshot:
    return Snapshot((Sample(sockets, source="ss -tanoei"),), name)


def idle(local: tuple[str, int], remote: tuple[str, int], **more: object) -> Socket:
    return replace(at_client(s.ESTABLISHED), local=local, remote=remote, **more)  # type: ignore[arg-type]


def untranslated(socket: Socket) -> ConntrackEntry:
    return entry((socket.local, socket.remote), (socket.remote, socket.local))


CLIENT, SERVER = idle(C, SERVICE), idle(BACKEND, GATE)


def found(*snapshots: Snapshot) -> list[EndPair]:
    return [*pairs(snapshots, [ObservedHost.of(each) for each in snapshots])]


def test_two_routers_in_a_row_are_followed_both_ways() -> None:
    known = Translations([router(HOME), router(FRONT)])
    assert known.other_end((C, SERVICE)) == (BACKEND, GATE)
    assert known.other_end((BACKEND, GATE)) == (C, SERVICE)


def test_of_two_listings_the_later_one_counts() -> None:
    others = entry(((C[0], 40002), SERVICE), (SERVICE, (OUTSIDE[0], 61001)))
    listings = Tracking((HOME, others), whole=False), Tracking((others,), whole=True)
    for first, last, expected in ((*listings, None), (*listings[::-1], (SERVICE, OUTSIDE))):
        samples = tuple(Sample((), tracking=each) for each in (first, last))
        known = Translations([Snapshot(samples, "router")])
        assert known.other_end((C, SERVICE)) == expected
        forgotten = [tracked.entry for tracked in known.of((C, SERVICE))] == [None]
        assert forgotten is last.whole


def test_a_connection_that_is_only_tracked_is_not_translated() -> None:
    known = Translations([router(entry((C, SERVICE), (SERVICE, C)))])
    assert known.other_end((C, SERVICE)) is None
    assert known.other_end((SERVICE, C)) is None


def test_the_same_addresses_behind_two_routers_are_not_told_apart() -> None:
    other = entry((C, SERVICE), (SERVICE, ("198.51.100.8", 61000)))
    known = Translations([router(HOME), router(other)])
    assert known.other_end((C, SERVICE)) is None


def test_a_loop_ends() -> None:
    a, b = (C, SERVICE), (SERVICE, OUTSIDE)
    around = entry((b[1], b[0]), (a[0], a[1]))
    assert Translations([router(HOME), router(around)]).other_end((C, SERVICE)) is None


@pytest.mark.parametrize("turned", [False, True])
def test_ends_with_other_ports_are_paired(turned: bool) -> None:
    ends = [at(CLIENT), at(SERVER)]
    (pair,) = found(*(ends[::-1] if turned else ends), router(HOME), router(FRONT))
    assert pair.peer is not None
    assert [pair.own.socket, pair.peer.socket] in ([CLIENT, SERVER], [SERVER, CLIENT])
    assert (pair.translated, pair.own.translated, pair.translator) == (True, True, "router")
    assert len(found(*ends, router(HOME))) == 2, "one step alone leads nowhere"


@pytest.mark.parametrize(
    ("local", "remote"),
    [(BACKEND, C), (SERVICE, OUTSIDE)],  # only where it goes to is translated, or whence it comes
)
def test_one_translated_end_makes_a_translated_pair(
    local: tuple[str, int], remote: tuple[str, int]
) -> None:
    server = idle(local, remote)
    (pair,) = found(at(CLIENT), at(server), router(entry((C, SERVICE), (local, remote))))
    assert pair.peer is not None
    assert (pair.own.socket, pair.peer.socket) == (CLIENT, server)
    assert (pair.translated, pair.translator) == (True, "router")


def test_of_a_crowd_the_other_end_is_found_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that talks to itself, with its tracking and without."""
    monkeypatch.setattr(rows, "MANY", 0)
    virtual, real = (C[0], 80), (C[0], 8080)
    leaves, plain = replace(idle(C, virtual), state=s.FIN_WAIT1), idle(virtual, C)
    behind = idle(real, GATE)  # neither leads to an address of this host, nor anything here to it
    crowd = rows.sockets(rows.table([leaves, behind, idle(real, ("10.9.9.9", 50000))]))
    assert [*restless(crowd)] == [leaves]
    sample = Sample(crowd, tracking=Tracking((entry((C, virtual), (real, GATE)),), whole=True))
    ends = [
        (pair.own.socket, pair.peer and pair.peer.socket) for pair in found(Snapshot((sample,)))
    ]
    assert (leaves, behind) in ends
    direct = Sample(rows.sockets(rows.table([leaves, plain, behind])))
    ends = [
        (pair.own.socket, pair.peer and pair.peer.socket) for pair in found(Snapshot((direct,)))
    ]
    assert ends == [(leaves, plain)]


def test_who_passes_a_connection_on_unchanged_is_not_its_translator() -> None:
    passing_on = router(untranslated(CLIENT), name="firewall")
    translating = router(entry((C, SERVICE), (BACKEND, C)), name="balancer")
    (pair,) = found(at(CLIENT), at(idle(BACKEND, C)), passing_on, translating)
    assert (pair.translated, pair.translator) == (True, "balancer")


def test_many_with_the_same_ports_are_paired_one_by_one() -> None:
    """Without the router's word nobody can tell which of them is whose."""
    clients = [idle((C[0], 40000 + n), SERVICE) for n in range(20)]
    servers = [idle(SERVICE, (OUTSIDE[0], 61000 + (7 * n) % 20)) for n in range(20)]
    entries = [
        entry((one.local, SERVICE), (SERVICE, other.remote))
        for one, other in zip(clients, servers, strict=True)
    ]
    together = found(at(*clients), at(*servers), router(*entries))
    assert [(pair.own.socket, pair.peer and pair.peer.socket) for pair in together] == [
        *zip(clients, servers, strict=True)
    ]


def test_where_it_leads_and_is_not_it_is_gone() -> None:
    old = replace(CLIENT, info={"rto": 0.2, "lastsnd": 900.0, "lastrcv": 900.0, "lastack": 900.0})
    there = at(idle(BACKEND, ("10.244.0.1", 9)), name="backend")
    gone = [pair for pair in found(at(old), there, router(HOME, FRONT)) if pair.own.socket is old]
    assert gone[0].peer is not None
    assert (gone[0].peer.state, gone[0].peer.socket) == (State.CLOSED, None)
    silent = [pair for pair in found(at(old), there) if pair.own.socket is old]
    assert silent[0].peer is None, "without the router it may lead anywhere"


def repeating(socket: Socket) -> Socket:
    info = {"rto": 3.2, "lastsnd": 2.0, "lastrcv": 400.0, "lastack": 400.0}
    return replace(socket, timer=Timer.RETRANSMIT, retransmits=4, tx_queue=9, info=info)


def test_what_the_router_forgot_is_told() -> None:
    other = entry(((C[0], 40002), SERVICE), (SERVICE, (OUTSIDE[0], 61001)))
    stuck = at(repeating(CLIENT), name="client")
    (finding,) = diagnose([stuck, router(other)]).findings
    assert (finding.cause, finding.also) == ("idle-timeout", ())
    assert "connection tracking of router has no entry for it" in " ".join(finding.evidence_for)
    for elsewhere in (
        router(other, whole=False),  # it may be among those that were left out
        router(entry((("192.168.1.9", 4), ("8.8.8.8", 53)), (("8.8.8.8", 53), OUTSIDE))),
        router(other, HOME),
    ):
        (finding,) = diagnose([stuck, elsewhere]).findings
        assert "has no entry" not in " ".join(finding.evidence_for)


def test_one_of_two_routers_may_have_forgotten_it() -> None:
    plain = untranslated(CLIENT)
    others = untranslated(idle((C[0], 40002), SERVICE))
    stuck = at(repeating(CLIENT), name="client")
    routers = router(plain, others, name="near"), router(others, name="far")
    (finding,) = diagnose([stuck, *routers]).findings
    assert finding.cause == "idle-timeout"
    assert "connection tracking of far has no entry" in " ".join(finding.evidence_for)
    (finding,) = diagnose([stuck, routers[0]]).findings
    assert finding.cause != "idle-timeout"


@pytest.mark.parametrize(
    ("state", "expected"), [("SYN_SENT", "syn-lost"), ("SYN_RECV", "syn-ack-lost")]
)
def test_a_router_between_says_which_packet_passed(state: str, expected: str) -> None:
    trying = idle(C, SERVICE, state=s.SYN_SENT, timer=Timer.RETRANSMIT, retransmits=3, tx_queue=1)
    without = diagnose([at(trying)]).findings[0]
    assert {expected} <= {without.cause, *without.also}
    assert len(without.also) > 1
    (finding,) = diagnose(
        [at(trying), router(entry((C, SERVICE), (SERVICE, OUTSIDE), state))]
    ).findings
    assert finding.cause == expected
    assert "own-firewall" not in finding.also
    assert finding.confidence > without.confidence or finding.also < without.also
