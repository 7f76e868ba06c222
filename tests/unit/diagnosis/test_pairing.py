# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of a connection are matched, with a NAT between them or on one host."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.diagnosis.observed import ObservedHost
from netlab.diagnosis.pairing import pairs
from netlab.diagnosis.rank import diagnose
from netlab.model.tcp import State, Timer
from netlab.snapshot.columns import SOURCE
from netlab.snapshot.records import Sample, Snapshot, Socket

from .build import LISTENER, C, S, again, at_client, at_server, causes, host, s


def test_ends_are_matched_by_ports_where_a_nat_changed_an_address() -> None:
    outside = Socket(s.ESTABLISHED, S, ("203.0.113.9", C[1]), 0, 0, Timer.NONE, 0.0, 0, 0, 9)
    inside = at_client(s.FIN_WAIT1, inode=0, **again())
    (found,) = diagnose([host(inside), host(outside, LISTENER)]).findings
    assert (found.cause, found.connections[0].translated) == ("fin-lost", True)
    assert "NAT" in " ".join(found.evidence_against)


def test_ports_that_two_have_tell_nothing() -> None:
    outside = [
        Socket(s.ESTABLISHED, S, (address, C[1]), 0, 0, Timer.NONE, 0.0, 0, 0, 9)
        for address in ("203.0.113.8", "203.0.113.9")
    ]
    inside = [
        Socket(s.FIN_WAIT1, (address, C[1]), S, 0, 1, Timer.RETRANSMIT, 0.1, 3, 0, 0)
        for address in (C[0], "10.0.0.7")
    ]
    for here, there in ((inside, outside[:1]), (inside[:1], outside), (inside, outside)):
        found = diagnose([host(*here), host(*there, LISTENER)]).findings
        ends = [connection for finding in found for connection in finding.connections]
        assert len(ends) >= len(here)
        assert not any(connection.translated for connection in ends)


def test_a_third_host_is_not_taken_for_the_other_end() -> None:
    elsewhere = Socket(s.ESTABLISHED, C, ("10.9.9.9", 5432), 0, 0, Timer.NONE, 0.0, 0, 0, 9)
    found = diagnose([host(elsewhere, at_client(s.ESTABLISHED)), host(at_server(s.ESTABLISHED))])
    assert found.findings == ()


def test_both_ends_on_one_host() -> None:
    here, there = ("127.0.0.1", 40001), ("127.0.0.1", 443)
    fin = Socket(s.FIN_WAIT1, here, there, 0, 1, Timer.RETRANSMIT, 0.1, 3, 0, 0)
    assert causes(host(LISTENER, fin, Socket(s.CLOSE_WAIT, there, here, 1, 0, Timer.NONE,
                                             0.0, 0, 0, 7))) == ("fin-ack-lost",)  # fmt: skip


# --- what lies between two looks: a socket that the other one lacks may be newer than that look


def ages(seconds: float, **more: float) -> dict[str, Any]:
    known = {"rto": 0.2, "lastsnd": seconds, "lastrcv": seconds, "lastack": seconds, **more}
    return {"info": known}


def missed(*snapshots: Snapshot) -> bool:
    """Whether the other end of the client's connection is known to be gone."""
    hosts = [ObservedHost.of(snapshot) for snapshot in snapshots]
    (found,) = [
        pair for pair in pairs(snapshots, hosts)
        if pair.own.socket is not None and (pair.own.socket.local, pair.own.socket.remote) == (C, S)
    ]  # fmt: skip
    assert found.peer is None or found.peer.socket is None
    return found.peer is not None


def look(*sockets: Socket, at: float | None = None, source: str = "ss -tanoei") -> Snapshot:
    return Snapshot((Sample(sockets, at=at, source=source),), "host")


