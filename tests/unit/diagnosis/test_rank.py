# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshots to answers: the stories of production, grouping, size."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from netlab.diagnosis.rank import diagnose
from netlab.model.tcp import State, Timer
from netlab.render.findings import findings
from netlab.render.style import Style
from netlab.snapshot import rows
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import (
    ConntrackEntry,
    Endpoint,
    Sample,
    Snapshot,
    Socket,
    Tracking,
)

from .build import LISTENER, C, S, again, at_client, at_server, causes, host, s, twice

IDLE = {"lastsnd": 60.0, "lastrcv": 60.0, "lastack": 60.0}


@pytest.mark.parametrize(
    ("socket", "first"),
    [
        (at_server(s.CLOSE_WAIT), "not-closed"),  # D1
        (at_server(s.CLOSE_WAIT, rx_queue=1), "not-closed"),
        (at_server(s.CLOSE_WAIT, inode=0, rx_queue=1), "not-accepted"),
        (at_server(s.LAST_ACK, inode=0, **again()), "fin-lost"),  # D3
        (at_client(s.FIN_WAIT1, inode=0, **again()), "fin-lost"),  # D4
        (at_client(s.FIN_WAIT1, Timer.PROBE, 0, probes=3, tx_queue=1), "own-firewall"),
        (at_client(s.FIN_WAIT1, Timer.PROBE, 0, probes=3, tx_queue=90000, info={"snd_wnd": 0}),
         "orphans-wait"),  # D5
        (at_client(s.FIN_WAIT2, inode=7, info={"rto": 0.2, **IDLE}), "half-closed"),  # D7
        (at_client(s.SYN_SENT, **again()), "syn-lost"),
        (at_client(s.SYN_SENT, **again(info={"retrans": 0, "retrans_total": 3})), "own-firewall"),
        (at_client(s.SYN_SENT, **again(info={"segs_in": 3})), "rst-lost"),  # D2
        (at_client(s.ESTABLISHED, **again(info={"mss": 1448.0})), "data-lost"),
        (at_client(s.ESTABLISHED, Timer.PROBE, probes=3, tx_queue=9000, info={"snd_wnd": 0}),
         "not-read"),
        (at_client(s.ESTABLISHED, **again(5, info={"rto": 6.4, "lastrcv": 400, "lastack": 400})),
         "idle-timeout"),  # D11
        (at_client(s.ESTABLISHED, **again(tx_queue=2000, info={"mss": 1448, "sacked": 1})),
         "path-mtu"),  # D16
        (at_client(s.ESTABLISHED, Timer.KEEPALIVE, probes=4), "peer-gone"),  # D17
        (Socket(s.ESTABLISHED, C, C, 0, 0, Timer.NONE, 0.0, 0, 0, 7), "self-connect"),  # D19
        (Socket(s.LISTEN, (ANY, 443), (ANY, 0), 129, 128, inode=7), "accept-queue-full"),  # D8
    ],
)  # fmt: skip
def test_one_end_of_each_story(socket: Socket, first: str) -> None:
    assert causes(host(socket))[0] == first


