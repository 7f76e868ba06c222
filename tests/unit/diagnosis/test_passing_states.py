# SPDX-License-Identifier: GPL-2.0-or-later
"""What passes by itself on a network with delay and loss is no finding, and what stays is one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.diagnosis.facts import FACTS
from netlab.diagnosis.observed import ObservedEnd, ObservedHost
from netlab.diagnosis.rank import diagnose
from netlab.model.tcp import State, Timer
from netlab.snapshot import parse
from netlab.snapshot.records import Sample, Snapshot, Socket

from .build import LISTENER, C, S, again, at_client, at_server, causes, host, s

LISTS = ("State Recv-Q Send-Q Local Address:Port Peer Address:Port",)


def listed(*rows: str) -> tuple[str, ...]:
    """The causes that a listing without timers and figures is answered by."""
    return causes(*parse.read("\n".join((*LISTS, *rows)) + "\n", "host"))


def row(state: str, port: int, remote: str = "10.0.0.2:443", queue: int = 0) -> str:
    return f"{state} 0 {queue} 10.0.0.1:{port} {remote}"


def other(state: State = s.ESTABLISHED, port: int = 40002, **more: Any) -> Socket:
    """Another connection of the client's to the same service."""
    given = {"rx_queue": 0, "tx_queue": 0, "retransmits": 0, "probes": 0, "remaining": 0.0, **more}
    return Socket(state, (C[0], port), S, inode=8, **given)


def heard(ago: float, port: int = 40002, state: State = s.ESTABLISHED) -> Socket:
    """One that heard from the service so many seconds ago."""
    info = {"rto": 0.2, "segs_in": 9, "lastrcv": ago, "lastack": ago, "lastsnd": ago}
    return other(state, port, timer=Timer.NONE, info=info)


def ended(remaining: float) -> Socket:
    return other(s.TIME_WAIT, timer=Timer.TIME_WAIT, remaining=remaining)


def passes(socket: Socket, *others: Socket, **more: Any) -> object:
    """Whether it may be passing, with others at its host."""
    observed = ObservedHost.of(host(socket, *others))
    return FACTS["passing"](ObservedEnd(socket.state, observed, socket, **more), None)


def syn(times: int) -> Socket:
    return at_client(s.SYN_SENT, **again(times))


# --- one loss


def test_a_syn_that_is_lost_twice_is_normal_where_others_are_answered() -> None:
    assert causes(host(syn(1), heard(0.5))) == ()
    assert causes(host(syn(2), heard(0.5))) == ()
    assert "syn-lost" in causes(host(syn(3), heard(0.5)))
    assert "syn-lost" in causes(host(syn(2), heard(3.0)))


def test_a_syn_whose_answer_has_just_come_is_normal() -> None:
    """connect(2) holds the socket while it sends: the SYN-ACK is counted, and waits for it."""
    came = {"segs_in": 1, "segs_out": 1}
    assert causes(host(at_client(s.SYN_SENT, **again(0, info=came)))) == ()
    assert "rst-lost" in causes(host(at_client(s.SYN_SENT, **again(2, info=came))))


@pytest.mark.parametrize(("others", "normal"), [(10, True), (9, False)])
def test_of_many_connections_of_two_hosts_one_has_lost_its_first_packet(
    others: int, normal: bool
) -> None:
    """Nobody else goes to this port, which may refuse: the path works, and one loss is normal."""
    elsewhere = [replace(heard(0.5, 40100 + n), remote=(S[0], 80)) for n in range(others)]
    assert (causes(host(syn(1), *elsewhere)) == ()) is normal
    assert "syn-lost" in causes(host(syn(2), *elsewhere))
    assert "fin-lost" in causes(host(at_client(s.FIN_WAIT1, **again(1)), *elsewhere))
    away = [replace(each, remote=("10.0.0.9", 80)) for each in elsewhere]
    assert "syn-lost" in causes(host(syn(1), *away))


@pytest.mark.parametrize(
    ("neighbour", "works"),
    [
        (heard(2.9), True),
        (heard(3.0), False),
        (ended(57.1), True),
        (ended(57.0), False),
        (heard(0.1, state=s.SYN_SENT), False),
    ],
)
def test_a_service_works_if_it_was_heard_within_three_seconds(
    neighbour: Socket, works: bool
) -> None:
    assert passes(syn(1), neighbour) is works