@pytest.mark.parametrize("state", [s.ESTABLISHED, s.CLOSE_WAIT, s.FIN_WAIT2])
@pytest.mark.parametrize(
    ("here", "there", "seconds"),
    [
        (None, None, 5.0),  # nobody knows
        (100.0, None, 5.0),
        (None, 100.0, 5.0),
        (100.0, 100.0, 1.0),  # each look takes a moment
        (100.0, 103.0, 4.0),
        (103.0, 100.0, 4.0),
    ],
)
def test_a_socket_is_missed_when_it_is_older_than_what_lies_between_the_looks(
    state: State, here: float | None, there: float | None, seconds: float
) -> None:
    for age, gone in ((seconds, True), (seconds - 0.1, False)):
        client = look(at_client(state, **ages(age)), at=here)
        assert missed(client, look(LISTENER, at=there)) is gone
        assert missed(look(LISTENER, at=there), client) is gone
    assert not missed(look(at_client(state), at=here), look(LISTENER, at=there))  # no age at all


OTHER = 40002  # the port of a second connection, which both looks have


def meets(seconds: float, sender: str = "client", port: int = OTHER, **more: Any) -> list[Socket]:
    """Both ends of another connection: what one has sent a second ago, the other had received
    `seconds` earlier or later. `more` is about the end that has sent.
    """
    sent = {"rto": 0.2, "lastsnd": 20.0, "lastrcv": 90.0, "data_segs_out": 1}
    received = {"rto": 0.2, "lastrcv": 20.0 + seconds, "lastsnd": 90.0, "data_segs_in": 1}
    known = {"client": received, "server": received, sender: sent}
    queues = {each: more.get("tx_queue", 0) if each == sender else 0 for each in known}
    return [
        Socket(s.ESTABLISHED, (C[0], port), S, 0, queues["client"], info=known["client"]),
        Socket(s.ESTABLISHED, S, (C[0], port), 0, queues["server"], info=known["server"]),
    ]


@pytest.mark.parametrize("sender", ["client", "server"])
@pytest.mark.parametrize(
    ("apart", "seconds"),
    [([0.0], 1.0), ([2.0], 3.0), ([-2.0], 3.0), ([2.0, 2.0, 60.0], 3.0), ([0.0, 3.0, 60.0], 4.0)],
)
def test_what_both_looks_have_tells_how_far_apart_they_are(
    sender: str, apart: list[float], seconds: float
) -> None:
    """The second look is later by what its ages are older; one that is off does not count."""
    others = [meets(each, sender, OTHER + n) for n, each in enumerate(apart)]
    clients, servers = ([pair[side] for pair in others] for side in (0, 1))
    for age, gone in ((seconds, True), (seconds - 0.1, False)):
        client = look(at_client(s.ESTABLISHED, **ages(age)), *clients)
        assert missed(client, look(*servers, LISTENER)) is gone
        assert missed(look(*servers, LISTENER), client) is gone


def test_both_directions_tell_the_same_distance() -> None:
    """The client has sent, and so has the server: their signs are opposite."""
    one, other = meets(2.0, "client", OTHER), meets(-2.0, "server", OTHER + 1)
    for age, gone in ((3.0, True), (2.9, False)):
        client = look(at_client(s.ESTABLISHED, **ages(age)), one[0], other[0])
        assert missed(client, look(one[1], other[1], LISTENER)) is gone


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ({"tx_queue": 1}, {}),  # it is still on its way
        ({"data_segs_out": 0}, {}), ({}, {"data_segs_in": 0}),
        ({"lastsnd": 1e6}, {}), ({}, {"lastrcv": 1e6}), ({"rto": None, "lastsnd": None}, {}),
    ],
)  # fmt: skip
def test_ages_that_are_not_of_the_same_data_tell_nothing(
    sent: dict[str, float], received: dict[str, float]
) -> None:
    client, server = meets(0.0, tx_queue=int(sent.pop("tx_queue", 0)))
    client, server = (
        replace(each, info={name: age for name, age in {**each.info, **more}.items()
                            if age is not None})
        for each, more in ((client, sent), (server, received))
    )  # fmt: skip
    for age, gone in ((5.0, True), (4.9, False)):
        snapshots = look(at_client(s.ESTABLISHED, **ages(age)), client), look(server, LISTENER)
        assert missed(*snapshots) is gone