BOTH = [
    (at_client(s.SYN_SENT, **again()), LISTENER, "syn-lost"),
    (at_client(s.SYN_SENT, **again()), at_server(s.SYN_RECV, inode=0, **again()), "syn-ack-lost"),
    (at_client(s.SYN_SENT, **again()),
     at_server(s.SYN_RECV, Timer.RETRANSMIT, 0, remaining=0.9), "own-firewall"),
    (at_client(s.ESTABLISHED), at_server(s.SYN_RECV, inode=0, **again()), "handshake-ack-lost"),
    (at_client(s.FIN_WAIT1, inode=0, **again()), at_server(s.ESTABLISHED), "fin-lost"),
    (at_client(s.FIN_WAIT1, inode=0, **again()), at_server(s.CLOSE_WAIT), "fin-ack-lost"),
    (at_client(s.FIN_WAIT1, inode=0, **again()), LISTENER, "rst-lost"),
    (at_client(s.CLOSING, inode=0, **again()), LISTENER, "fin-lost"),  # it was there for the first
    (at_client(s.SYN_RECV, **again(info={"rto": 8.0, "segs_in": 1})), LISTENER, "rst-lost"),
    (at_client(s.SYN_RECV, **again(info={"rto": 8.0, "segs_in": 3})), LISTENER,
     "syn-ack-lost"),  # whoever repeats its SYN is there, and does not hear the answer
    (at_client(s.SYN_RECV, inode=0, **again()), LISTENER, "syn-ack-lost"),
    (at_client(s.FIN_WAIT2, Timer.TIME_WAIT, 0, remaining=20.0),
     at_server(s.LAST_ACK, inode=0, **again()), "fin-lost"),  # D6
    (at_client(s.FIN_WAIT2, Timer.TIME_WAIT, 0, remaining=20.0),
     at_server(s.LAST_ACK, inode=0, **again(tx_queue=301)), "data-lost"),  # and the FIN behind it
    (at_client(s.TIME_WAIT, Timer.TIME_WAIT, 0, remaining=59.0),
     at_server(s.LAST_ACK, inode=0, **again()), "last-ack-lost"),
    (at_client(s.ESTABLISHED, info={"rto": 0.2, **IDLE}), LISTENER, "peer-gone"),  # D14
    (at_client(s.ESTABLISHED, **again()), LISTENER, "rst-lost"),  # D13
    (at_client(s.ESTABLISHED, **again(tx_queue=5, info={"bytes_sent": 20, "bytes_retrans": 15})),
     at_server(s.ESTABLISHED, info={"bytes_received": 5}), "data-ack-lost"),
    (at_client(s.ESTABLISHED, **again(tx_queue=5, info={"bytes_sent": 20, "bytes_retrans": 15})),
     at_server(s.ESTABLISHED, info={"bytes_received": 0, "rto": 0.2}), "data-lost"),
]  # fmt: skip


WAITS = {"rto": 0.4, "lastack": 13.0, "lastrcv": 13.0, "busy": 13.0, "mss": 1448}


def test_what_has_waited_for_long_is_stuck_though_its_timer_fired_once() -> None:
    """The first round trip took seconds, and so does the time-out: 13 s, and one repetition."""
    waits = at_client(s.ESTABLISHED, **again(1, tx_queue=30, info=WAITS))
    assert causes(host(waits))[0] == "data-lost"
    assert causes(host(at_client(s.ESTABLISHED, **again(1, tx_queue=30)))) == ()


def test_icmp_that_came_in_the_meantime_tells_why() -> None:
    waits = at_client(s.ESTABLISHED, **again(3, tx_queue=30, info=WAITS))
    for counter in ("IcmpInDestUnreachs", "Icmp6InDestUnreachs"):
        assert causes(twice(waits, {counter: 1}, {counter: 4}))[0] == "icmp-error"
    assert causes(twice(waits, {"IcmpInDestUnreachs": 4}, {"IcmpInDestUnreachs": 4}))[0] != (
        "icmp-error"
    )


def test_a_route_that_is_gone_leaves_the_least_path_mtu() -> None:
    info = {"rto": 0.4, "snd_wnd": 65536, "backoff": 3, "lastack": 9.0, "pmtu": 68}
    probes = at_client(s.ESTABLISHED, Timer.PROBE, probes=3, tx_queue=2000, info=info)
    assert causes(host(probes))[0] == "no-route"
    info = {**info, "pmtu": 1500}
    probes = at_client(s.ESTABLISHED, Timer.PROBE, probes=3, tx_queue=2000, info=info)
    assert causes(host(probes))[0] == "own-firewall"


def test_who_matched_two_translated_ends_is_told() -> None:
    client = replace(at_client(s.ESTABLISHED, **again(3, tx_queue=30)), remote=("10.96.0.1", 80))
    server = at_server(s.ESTABLISHED, **again(3, tx_queue=30))
    entry = ConntrackEntry((C, ("10.96.0.1", 80)), (S, C), "ESTABLISHED")
    nat = Snapshot((Sample((), whole=False, tracking=Tracking((entry,))),), "nat1")
    for beside, by in (((), "their ports"), ((nat,), "connection tracking of nat1")):
        (found,) = diagnose([host(client), host(server), *beside]).findings
        told = f"the two ends were matched by {by}: an address was translated (NAT)"
        assert told in found.evidence_against