def test_one_lost_syn_to_a_service_that_nobody_else_reaches_is_a_finding() -> None:
    assert "syn-lost" in causes(host(syn(1)))
    elsewhere = Socket(
        s.ESTABLISHED, (C[0], 40002), ("10.0.0.9", 443), 0, 0, Timer.NONE, 0.0, 0, 0, 8,
        info={"rto": 0.2, "lastrcv": 0.1, "lastack": 0.1},
    )  # fmt: skip
    assert "syn-lost" in causes(host(syn(1), elsewhere))


@pytest.mark.parametrize("state", [s.FIN_WAIT1, s.LAST_ACK, s.CLOSING])
def test_one_lost_fin_is_normal_where_others_are_answered(state: State) -> None:
    assert causes(host(at_client(state, **again(1)), heard(0.5))) == ()
    assert causes(host(at_client(state, **again(2)), heard(0.5)))


def test_data_that_is_lost_twice_is_normal_where_its_service_works() -> None:
    def waits(times: int, **info: float) -> Socket:
        return at_client(s.ESTABLISHED, **again(times, tx_queue=20, info={"rto": 1.6, **info}))

    old = {"lastack": 5.0, "busy": 5.0}
    assert causes(host(waits(2), heard(0.5))) == ()
    assert "data-lost" in causes(host(waits(3), heard(0.5)))
    assert "data-lost" in causes(host(waits(2, **old), heard(0.5)))
    assert "data-lost" in causes(host(waits(2), heard(3.0)))
    assert "data-lost" in causes(host(waits(2)))


@pytest.mark.parametrize("state", [s.FIN_WAIT1, s.LAST_ACK, s.CLOSING])
def test_a_fin_whose_time_out_is_long_may_be_lost_twice_where_its_service_works(
    state: State,
) -> None:
    """Its tail loss probes do not count as tries, and the round trip was long for a while."""

    def waits(lastack: float, rto: float = 3.22) -> Socket:
        info = {"rto": rto, "lastack": lastack, "lastrcv": lastack, "lastsnd": lastack}
        return at_client(state, Timer.RETRANSMIT, tx_queue=1, remaining=0.1, info=info)

    def both(*neighbours: Socket, rto: float = 3.22, last: float = 5.5) -> tuple[str, ...]:
        looks = (Sample((waits(age, rto), *neighbours)) for age in (0.5, last))
        return causes(Snapshot(tuple(looks), "host"))

    assert both(heard(0.5)) == ()
    assert "fin-lost" in both(heard(0.5), last=10.5)
    assert "fin-lost" in both(heard(0.5), rto=0.4)
    assert "fin-lost" in both()


def test_an_answer_to_the_third_syn_is_on_its_way_where_its_service_works() -> None:
    request = at_server(s.SYN_RECV, Timer.RETRANSMIT, 0, remaining=0.97)
    for times, cause in ((2, ()), (3, ("own-firewall",))):
        assert causes(host(syn(times), heard(0.5)), host(request, LISTENER)) == cause
    assert causes(host(syn(2)), host(request, LISTENER)) == ("own-firewall",)


@pytest.mark.parametrize("peer", [s.FIN_WAIT2, s.FIN_WAIT1])
def test_what_has_just_come_may_be_accepted_in_a_moment(peer: State) -> None:
    """A health check connects and closes at once, and its program accepts as soon as it runs."""

    def check(age: float) -> tuple[str, ...]:
        info = {"rto": 0.2, "lastsnd": age, "lastrcv": age, "lastack": age, "segs_in": 3}
        waits = at_server(s.CLOSE_WAIT, inode=0, rx_queue=1, info=info)
        return causes(host(waits, LISTENER), host(at_client(peer, inode=0, **again(0))))

    assert check(0.9) == ()
    assert check(1.0) == ("not-accepted",)