@pytest.mark.parametrize("apart", [0.0, 2.0, -2.0])
def test_those_that_are_silent_since_their_handshake_tell_the_distance_as_well(
    apart: float,
) -> None:
    client, server = meets(0.0)
    silent = {"rto": 0.2, "lastsnd": 5.0, "lastack": 5.0, "segs_in": 2}  # a keepalive probe since
    client = replace(client, info={**silent, "lastrcv": 20.0})
    server = replace(server, info={**silent, "lastrcv": 20.0 + apart})
    for age, gone in ((abs(apart) + 1.0, True), (abs(apart) + 0.9, False)):
        stuck = at_client(s.ESTABLISHED, **ages(age))
        assert missed(look(stuck, client), look(server, LISTENER)) is gone
    for state, info in ((s.CLOSE_WAIT, {}), (s.ESTABLISHED, {"data_segs_in": 1})):
        other = replace(server, state=state, info={**server.info, **info})
        stuck = at_client(s.ESTABLISHED, **ages(4.9))
        assert not missed(look(stuck, client), look(other, LISTENER))


@pytest.mark.parametrize(("remaining", "gone"), [(54.9, True), (55.1, False)])
def test_an_orphan_in_fin_wait2_shows_by_its_timer_how_old_it_is(
    remaining: float, gone: bool
) -> None:
    orphan = at_client(s.FIN_WAIT2, Timer.TIME_WAIT, 0, remaining=remaining)
    assert missed(look(orphan), look(LISTENER)) is gone


def test_the_clock_of_the_looks_counts_more_than_what_crossed() -> None:
    client, server = meets(60.0)
    stuck = at_client(s.ESTABLISHED, **ages(2.0))
    assert missed(look(stuck, client, at=10.0), look(server, LISTENER, at=10.0))


@pytest.mark.parametrize(
    ("socket", "gone"),
    [
        (at_client(s.FIN_WAIT1, **ages(0.0)), True),  # it waits for an answer: that is enough
        (at_client(s.SYN_SENT), True),
        (at_client(s.ESTABLISHED, **again()), True),
        (at_client(s.ESTABLISHED, **ages(0.0)), False),
        (at_client(s.ESTABLISHED, info={"rto": 0.2, "lastsnd": 9.0}), False),  # heard just now
    ],
)
def test_what_repeats_is_missed_however_young(socket: Socket, gone: bool) -> None:
    assert missed(look(socket), look(LISTENER)) is gone


@pytest.mark.parametrize(
    ("before", "gone"), [(s.ESTABLISHED, True), (s.SYN_SENT, False), (None, False)]
)
def test_what_was_there_in_both_looks_is_missed_however_young(
    before: State | None, gone: bool
) -> None:
    first = Sample((at_client(before),) if before else (), at=0.0)
    last = Sample((at_client(s.ESTABLISHED, **ages(0.0 if gone else 60.0)),), at=5.0)
    assert missed(Snapshot((first, last), "host"), look(LISTENER)) is gone


@pytest.mark.parametrize(
    ("there", "seconds"), [(0.0, 0.0), (3.0, 0.0), (5.0, 0.0), (5.5, 1.5), (7.0, 3.0), (-2.0, 8.0)]
)
def test_two_looks_say_nothing_of_what_became_of_it_after_them(
    there: float, seconds: float
) -> None:
    """They were at 0 and 5 s, and the other host was looked at between them, later or before."""
    for age, gone in ((seconds, True), (seconds - 0.1, False)):
        samples = [Sample((at_client(s.ESTABLISHED, **ages(max(0.0, age))),), at=at)
                   for at in (0.0, 5.0)]  # fmt: skip
        twice = Snapshot(tuple(samples), "host")
        assert missed(twice, look(LISTENER, at=there)) is (gone or not seconds)
        assert missed(look(LISTENER, at=there), twice) is (gone or not seconds)


@pytest.mark.parametrize(("there", "gone"), [(9.0, True), (9.1, False)])
def test_without_ages_two_looks_are_as_far_apart_as_is_known(there: float, gone: bool) -> None:
    samples = [Sample((at_client(s.ESTABLISHED),), at=at) for at in (0.0, 5.0)]
    assert missed(Snapshot(tuple(samples), "host"), look(LISTENER, at=there)) is gone


ENDED = [  # one of the same service that has just ended, which either end may show
    (Socket(s.TIME_WAIT, (C[0], 40007), S, 0, 0), None),
    (None, Socket(s.TIME_WAIT, S, (C[0], 40007), 0, 0)),
]