def test_a_translation_that_carries_nothing_any_more() -> None:
    client = replace(at_client(s.ESTABLISHED, **again(3, tx_queue=30)), remote=("10.96.0.1", 80))
    server = at_server(s.ESTABLISHED, **again(3, tx_queue=30))
    (found,) = diagnose([host(client), host(server)]).findings
    assert found.cause == "nat-broken"
    assert found.connections[0].translated
    idle = replace(server, tx_queue=0, timer=Timer.NONE, retransmits=0)
    assert "nat-broken" not in causes(host(client), host(idle))


def test_a_full_queue_is_seen_from_the_client_and_in_netstat() -> None:
    works = Socket(s.ESTABLISHED, (C[0], 40009), S, 0, 0, Timer.NONE, 0.0, 0, 0, 9)
    stuck = at_client(s.SYN_SENT, **again())
    assert causes(host(stuck, works))[0] == "accept-queue-full"
    assert causes(host(stuck))[0] == "syn-lost"
    listens = Socket(s.LISTEN, ("0.0.0.0", 443), (ANY, 0), 129, 0, owner="7/nginx")
    for waiting, expected in ((129, ("accept-queue-full",)), (128, ())):
        sample = Sample((replace(listens, rx_queue=waiting),), source="netstat -tnap")
        assert causes(Snapshot((sample,), "host"))[:1] == expected


def test_a_fin_behind_unsent_data_is_not_what_is_lost() -> None:
    """As ss -tan shows it: 50 KB in Send-Q, no timers."""
    found = causes(host(Socket(s.FIN_WAIT1, C, S, 0, 50_000)))
    assert set(found) >= {"orphans-wait", "data-lost"}
    assert "fin-lost" not in causes(host(Socket(s.FIN_WAIT1, C, S, 0, 50_000)))[:1]


@pytest.mark.parametrize(("client", "server", "first"), BOTH)
@pytest.mark.parametrize("turned", [False, True])
def test_both_ends_name_the_segment(
    client: Socket, server: Socket, first: str, turned: bool
) -> None:
    ends = [host(client), host(server, LISTENER)]
    assert causes(*(reversed(ends) if turned else ends))[0] == first


@pytest.mark.parametrize(
    "sockets",
    [
        (LISTENER,),
        (at_client(s.ESTABLISHED),),
        (at_client(s.ESTABLISHED, Timer.RETRANSMIT, tx_queue=5000),),  # in flight
        (at_client(s.TIME_WAIT, Timer.TIME_WAIT, 0, remaining=30.0),),
        (at_client(s.SYN_SENT, Timer.RETRANSMIT, tx_queue=1, remaining=0.95),),
        (at_client(s.SYN_SENT, Timer.RETRANSMIT, tx_queue=1, remaining=0.05),),  # sent once
        (at_server(s.SYN_RECV, Timer.RETRANSMIT, 0, remaining=0.2),),
        (at_client(s.FIN_WAIT1, Timer.RETRANSMIT, 0, tx_queue=1),),  # it passes by
        (at_client(s.FIN_WAIT2, Timer.TIME_WAIT, 0, remaining=20.0),),  # an orphan: 60 s at most
        (at_client(s.ESTABLISHED, Timer.KEEPALIVE, probes=1),),  # a probe is on its way
        (at_client(s.ESTABLISHED, Timer.KEEPALIVE, probes=2),),  # and one was lost
        (at_client(s.ESTABLISHED, Timer.KEEPALIVE, remaining=7000.0),),
    ],
)
def test_what_is_normal_is_not_accused(sockets: tuple[Socket, ...]) -> None:
    found = diagnose([host(*sockets)])
    assert found.findings == ()
    assert (found.healthy, found.sockets) == (len(sockets), len(sockets))


def test_a_third_probe_without_an_answer_is_no_loss_any_more() -> None:
    for probes, expected in ((2, ()), (3, ("idle-timeout",))):
        idle = at_client(s.ESTABLISHED, Timer.KEEPALIVE, probes=probes)
        assert causes(host(idle), host(at_server(s.ESTABLISHED), LISTENER)) == expected