@pytest.mark.parametrize(
    ("age", "neighbours", "cause"),
    [
        (1.06, [heard(0.5)], ()),
        (2.9, [heard(0.5)], ()),
        (3.0, [heard(0.5)], ("not-closed",)),
        (1.06, [], ("not-closed",)),
        (1.06, [heard(3.0)], ("not-closed",)),
    ],
)
def test_a_program_that_works_closes_within_three_seconds_on_a_busy_machine(
    age: float, neighbours: list[Socket], cause: tuple[str, ...]
) -> None:
    info = {"rto": 0.2, "segs_in": 4, "lastsnd": age, "lastrcv": age + 6.0, "lastack": age}
    ended = at_server(s.FIN_WAIT2, Timer.TIME_WAIT, 0, remaining=58.0)
    here = host(at_client(s.CLOSE_WAIT, info=info), *neighbours)
    assert causes(here, host(ended, LISTENER)) == cause
    nobodys = host(at_client(s.CLOSE_WAIT, inode=0, info=info), *neighbours)
    assert causes(nobodys, host(ended, LISTENER)) == ("not-accepted",)


def test_a_crowd_that_is_not_closed_is_no_sign_that_the_program_works() -> None:
    """Each of them has just heard a FIN, as in a leak that begins now."""
    info = {"rto": 0.2, "segs_in": 4, "lastsnd": 1.5, "lastrcv": 6.0, "lastack": 1.5}
    crowd = [
        replace(at_client(s.CLOSE_WAIT, info=info), local=(C[0], 40001 + number))
        for number in range(3)
    ]
    assert causes(host(*crowd))[0] == "not-closed"
    served = [replace(heard(0.5), local=(C[0], 50001 + number)) for number in range(len(crowd))]
    assert causes(host(*crowd, *served[1:]))[0] == "not-closed"
    assert causes(host(*crowd, *served)) == ()


def test_a_crowd_is_of_one_port_whoever_comes() -> None:
    """At a service each comes from another endpoint: its port is what they have in common."""
    info = {"rto": 0.2, "segs_in": 4, "lastsnd": 1.5, "lastrcv": 6.0, "lastack": 1.5}
    crowd = [
        replace(at_server(s.CLOSE_WAIT, info=info), remote=("10.0.1.1", 40001 + number))
        for number in range(3)
    ]
    served = [
        replace(at_server(s.ESTABLISHED, info={**info, "lastrcv": 0.5}), remote=("10.0.2.1", port))
        for port in range(50001, 50004)
    ]
    assert causes(host(*crowd, served[0]))[0] == "not-closed"
    assert causes(host(*crowd, *served)) == ()


def test_what_was_so_in_both_looks_does_not_pass() -> None:
    stuck = syn(1)
    assert passes(stuck, heard(0.5), before=stuck, elapsed=3.0) is False
    assert passes(stuck, heard(0.5), before=at_client(s.ESTABLISHED), elapsed=3.0) is True
    for times, fine in ((2, True), (3, False)):
        before = at_client(s.ESTABLISHED)
        assert passes(syn(times), heard(0.5), before=before, elapsed=3.0) is fine


def test_a_repeated_syn_ack_is_not_blamed_on_a_host_that_was_looked_at_later() -> None:
    request = at_server(s.SYN_RECV, inode=0, **again(1))
    lively = Socket(
        s.ESTABLISHED, S, (C[0], 40002), 0, 0, Timer.NONE, 0.0, 0, 0, 8,
        info={"rto": 0.2, "segs_in": 3, "lastrcv": 0.1, "lastack": 0.1},
    )  # fmt: skip
    client = host(Socket(s.ESTABLISHED, (C[0], 40009), S, 0, 0, Timer.NONE, 0.0, 0, 0, 9))
    assert causes(host(request, lively, LISTENER), client) == ()
    twice = at_server(s.SYN_RECV, inode=0, **again(2))  # by its timer, and for the repeated SYN
    assert causes(host(twice, lively, LISTENER), client) == ()
    stuck = at_server(s.SYN_RECV, inode=0, **again(3))
    assert causes(host(stuck, lively, LISTENER), client)