@pytest.mark.parametrize("ended", ENDED)
@pytest.mark.parametrize(
    ("here", "there", "seconds"),
    [(100.0, 100.0, 100.0), (100.0, 100.3, 130.0), (100.4, 100.0, 60.0), (100.99, 100.0, 1.99)],
)
def test_where_others_end_one_may_have_ended_between_the_looks(
    ended: tuple[Socket | None, Socket | None], here: float, there: float, seconds: float
) -> None:
    """The host that lacks it was looked at later, or its RST is on its way."""
    near, far = (
        [each, lives] if each else [lives] for each, lives in zip(ended, meets(0.0), strict=True)
    )
    for age, gone in ((seconds + 0.1, True), (seconds - 0.1, False)):
        client = look(at_client(s.ESTABLISHED, **ages(age)), *near, at=here)
        assert missed(client, look(LISTENER, *far, at=there)) is gone
        assert missed(look(LISTENER, *far, at=there), client) is gone


def test_those_of_another_service_may_end_as_they_like() -> None:
    client = look(at_client(s.ESTABLISHED, **ages(2.0)), at=100.0)
    elsewhere = [
        Socket(s.TIME_WAIT, (S[0], 80), (C[0], 40007), 0, 0),
        Socket(s.TIME_WAIT, (S[0], 40008), ("10.0.0.9", 443), 0, 0),
    ]
    assert missed(client, look(LISTENER, *elsewhere, at=100.3))


@pytest.mark.parametrize(
    ("there", "first", "gone"),
    [
        ((0.3, 5.3), False, True),  # never there, while the client's was
        ((0.3, 5.3), True, False),  # it ended between the looks, and maybe after the client's last
        ((-20.0, 4.6), False, False), ((-20.0, 4.5), True, True),  # a RST has arrived by then
        ((-0.1, 4.9), False, True), ((-2.9, 4.9), False, True),  # it was there for nine seconds
        ((-4.1, 4.9), False, False),
    ],
)  # fmt: skip
def test_two_looks_at_both_hosts_tell_what_has_ended_from_what_was_forgotten(
    there: tuple[float, float], first: bool, gone: bool
) -> None:
    near, far = meets(0.0)
    ended = Socket(s.TIME_WAIT, S, (C[0], 40007), 0, 0)
    had = [at_server(s.ESTABLISHED)] if first else []
    here = at_client(s.ESTABLISHED, **ages(9.0)), near
    client = Snapshot(tuple(Sample(here, at=at) for at in (0.0, 5.0)), "host")
    shown = LISTENER, far, ended
    server = Snapshot((Sample((*shown, *had), at=there[0]), Sample(shown, at=there[1])), "host")
    assert missed(client, server) is gone
    assert missed(server, client) is gone


@pytest.mark.parametrize("name", ["segs_in", "data_segs_in"])
def test_whoever_was_heard_between_two_looks_is_not_missed(name: str) -> None:
    """An application that has the client's FIN goes on answering, and its data is acknowledged."""
    for heard, gone in ((6, True), (11, False)):
        samples = [
            Sample((at_client(s.CLOSE_WAIT, **ages(60.0, **{name: number})),), at=at)
            for at, number in ((0.0, 6), (1.0, heard))
        ]
        assert missed(Snapshot(tuple(samples), "host"), look(LISTENER, at=1.0)) is gone


# --- whose listing it is, and what it shows

OLD = at_client(s.ESTABLISHED, **ages(60.0))


def test_the_other_end_is_a_listener_or_nothing() -> None:
    beside = Socket(s.ESTABLISHED, (S[0], 80), ("10.9.9.9", 40000), 0, 0)
    for shown, state in (((LISTENER,), s.LISTEN), ((beside,), s.CLOSED)):
        snapshots = look(OLD), look(*shown)
        hosts = [ObservedHost.of(snapshot) for snapshot in snapshots]
        peers = [pair.peer for pair in pairs(snapshots, hosts) if pair.own.socket is OLD]
        assert [peer and peer.state for peer in peers] == [state]
        assert peers[0] is not None
        assert peers[0].host is hosts[1]