@pytest.mark.parametrize(("closed", "backoff", "expected"), [(1.4, 2, ()), (3.2, 3, ("not-read",))])
def test_a_window_that_closes_after_a_long_transfer_is_no_firewall(
    closed: float, backoff: int, expected: tuple[str, ...]
) -> None:
    """As of nginx for `curl --limit-rate`: most of the time it was busy it had room. A second or
    two is a pause of such a reader.
    """
    info = {
        **dict.fromkeys(("rto", "rtt"), 0.3), "busy": closed + 2.668, "rwnd_limited": closed + 0.3,
        "backoff": backoff, "lastsnd": closed, "lastack": 0.068, "lastrcv": closed + 2.668,
        "notsent": 41392, "data_segs_out": 169,
    }  # fmt: skip
    sends = at_server(
        s.ESTABLISHED, Timer.PROBE, tx_queue=41392, probes=0, remaining=1.228, info=info
    )
    reads = at_client(s.ESTABLISHED, rx_queue=93272, info={"rto": 0.3, "lastrcv": closed - 0.056})
    for hosts in ([host(sends)], [host(sends), host(reads)]):
        assert tuple(each.split()[0] for each in causes(*hosts)) == expected


SILENT, ANSWERS = (
    Snapshot((Sample((LISTENER,), {"TcpOutRsts": 1}), Sample((LISTENER,), {"TcpOutRsts": after})))
    for after in (1, 4)
)


def test_counters_tell_who_hears() -> None:
    samples = (Sample((at_client(s.FIN_WAIT1, inode=0, **again(times)),)) for times in (3, 4))
    client = Snapshot(tuple(samples), "host")
    assert causes(client, SILENT) == ("fin-lost",)
    assert causes(client, ANSWERS)[0] == "rst-lost"


@pytest.mark.parametrize(
    ("state", "causes_alike"),
    [
        (s.FIN_WAIT1, {"rst-lost", "fin-lost"}),
        (s.LAST_ACK, {"rst-lost", "fin-lost"}),
        (s.SYN_RECV, {"rst-lost", "syn-ack-lost"}),
    ],
)
def test_silence_means_nothing_where_nothing_was_repeated_meanwhile(
    state: State, causes_alike: set[str]
) -> None:
    client = twice(at_client(state, inode=0, **again(remaining=7.9)), {}, {})
    assert set(causes(client, SILENT)) == causes_alike


def test_resets_are_no_answer_to_an_end_that_is_silent() -> None:
    """A busy host sends some all the time: health checks end by them."""
    client = twice(at_client(s.ESTABLISHED, info={"rto": 0.2, **IDLE}), {}, {})
    assert causes(client, ANSWERS)[0] == "peer-gone"
    assert causes(client, SILENT)[0] == "peer-gone"


def test_whoever_goes_on_answering_a_client_that_has_shut_down_has_not_forgotten_to_close() -> None:
    """The client's host was looked at before, while the FIN was on its way."""
    answering = [
        Sample((at_server(s.CLOSE_WAIT, info={"rto": 0.2, "data_segs_out": sent, "lastrcv": 3.0}),))
        for sent in (12, 26)
    ]
    client = host(at_client(s.FIN_WAIT1, Timer.RETRANSMIT, tx_queue=1, info={"rto": 0.2}))
    assert causes(Snapshot(tuple(answering), "server"), client) == ()
    stuck = Sample((at_server(s.CLOSE_WAIT, info={"rto": 0.2, "lastrcv": 3.0, "lastack": 3.0}),))
    assert causes(Snapshot((stuck, stuck), "server"), client) == ("not-closed",)


BLOCKED = {"snd_wnd": 0, "lastrcv": 4.0, "lastack": 0.1, "rto": 0.204, "data_segs_out": 80}


def blocked(probes: int, **info: float) -> Socket:
    return at_client(s.ESTABLISHED, Timer.PROBE, probes=probes, tx_queue=9000,
                     info={**BLOCKED, **info})  # fmt: skip


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([blocked(1, lastsnd=0.3)], ()),  # the reader stood still for a moment
        ([blocked(0, lastsnd=0.1)], ()),
        ([blocked(2, lastsnd=0.7)], ("not-read",)),  # nobody is there who would answer
        ([blocked(1, lastsnd=2.9, backoff=3)], ()),  # each probe was answered
        ([blocked(0, lastsnd=2.9, backoff=4)], ("not-read",)),
        ([blocked(1, lastsnd=5.0)], ("not-read",)),
        ([blocked(1, lastsnd=0.2), blocked(1, lastsnd=2.2)], ()),  # late on a busy machine
        ([blocked(1, lastsnd=1.2), blocked(1, lastsnd=3.2)], ("not-read",)),
        ([blocked(1, lastsnd=0.2), blocked(1, lastsnd=0.1, data_segs_out=120)], ()),
    ],
)
def test_a_window_that_has_just_closed_is_no_finding(
    samples: list[Socket], expected: tuple[str, ...]
) -> None:
    assert causes(Snapshot(tuple(Sample((socket,)) for socket in samples), "host")) == expected