def test_the_connection_itself_does_not_show_that_its_service_works() -> None:
    alive: dict[str, Any] = {
        "info": {"rto": 0.2, "segs_in": 2, "lastrcv": 0.5, "lastack": 0.5, "lastsnd": 0.5}
    }
    request = at_server(s.SYN_RECV, inode=0, **again(1))
    answers = causes(host(at_client(s.ESTABLISHED, **alive)), host(request, LISTENER))
    assert answers[0] == "handshake-ack-lost"


def to_server(state: State, port: int, **more: Any) -> Socket:
    """The server's socket of another client than the one of `at_server`."""
    given = {"rx_queue": 0, "tx_queue": 0, "retransmits": 0, "probes": 0, "remaining": 0.0, **more}
    return Socket(state, S, ("10.0.0.7", port), inode=8, **given)


LIVELY: dict[str, Any] = {
    "timer": Timer.NONE,
    "info": {"rto": 0.2, "segs_in": 3, "lastrcv": 0.1, "lastack": 0.1},
}


def test_a_server_is_well_where_another_client_of_its_port_is_and_has_not_tried_as_often() -> None:
    request = at_server(s.SYN_RECV, inode=0, **again(1))
    well = to_server(s.ESTABLISHED, 40002, **LIVELY)
    assert passes(request, well) is True
    assert passes(request, well, to_server(s.SYN_RECV, 40003, **again(2))) is True
    assert passes(request, well, to_server(s.SYN_RECV, 40003, **again(3))) is False


def test_one_that_insists_shows_that_its_neighbours_will() -> None:
    tired = other(s.SYN_SENT, 40003, **again(3))
    assert passes(syn(1), heard(0.5)) is True
    again_twice = [other(s.SYN_SENT, port, **again(2)) for port in (40003, 40004)]
    assert passes(syn(1), heard(0.5), again_twice[0]) is True
    assert passes(syn(1), heard(0.5), *again_twice) is False  # it is no chance any more
    assert passes(syn(2), heard(0.5), again_twice[0]) is False
    assert passes(syn(1), heard(0.5), tired) is False
    assert passes(tired, heard(0.5)) is False


def test_what_the_other_end_s_host_hears_counts_as_well() -> None:
    fin = at_client(s.FIN_WAIT1, **again(1))
    own = ObservedEnd(fin.state, ObservedHost.of(host(fin)), fin)
    peer_socket = at_server(s.ESTABLISHED)
    for neighbours, works in (([to_server(s.ESTABLISHED, 40002, **LIVELY)], True), ([], False)):
        server = ObservedHost.of(host(peer_socket, *neighbours))
        peer = ObservedEnd(s.ESTABLISHED, server, peer_socket)
        assert FACTS["passing"](own, peer) is works


def test_nobody_gets_through_a_full_accept_queue() -> None:
    request, well = (
        at_server(s.SYN_RECV, inode=0, **again(1)),
        to_server(s.ESTABLISHED, 40002, **LIVELY),
    )
    full = Socket(s.LISTEN, S, ("0.0.0.0", 0), 2, 1, Timer.NONE, 0.0, 0, 0, 5)
    assert passes(request, well, LISTENER) is True
    assert passes(request, well, full) is False


def test_a_listener_does_not_pass_and_neither_does_what_is_gone() -> None:
    assert passes(LISTENER) is False
    assert FACTS["passing"](ObservedEnd(s.CLOSED, ObservedHost()), None) is False


def test_a_full_accept_queue_is_no_loss_though_others_are_well() -> None:
    full = Socket(s.LISTEN, S, ("0.0.0.0", 0), 2, 1, Timer.NONE, 0.0, 0, 0, 5)
    request = at_server(s.SYN_RECV, inode=0, **again(1))
    lively = Socket(
        s.ESTABLISHED, S, (C[0], 40002), 0, 0, Timer.NONE, 0.0, 0, 0, 8,
        info={"rto": 0.2, "segs_in": 3, "lastrcv": 0.1, "lastack": 0.1},
    )  # fmt: skip
    answers = causes(host(at_client(s.ESTABLISHED)), host(request, lively, full))
    assert answers[0] == "accept-queue-full"


# --- an unknown age