def test_an_empty_text_may_be_of_anything() -> None:
    assert not missed(look(OLD), look())
    assert not missed(look(OLD), look(source="netstat"))
    assert missed(look(OLD), look(source=SOURCE))  # a host that was asked, and has none


def test_nothing_is_missed_at_a_host_that_may_be_another() -> None:
    third = Socket(s.ESTABLISHED, (C[0], 40009), ("10.9.9.9", 443), 0, 0)
    assert not missed(look(OLD, third), look(LISTENER))  # of which of the two is that listener?
    assert not missed(look(OLD), look(LISTENER), look(LISTENER))
    elsewhere = Socket(s.ESTABLISHED, ("10.9.9.9", 443), ("10.9.9.8", 1), 0, 0)
    assert not missed(look(OLD), look(LISTENER, elsewhere))
    loop = Socket(s.TIME_WAIT, ("127.0.0.1", 40009), ("127.0.0.1", 80), 0, 0)
    assert missed(look(OLD, loop), look(LISTENER))  # its own connections are of no other host


def test_its_own_address_may_be_translated() -> None:
    """A published port of a container: this host goes to itself, and the end is elsewhere."""
    here = replace(OLD, remote=(C[0], 8080))
    snapshot = look(here, LISTENER)
    (found,) = [p for p in pairs([snapshot], [ObservedHost.of(snapshot)]) if p.own.socket is here]
    assert found.peer is None
    (found, *_) = [
        p for p in pairs([snapshot, look(LISTENER)], [ObservedHost.of(snapshot), ObservedHost()])
        if p.own.socket is here
    ]  # fmt: skip
    assert found.peer is None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "::1"])
@pytest.mark.parametrize(("age", "gone"), [(1.0, True), (0.9, False)])
def test_the_loopback_is_looked_at_in_one_instant(address: str, age: float, gone: bool) -> None:
    here = Socket(s.ESTABLISHED, (address, 40001), (address, 443), 0, 0, **ages(age))
    snapshot = look(here, LISTENER)
    (found,) = [p for p in pairs([snapshot], [ObservedHost.of(snapshot)]) if p.own.socket is here]
    assert (found.peer is not None) is gone
    # another host with the same numbers has nothing to do with it
    other = look(replace(here, local=here.remote, remote=here.local))
    both = [snapshot, other]
    (found,) = [
        p for p in pairs(both, [ObservedHost.of(each) for each in both]) if p.own.socket is here
    ]
    assert (found.peer is not None) is gone
    assert found.peer is None or found.peer.socket is None


# --- translated ends


def dnat() -> tuple[Socket, Socket]:
    """The client goes to a service's address, and the server answers to the client's."""
    return (replace(at_client(s.ESTABLISHED), remote=("10.96.0.1", 80)),
            replace(at_server(s.ESTABLISHED), local=("10.244.0.7", 8080)))  # fmt: skip


def matched(*snapshots: Snapshot) -> list[tuple[Socket | None, Socket | None, bool]]:
    """All pairs with two sockets; each end knows whether it is translated."""
    hosts = [ObservedHost.of(snapshot) for snapshot in snapshots]
    found = [pair for pair in pairs(snapshots, hosts) if pair.peer is not None and pair.peer.socket]
    for pair in found:
        assert pair.peer is not None
        assert pair.own.translated is pair.peer.translated is pair.translated
    return [(pair.own.socket, pair.peer.socket, pair.translated) for pair in found if pair.peer]


def test_one_end_may_be_translated() -> None:
    client, server = dnat()
    assert matched(look(client), look(server)) == [(client, server, True)]
    assert matched(look(server), look(client)) == [(client, server, True)]
    assert matched(look(client, server)) == [(client, server, True)]  # IPVS, on one host


def test_one_end_that_two_may_be_is_no_pair() -> None:
    client, server = dnat()
    second = replace(client, remote=("10.96.0.2", 81))
    assert matched(look(client, second), look(server)) == []
    assert matched(look(client), look(server, replace(server, local=("10.244.0.8", 81)))) == []