@pytest.mark.parametrize("state", [s.LAST_ACK, s.CLOSING, s.FIN_WAIT1])
def test_a_fin_may_wait_longer_than_its_first_time_out_allows_to_see(state: State) -> None:
    def fin(remaining: float, lastack: float) -> Socket:
        info = {"rto": 9.1, "unacked": 1, "lastack": lastack, "lastsnd": lastack,
                "lastrcv": lastack}  # fmt: skip
        return at_client(state, Timer.RETRANSMIT, tx_queue=1, remaining=remaining, info=info)

    assert causes(host(fin(5.0, 4.0)))[0] == "fin-lost"
    assert causes(host(fin(8.5, 4.0))) == ()  # idle for four seconds, closed just now
    assert causes(host(fin(8.5, 0.6))) == ()
    assert causes(host(fin(7.5, 1.6))) == ()
    samples = (Sample((fin(2.2, 4.0),)), Sample((fin(8.5, 7.0),)))  # a tail loss probe between them
    assert causes(Snapshot(samples, "host"))[0] == "fin-lost"


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        (7.0, ("data-lost",)),  # it was in the middle of its work
        (11.0, ("data-lost", "idle-timeout")),
        (400.0, ("idle-timeout",)),
    ],
)
def test_a_nat_that_forgot_is_named_with_both_ends_too(
    silence: float, expected: tuple[str, ...]
) -> None:
    sent = {"mss": 1448, "rto": 3.2, "lastack": silence, "lastrcv": silence, "lastsnd": 0.1,
            "bytes_sent": 600, "bytes_retrans": 500}  # fmt: skip
    client = at_client(s.ESTABLISHED, **again(4, tx_queue=100, info=sent))
    server = at_server(s.ESTABLISHED, info={"rto": 0.2, "bytes_received": 0, "lastrcv": silence})
    assert causes(host(client), host(server, LISTENER)) == expected


def leaving(port: int, inode: int = 1, **info: float) -> Socket:
    known = {"rto": 0.2, "data_segs_in": 1, "data_segs_out": 1, "lastrcv": 0.5, "lastsnd": 0.5}
    return Socket(s.CLOSE_WAIT, S, ("10.1.0.1", port), 1, 0, Timer.NONE, 0.0, 0, 0, inode,
                  info={**known, "lastack": 0.1, **info})  # fmt: skip


def test_many_in_close_wait_are_a_leak_only_when_they_are_not_young() -> None:
    """Thirty closed within a second are a service under load, which closes them in a moment."""
    assert causes(host(LISTENER, *map(leaving, range(2000, 2030)))) == ()
    old = [leaving(port, lastrcv=9.0, lastack=9.0, lastsnd=9.0) for port in range(2000, 2030)]
    (found,) = diagnose([host(LISTENER, *old)]).findings
    assert (found.cause, len(found.connections)) == ("not-closed", 30)
    assert "30 of one service are in CLOSE_WAIT at once" in found.evidence_for[-1]
    pool = [
        Socket(s.CLOSE_WAIT, (C[0], port), S, 1, 0, Timer.NONE, 0.0, 0, 0, port,
               info={"rto": 0.2, "lastrcv": 9.0, "lastack": 9.0, "data_segs_in": 1})
        for port in range(40000, 40010)
    ]  # fmt: skip
    (found,) = diagnose([host(*pool)]).findings
    assert (found.cause, found.service) == ("not-closed", "10.0.0.2:443")
    assert "'dport = :443'" in found.confirm


def test_a_few_in_close_wait_or_many_that_still_send_are_well() -> None:
    assert causes(host(LISTENER, *map(leaving, range(2000, 2005)))) == ()
    assert causes(host(LISTENER, *(leaving(n, lastsnd=0.01) for n in range(2000, 2030)))) == ()