def test_what_shows_how_long_a_state_has_lasted() -> None:
    """A timer or its tries; in states that have none, figures. Else the state was not there in the
    look before, or may have been there for ever.
    """

    def plain(state: State, **more: Any) -> Socket:
        return Socket(state, C, S, 0, 0, inode=7, **more)

    timed = plain(s.SYN_SENT, timer=Timer.RETRANSMIT), plain(s.SYN_SENT, retransmits=0)
    for socket in timed:
        assert passes(socket, elapsed=3.0) is False  # and no other one lives
    assert passes(plain(s.SYN_SENT), elapsed=3.0) is True
    left = s.CLOSE_WAIT
    for socket in plain(left, retransmits=1), plain(left, probes=1), plain(left, info={"rto": 1}):
        assert passes(socket) is None  # its figures are judged elsewhere
    for socket in plain(left, timer=Timer.NONE, retransmits=0, probes=0), plain(left):
        assert passes(socket) is False


def at_service(state: str, port: int, queue: int = 0) -> str:
    return f"{state} 0 {queue} 10.0.0.2:443 10.0.0.1:{port}"


def test_at_a_server_the_clients_of_its_port_are_compared() -> None:
    living = [at_service("ESTAB", 40010 + n) for n in range(4)]
    leaving = [at_service("CLOSE-WAIT", 40001), at_service("CLOSE-WAIT", 40002)]
    assert listed(*leaving, *living) == ()
    assert listed(*leaving, *living[:3])
    sending = [at_service("ESTAB", 40001, queue=200), *living[:2]]
    assert causes(*parse.read("\n".join((*LISTS, *sending, *LISTS, *sending)), "host")) == ()


def test_those_at_the_other_end_s_host_are_compared_too() -> None:
    client = parse.read("\n".join((*LISTS, row("LAST-ACK", 40001))), "client")
    rows = [f"{state} 0 0 10.0.0.2:443 10.0.0.1:40001" for state in ("FIN-WAIT-2",)]
    others = [f"ESTAB 0 0 10.0.0.2:443 10.0.0.7:{40001 + n}" for n in range(2)]
    own = client[0].samples[0].sockets[0]
    (server,) = parse.read("\n".join((*LISTS, *rows, *others)), "server")
    end = ObservedEnd(own.state, ObservedHost.of(client[0]), own)
    for sockets, few in ((server.samples[0].sockets, True), (server.samples[0].sockets[:1], False)):
        observed = ObservedHost.of(host(*sockets))
        peer = ObservedEnd(sockets[0].state, observed, sockets[0])
        assert FACTS["passing"](end, peer) is few


def test_one_state_in_passing_among_twice_as_many_that_live() -> None:
    living = [row("ESTAB", 40010 + n) for n in range(4)]
    assert listed(row("CLOSE-WAIT", 40001), row("CLOSE-WAIT", 40002), *living) == ()
    assert "not-closed" in listed(row("CLOSE-WAIT", 40001), row("CLOSE-WAIT", 40002), *living[:3])


def test_ten_are_not_few_however_many_live() -> None:
    living = [row("ESTAB", 40100 + n) for n in range(40)]
    assert listed(*(row("CLOSE-WAIT", 40001 + n) for n in range(9)), *living) == ()
    assert "not-closed" in listed(*(row("CLOSE-WAIT", 40001 + n) for n in range(10)), *living)


def test_those_that_ended_in_good_order_count_and_those_of_other_services_do_not() -> None:
    assert listed(row("LAST-ACK", 40001), row("TIME-WAIT", 40002), row("TIME-WAIT", 40003)) == ()
    elsewhere = [row("ESTAB", 40010 + n, "10.0.0.9:80") for n in range(9)]
    assert listed(row("LAST-ACK", 40001), *elsewhere)


def test_a_single_one_on_a_host_with_many_that_live_may_pass() -> None:
    elsewhere = [row("ESTAB", 40010 + n, "10.0.0.9:80") for n in range(10)]
    assert listed(row("SYN-SENT", 40001), *elsewhere) == ()
    assert "syn-lost" in listed(row("SYN-SENT", 40001), row("SYN-SENT", 40002), *elsewhere)