def test_a_port_of_a_client_may_go_to_several_services_at_once() -> None:
    """The server answers at both: what has just come to one is not what waits for the other."""
    asks = replace(at_client(s.SYN_SENT, **again(2)), remote=(S[0], 8083))
    request = replace(at_server(s.SYN_RECV, inode=0), local=(S[0], 8002))
    one, other = (replace(LISTENER, local=("*", port)) for port in (8002, 8083))
    assert matched(look(asks), look(request, one, other)) == []
    assert matched(look(request, one, other), look(asks)) == []
    redirected = matched(look(asks), look(request, one))  # nobody listens where it goes to
    assert redirected == [(asks, request, True)]
    client, server = dnat()
    client, server = replace(client, local=(C[0], 40005)), replace(server, remote=(C[0], 40005))
    after = look(request, server, one, other), look(asks, client)
    assert matched(*after) == [(client, server, True)]


def test_a_service_is_no_sign_of_one_connection() -> None:
    """The client goes there, and the server has one connection there: it may be anybody's."""
    client, server = at_client(s.ESTABLISHED), replace(at_server(s.ESTABLISHED), remote=THIRD)
    assert matched(look(client), look(server)) == []
    assert matched(look(client), look(server, LISTENER)) == []


THIRD = ("10.9.9.9", 51000)


def test_where_a_nat_may_have_changed_all_numbers_nobody_is_missed() -> None:
    """The server has a connection at that port, whose other numbers nobody knows: it may be it."""
    changed = replace(at_server(s.ESTABLISHED), remote=THIRD)
    assert not missed(look(OLD), look(changed, LISTENER))
    assert missed(look(OLD), look(replace(changed, local=(S[0], 80)), LISTENER))
    near, far = meets(0.0)  # these meet without a NAT, and so would the others
    assert missed(look(OLD, near), look(changed, far, LISTENER))


def test_a_listing_that_repeats_itself_has_each_pair_as_often() -> None:
    """The output of a loop: the same connection, look after look."""
    client, server = at_client(s.ESTABLISHED), at_server(s.CLOSE_WAIT)
    copies = [replace(client), replace(client)], [replace(server), replace(server)]
    assert matched(look(*copies[0]), look(*copies[1])) == [(client, server, False)] * 2
    assert matched(look(*copies[0]), look(server)) == [(client, server, False)]
    later = replace(client, rx_queue=7), replace(server, rx_queue=9)
    assert matched(look(client, later[0]), look(server, later[1])) == [
        (client, server, False),
        (*later, False),
    ]


def test_the_other_end_is_looked_for_at_other_hosts_first() -> None:
    """Two hosts with the same address on an inner network: a socket may be in its own listing."""
    client, server = at_client(s.ESTABLISHED), at_server(s.CLOSE_WAIT)
    elsewhere = at_server(s.ESTABLISHED)
    assert matched(look(client, server), look(elsewhere))[0] == (client, elsewhere, False)
    assert matched(look(client, server), look(LISTENER)) == [(client, server, False)]


def test_samples_without_a_time_were_taken_by_hand() -> None:
    samples = (Sample((OLD,)), Sample((OLD,)))
    for snapshot, elapsed in (
        (Snapshot(samples), 1.0), (look(OLD), None),
        (Snapshot((replace(samples[0], at=2.0), replace(samples[1], at=9.0))), 7.0),
        (Snapshot((samples[0], replace(samples[1], at=9.0))), 1.0),
    ):  # fmt: skip
        (pair,) = pairs([snapshot], [ObservedHost.of(snapshot)])
        assert pair.own.elapsed == elapsed
        assert pair.own.before == (OLD if elapsed else None)


# --- each end once, in any order


def ends(*snapshots: Snapshot) -> list[tuple[Socket | None, Socket | None]]:
    hosts = [ObservedHost.of(snapshot) for snapshot in snapshots]
    return [
        (pair.own.socket, pair.peer.socket if pair.peer else None)
        for pair in pairs(snapshots, hosts)
    ]


def test_nothing_has_no_pairs_and_each_snapshot_has_its_host() -> None:
    assert ends() == []
    with pytest.raises(ValueError, match="zip"):
        list(pairs([look(OLD)], []))