def test_ten_thousand_of_one_service_are_one_finding() -> None:
    owner = 'users:(("app",pid=7,fd=3))'
    leaked = [
        Socket(s.CLOSE_WAIT, S, ("10.1.0.1", port), 1, 0, Timer.NONE, 0.0, 0, 0, port, owner)
        for port in range(20000, 30000)
    ]
    other = at_client(s.SYN_SENT, **again())
    found = diagnose([host(LISTENER, other, *leaked)])
    assert [(each.cause, len(each.connections)) for each in found.findings] == [
        ("not-closed", 10000), ("syn-lost", 1),
    ]  # fmt: skip
    assert (found.findings[0].service, found.findings[0].owners) == (
        "port 443", ("app (pid 7)",),
    )  # fmt: skip
    assert found.healthy == 1
    shown = findings(found, Style(False), width=80).splitlines()
    second = next(number for number, line in enumerate(shown) if line.startswith("2  syn-lost"))
    assert (second <= 22, len(shown) <= 36) == (True, True), "all of it fits a screen or so"
    assert "10,000 x CLOSE_WAIT, port 443, of app (pid 7)" in "\n".join(shown[:5])
    assert max(map(len, shown)) <= 80


def _plain(number: int, state: State, local: Endpoint, remote: Endpoint, **more: Any) -> Socket:
    """A row of a listing without timers and figures, with a port of its own."""
    first, second = ((a, p or 1024 + number) for a, p in (local, remote))
    return Socket(state, first, second, **{"rx_queue": 0, "tx_queue": 0, **more})