def test_a_leak_is_found_without_ages_but_not_as_surely() -> None:
    netstat = "\n".join(
        f"tcp 1 0 10.0.0.1:{port} 10.0.0.2:443 CLOSE_WAIT 77/app off (0.00/0/0)"
        for port in range(40001, 40006)
    )
    (finding,) = diagnose(parse.read(netstat + "\n", "host")).findings
    assert finding.cause in ("not-closed", "not-read")
    assert finding.confidence <= 0.7


def netstat(queue: int, timer: str, other_queue: int = 0) -> str:
    return (
        f"tcp 0 {queue} 10.0.0.1:40001 10.0.0.2:443 ESTABLISHED 77/app {timer}\n"
        f"tcp 0 {other_queue} 10.0.0.1:40002 10.0.0.2:443 ESTABLISHED 77/app off (0.00/0/0)\n"
    )


def test_a_transfer_between_two_bursts_is_not_refused_by_its_own_host() -> None:
    between = netstat(117288, "probe (0.24/0/0)")
    assert causes(*parse.read(between, "host")) == ()
    later = netstat(120184, "probe (0.25/0/0)")
    assert causes(*parse.read(between + "\n" + later, "host")) == ()


def test_one_probe_of_a_window_is_not_blamed_on_the_own_firewall() -> None:
    def probing(silence: float) -> Snapshot:
        info = {"rto": 0.25, "backoff": 1, "lastsnd": silence, "lastrcv": 9.0, "lastack": 0.3}
        more: dict[str, Any] = {"timer": Timer.PROBE, "probes": 1, "tx_queue": 160000, "info": info}
        return host(at_client(s.ESTABLISHED, **more))

    assert causes(probing(0.3)) == ()
    assert causes(probing(2.9)) == ()
    assert causes(probing(3.0)) != ()


def test_the_next_message_may_be_as_long_as_the_last_one() -> None:
    def look(*queues: int) -> Snapshot:
        sockets = tuple(
            Socket(s.ESTABLISHED, (C[0], 40001 + n), S, 0, queue) for n, queue in enumerate(queues)
        )
        return Snapshot((Sample(sockets, {}, source="ss -tan"),) * 2, "host")

    assert causes(look(200, 0, 0)) == ()
    assert "data-lost" in causes(look(200, 0))
    assert "data-lost" in causes(look(200, 200, 0))


def test_a_row_that_netstat_prints_twice_is_one_connection() -> None:
    def told(*sockets: Socket) -> Snapshot:
        return Snapshot((Sample(sockets, {}, source="netstat"),) * 2, "host")

    def idle(local: tuple[str, int], remote: tuple[str, int]) -> Socket:
        return Socket(s.ESTABLISHED, local, remote, 0, 0, Timer.NONE, 0.0, 0, 0)

    server, client = idle(S, C), idle(C, S)
    unpaired = idle(S, (C[0], 40077))
    assert causes(told(client), told(server, replace(server), LISTENER)) == ()
    assert "peer-gone" in causes(told(client), told(server, unpaired, LISTENER))


def test_an_end_that_just_heard_is_not_missed_though_it_was_there_before() -> None:
    def half_closed(*segments: int) -> Snapshot:
        ago = {"rto": 0.2, "lastrcv": 1.5, "lastack": 1.5, "lastsnd": 9.0}
        sockets = [
            at_client(s.FIN_WAIT2, info={**ago, **({"data_segs_in": number} if number else {})})
            for number in segments
        ]
        samples = [Sample((each,), {}, at=3.0 * n) for n, each in enumerate(sockets)]
        return Snapshot(tuple(samples), "client")

    server = Snapshot((Sample((LISTENER, _elsewhere()), {}, at=3.0),), "server")
    assert "peer-gone" not in causes(half_closed(4, 9), server)
    assert "peer-gone" not in causes(half_closed(0, 1), server)  # ss leaves a zero out
    assert "peer-gone" in causes(half_closed(9, 9), server)


def _elsewhere() -> Socket:
    """What shows that the server has this address."""
    return Socket(s.ESTABLISHED, (S[0], 22), ("10.0.0.7", 40001), 0, 0, Timer.NONE, 0.0, 0, 0, 5)