def test_a_listener_and_what_is_connected_with_itself_have_no_other_end() -> None:
    itself = Socket(s.ESTABLISHED, C, C, 0, 0)
    for here in (LISTENER, itself):
        snapshots = look(here, OLD), look(replace(LISTENER, local=("*", 80)))
        hosts = [ObservedHost.of(snapshot) for snapshot in snapshots]
        (found,) = [pair for pair in pairs(snapshots, hosts) if pair.own.socket is here]
        assert found.peer is None


def test_no_end_is_left_out_whatever_comes_before_it() -> None:
    client, server = at_client(s.ESTABLISHED), at_server(s.ESTABLISHED)
    more = [Socket(s.ESTABLISHED, S, ("10.9.9.9", 50000 + n), 0, 0) for n in range(3)]
    assert ends(look(client), look(server, *more)) == [
        (client, server), *((each, None) for each in more)
    ]  # fmt: skip
    translated, answers = dnat()
    lone = Socket(s.ESTABLISHED, (C[0], 50000), ("10.9.9.8", 443), 0, 0)
    of_third = replace(server, remote=THIRD)  # what this client's goes to, and somebody else's
    for sockets in ((lone, translated), (translated, lone), (lone, lone, translated)):
        assert (translated, answers) in ends(look(*sockets), look(answers))
    goes_there = replace(client, local=(C[0], 40005))
    shown = ends(look(of_third, answers), look(goes_there, translated))
    assert shown[0] == (translated, answers)
    outside = replace(server, remote=("203.0.113.9", C[1]))
    shown = ends(look(client), look(outside, *more))
    assert shown == [(client, outside), *((each, None) for each in more)]


def test_what_follows_one_that_is_well_or_was_matched_is_seen() -> None:
    client, server = at_client(s.ESTABLISHED), at_server(s.ESTABLISHED)
    after = Socket(s.SYN_SENT, (C[0], 40009), ("10.9.9.9", 80), 0, 1)
    snapshots = look(client, after), look(server)
    hosts = [ObservedHost.of(snapshot) for snapshot in snapshots]
    found = pairs(snapshots, hosts, but_for=lambda own, peer: own.state is s.ESTABLISHED)
    assert [pair.own.socket for pair in found] == [after]
    outside = replace(server, remote=("203.0.113.9", C[1]))
    assert ends(look(client, after), look(outside)) == [(client, outside), (after, None)]
    alone = Socket(s.SYN_RECV, S, THIRD, 0, 1)
    assert ends(look(client), look(outside, alone)) == [(client, outside), (alone, None)]


def test_what_was_matched_by_one_end_does_not_keep_another_from_its_ports() -> None:
    """Two clients with one port, through one DNAT; the second one is behind a SNAT as well."""
    virtual = ("10.0.0.99", S[1])
    one, two = (Socket(s.ESTABLISHED, (host, C[1]), virtual, 0, 0) for host in (C[0], "10.0.0.5"))
    server = at_server(s.ESTABLISHED)
    of_two = replace(server, remote=("203.0.113.9", C[1]))
    found = matched(look(one), look(two), look(server, of_two))
    assert found == [(one, server, True), (two, of_two, True)]


def test_a_host_that_answers_itself_by_a_name_of_the_loopback_hides_nobody_after_it() -> None:
    """Two at one host that would be the ends of a DNAT elsewhere, and a pair after them."""
    inner = ("127.0.0.1", 40011)
    near = Socket(s.ESTABLISHED, inner, ("10.9.9.9", 443), 0, 0)
    far = Socket(s.ESTABLISHED, S, inner, 0, 0)
    client, server = dnat()
    assert (client, server) in ends(look(near, client), look(far, server))


def test_of_what_a_listing_has_twice_the_first_is_meant() -> None:
    client, first, second = at_client(s.ESTABLISHED), *map(at_server, (s.LAST_ACK, s.CLOSE_WAIT))
    assert ends(look(client, first, second), look(LISTENER))[0] == (client, first)
    assert ends(look(client), look(first, second))[0] == (client, first)


def test_one_host_is_not_both_sides_of_a_nat() -> None:
    client = at_client(s.ESTABLISHED)
    answers = Socket(s.ESTABLISHED, ("10.0.0.9", S[1]), ("203.0.113.9", C[1]), 0, 0)
    assert matched(look(client, answers), look(LISTENER)) == []
    assert matched(look(client), look(answers)) == [(client, answers, True)]