OTHER = ("10.9.0.9", 0)
MOST = [s.TIME_WAIT] * 6 + [s.ESTABLISHED] * 3 + [s.CLOSE_WAIT]  # of ten
#: What a host may have many of, each with another way to look at all the others.
CROWDS: dict[str, Callable[[int], list[Snapshot]]] = {
    "a queue that stands in two looks": lambda size: [
        Snapshot((Sample(many), Sample(many)), "host")
        for many in [
            tuple(_plain(n, s.ESTABLISHED, (C[0], 0), S, tx_queue=7) for n in range(size))
        ]
    ],
    "ends behind a NAT": lambda size: [
        host(*(_plain(n, s.ESTABLISHED, (C[0], 0), S, **again()) for n in range(size))),
        host(LISTENER, *(_plain(n, s.ESTABLISHED, (S[0], 7), OTHER) for n in range(size))),
    ],
    "requests": lambda size: [
        host(*(_plain(n, s.SYN_SENT, (C[0], 0), S, **again()) for n in range(size))),
        host(LISTENER, *(_plain(n, s.ESTABLISHED, (S[0], 0), OTHER) for n in range(size))),
    ],
    "listeners": lambda size: [
        host(
            *(_plain(n, s.LISTEN, (C[0], 0), (ANY, 1), rx_queue=1, owner="7/app")
              for n in range(size)),
            *(_plain(n, s.ESTABLISHED, (C[0], 0), OTHER) for n in range(size)),
        )
    ],
    "hosts": lambda size: [host(_plain(n, s.FIN_WAIT2, (C[0], 0), S)) for n in range(size)],
    "what most hosts have": lambda size: [
        host(
            *(_plain(n, MOST[n % 10], (S[0], 443), (f"10.{n >> 15}.0.1", 0), rx_queue=n % 10 // 9,
                     timer=Timer.NONE, inode=n + 1) for n in range(size))
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize("crowd", CROWDS)
def test_four_times_as_many_sockets_take_about_four_times_as_long(crowd: str) -> None:
    """Processor time, of which sixteen times as much would be each looking at each other."""

    def cost(size: int) -> float:
        snapshots = CROWDS[crowd](size)
        gc.disable()  # what else this process holds is none of it
        try:
            began = time.process_time()
            diagnose(snapshots)
            return time.process_time() - began
        finally:
            gc.enable()

    assert min(cost(8000), cost(8000)) < 10 * max(min(cost(2000), cost(2000)), 0.02)


def test_one_end_says_what_the_other_would_mean() -> None:
    (found,) = diagnose([host(at_client(s.FIN_WAIT1, inode=0, **again()))]).findings
    meaning = {end.means.split()[0]: end.shows for end in found.other_end}
    assert "ESTABLISHED" in meaning["fin-lost"]
    assert "CLOSE_WAIT" in meaning["fin-ack-lost"]
    assert "nothing" in meaning["rst-lost"]


@pytest.mark.parametrize("timed", [True, False])
def test_what_may_be_where_a_syn_goes_to(timed: bool) -> None:
    """The cases that tell most: a request there, a listener that is full, and no listener."""
    bare = Socket(s.SYN_SENT, C, S, 0, 1)
    (found,) = diagnose([host(at_client(s.SYN_SENT, **again()) if timed else bare)]).findings
    meaning = {end.shows: end.causes for end in found.other_end}
    assert meaning["SYN_RECV"] == ("syn-ack-lost",)
    assert meaning["LISTEN with Recv-Q above Send-Q"] == ("accept-queue-full",)
    assert meaning["only LISTEN, with room"] == ("syn-lost",)
    assert meaning["not even LISTEN"] == ("syn-lost", "rst-lost")
    assert {"own-firewall", "accept-queue-full"} <= {*found.also, *found.less_likely}


def test_what_states_alone_do_not_show_is_not_said() -> None:
    (found,) = diagnose([host(Socket(s.SYN_SENT, C, S, 0, 1))]).findings
    assert found.evidence_for == ("this end waits for an answer to its SYN",)


def test_states_alone_are_less_sure() -> None:
    only = Socket(s.CLOSE_WAIT, S, C, 1, 0)
    aged = at_server(s.CLOSE_WAIT, rx_queue=1, info={"rto": 0.2, "lastrcv": 9.0, "lastack": 9.0})
    (sure,) = diagnose([host(aged)]).findings
    (unsure,) = diagnose([host(only)]).findings
    assert unsure.cause == sure.cause
    assert unsure.confidence < sure.confidence


def test_a_host_with_a_hundred_thousand_sockets() -> None:
    (found,) = diagnose(CROWDS["what most hosts have"](100_000)).findings
    assert len(found.connections) == 10_000


def test_what_is_well_hides_nothing_that_comes_after_it() -> None:
    """A client in TIME_WAIT whose server has forgotten it, as it should."""
    ended = at_client(s.TIME_WAIT, timer=Timer.TIME_WAIT, remaining=9.0)
    stuck = Socket(s.SYN_SENT, (C[0], 40002), (S[0], 80), 0, 1, Timer.RETRANSMIT, 9.0, 4, 0, 7)
    near, far = (at_client(s.ESTABLISHED), at_server(s.ESTABLISHED))
    near, far = (
        replace(near, local=(C[0], 40003)),
        replace(far, remote=(C[0], 40003)),
    )
    (found,) = diagnose([host(ended, stuck, near), host(far, LISTENER)]).findings
    assert found.cause == "syn-lost"


def test_an_answer_tells_the_port_the_hosts_and_how_many_sockets_it_has_looked_at() -> None:
    stuck = at_client(s.SYN_SENT, **again())
    client = Snapshot(
        (Sample((stuck,)), Sample((stuck, replace(stuck, local=(C[0], 40002))))), "web1"
    )
    (found,) = (answer := diagnose([client])).findings
    assert (found.port, found.hosts, answer.sockets, answer.healthy) == (443, (), 2, 0)
    both = Snapshot((Sample((stuck,)),), "web1"), Snapshot((Sample((LISTENER,)),), "db1")
    (found,) = diagnose(both).findings
    assert (found.port, found.hosts) == (443, ("web1",))
    nowhere = replace(stuck, remote=(S[0], 0))
    (found,) = diagnose([host(nowhere)]).findings
    assert found.port is None


def test_what_is_at_rest_in_a_crowd_is_the_other_end_of_what_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both hosts have many sockets, and each connection is told of once, with both its ends."""
    ports = range(40001, 40004)
    leaves = [replace(at_client(s.FIN_WAIT1, **again()), local=(C[0], port)) for port in ports]
    old = {"rto": 0.2, **IDLE}
    stays = [replace(at_server(s.ESTABLISHED, info=old), remote=(C[0], port)) for port in ports]
    calm = [Socket(s.ESTABLISHED, (C[0], 22), ("10.0.0.9", port), 0, 0, inode=9) for port in ports]
    few = diagnose([host(*leaves, *calm), host(*stays, LISTENER)])
    monkeypatch.setattr(rows, "MANY", 0)
    crowds = [rows.sockets(rows.table(each)) for each in ([*leaves, *calm], [*stays, LISTENER])]
    many = diagnose(
        [Snapshot((Sample(sockets, source="ss -tanoei"),), "host") for sockets in crowds]
    )
    assert [len(finding.connections) for finding in few.findings] == [3]
    assert many.findings[0].connections == few.findings[0].connections
    assert many == few
