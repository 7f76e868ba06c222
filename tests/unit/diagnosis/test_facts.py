# SPDX-License-Identifier: GPL-2.0-or-later
"""What each fact says, on both sides of each of its bounds, and where it cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.diagnosis.facts import DESTINATION_FACTS, FACTS
from netlab.diagnosis.facts.registry import Value
from netlab.diagnosis.facts.sending import unacknowledged
from netlab.diagnosis.facts.timing import stuck_for
from netlab.diagnosis.observed import Destination, Listener, ObservedEnd, ObservedHost
from netlab.diagnosis.translation import Tracked
from netlab.model.tcp import State, Timer
from netlab.snapshot.records import ConntrackEntry, Neighbourhood, Socket

from .build import C, S, s

NONE, AGAIN, PROBE, ALIVE = Timer.NONE, Timer.RETRANSMIT, Timer.PROBE, Timer.KEEPALIVE
WAITS = Timer.TIME_WAIT
NEVER = 1e6
#: Backlogs: what Python, Redis, nginx, Apache, Java, Go and Node.js ask for, and somaxconn allows.
USUAL = (5, 10, 16, 32, 50, 64, 100, 128, 200, 256, 300, 500, 511, 512, 1000, 1024, 2048, 4096)


def sock(state: State = s.ESTABLISHED, **more: Any) -> Socket:
    """The client's socket; of what it does not say, the source had nothing."""
    return Socket(state, **{"local": C, "remote": S, "rx_queue": 0, "tx_queue": 0, **more})


def end(
    state: State = s.ESTABLISHED,
    host: ObservedHost | None = None,
    before: Socket | None = None,
    elapsed: float | None = None,
    **more: Any,
) -> ObservedEnd:
    """The client's end, with its socket in the last sample."""
    return ObservedEnd(state, host or ObservedHost(), sock(state, **more), before, elapsed)


def info(**figures: float) -> dict[str, Any]:
    """What ss -i shows."""
    return {"info": figures}


def at(**more: Any) -> ObservedHost:
    return ObservedHost(**more)


def listening(
    waiting: int = 0, backlog: int | None = None, requests: int = 0, owner: str = ""
) -> dict[str, Any]:
    """A host with a listener at the client's port, and at the one that the other end wants."""
    full = backlog is not None and waiting > backlog
    return {"listeners": {C[1]: Listener(waiting, backlog, requests, full, owner)}}


def listener(
    rx_queue: int, tx_queue: int = 0, before: Socket | None = None, **more: Any
) -> ObservedEnd:
    """The end of a listener; `more` is about its host."""
    return end(s.LISTEN, at(**more), before, rx_queue=rx_queue, tx_queue=tx_queue)


def queued(*ages: float | None, **more: Any) -> dict[str, Any]:
    """A host whose listener has an owner, and as many connections to it that nobody holds."""
    each = [
        sock(**{"inode": 0, "info": {} if age is None else {"lastack": age}, **more})
        for age in ages
    ]
    return {**listening(1, owner="nginx"), "sockets": each}


def crowds(local: int, remote: int) -> ObservedHost:
    host = at()
    host.crowds.update({C[1]: local, S: remote})
    return host


def counted(**counts: int) -> ObservedEnd:
    """An end on a host of which only the numbers by state are known."""
    return ObservedEnd(
        s.CLOSED, at(counts={State[name]: number for name, number in counts.items()})
    )


def beside(silent: dict[str, bool], routers: dict[str, str] | None = None) -> ObservedHost:
    """A host whose neighbours were listed."""
    return at(neighbourhood=Neighbourhood(silent, routers or {}))


def on_the_way(
    *states: str | None, state: State = s.ESTABLISHED, answered: bool = True
) -> ObservedEnd:
    """An end whose connection some hosts track, in these states; None: one of them has no entry."""
    one = end(state)
    one.tracked = [
        Tracked(
            f"router{number}",
            None if entry is None else ConntrackEntry((C, S), (S, C), entry, answered=answered),
        )
        for number, entry in enumerate(states)
    ]
    return one


GONE = ObservedEnd(s.CLOSED, at())
#: Beside a connection, a listener that programs hold: its own holder would be shown, too.
OWNED = at(**listening(owner="nginx"))
#: Another connection of the client's to the same service, which works.
BESIDE = sock(local=(C[0], 40002))
#: One of the same program's, to another service.
ELSEWHERE = sock(
    local=(C[0], 40003), remote=("10.0.0.3", 80), owner="nginx", **info(lastrcv=0.1, rto=1)
)
#: The other end: its socket goes to the client's port.
PEER = ObservedEnd(s.ESTABLISHED, at(), sock(local=S, remote=C))


def theirs(state: State = s.ESTABLISHED, **more: Any) -> ObservedEnd:
    return ObservedEnd(state, at(), sock(state, **{"local": S, "remote": C, **more}))


Case = tuple[ObservedEnd, ObservedEnd | None, Value]


def alone(*cases: tuple[ObservedEnd, Value]) -> list[Case]:
    """What is so whatever the other end is."""
    return [(own, peer, value) for own, value in cases for peer in (None, PEER)]


CASES: dict[str, list[Case]] = {
    # --- application
    "held": alone(
        (GONE, None), (end(), None), (end(inode=0), False), (end(inode=7), True),
        (end(host=OWNED), False), (end(host=OWNED, owner="nginx"), True),
        (end(host=OWNED, inode=7), True), (end(host=at(**listening())), None),
        (end(owner="nginx"), True), (end(inode=0, owner="nginx"), True),
    ),
    "unread": alone(
        (GONE, False), (end(**info(lastrcv=9)), False), (end(rx_queue=5), None),
        (end(rx_queue=1, **info(lastrcv=9)), True),
        (end(rx_queue=5, **info(lastrcv=2.9)), False), (end(rx_queue=5, **info(lastrcv=3)), True),
        (end(rx_queue=5, **info(lastrcv=NEVER)), None), (end(rx_queue=5, **info(rto=1)), False),
        (end(before=sock(**info(bytes_received=5)), rx_queue=5, **info(bytes_received=5)), False),
        (end(before=sock(rx_queue=5), rx_queue=5, **info(lastrcv=9, bytes_received=5)), None),
        (end(before=sock(rx_queue=5), rx_queue=5), True),  # the same number twice, of ss -tan
        (end(before=sock(rx_queue=5), rx_queue=6), None),
        (end(before=sock(rx_queue=6), rx_queue=5), None),
        (end(before=sock(rx_queue=5, **info(bytes_received=5)), rx_queue=5), None),
        *((end(before=sock(rx_queue=5, **info(bytes_received=9)), elapsed=elapsed, rx_queue=queue,
               **info(bytes_received=20, lastrcv=age)), value)
          for elapsed, age, queue, value in (
              (3, 0.1, 15, False), (3, 0.1, 16, True), (3, 0.1, 17, True), (1, 3, 16, True),
              (1, 3, 15, False),
              # A reader that works comes a second late on a busy machine.
              (1, 2.9, 16, False), (2.9, 0.1, 16, False), (None, 2.9, 16, False))),
    ),
    "unaccepted": alone(
        (end(), None), (end(inode=7), False), (end(inode=0), None),
        (end(inode=0, elapsed=1, before=sock()), True), (end(inode=0, elapsed=1), False),
        (end(inode=0, elapsed=0.9, before=sock()), None),
        (end(inode=0, **info(lastsnd=1, lastrcv=1, lastack=1)), True),
        (end(inode=0, **info(lastsnd=0.9, lastrcv=1, lastack=1)), False),
    ),
    "ignored": alone(
        (GONE, False), (end(inode=0, **info(lastack=9)), False),
        *((end(host=at(**listening(waiting)), inode=inode, **info(lastsnd=NEVER, lastrcv=age,
                                                                  lastack=NEVER)), value)
          for waiting, inode, age, value in (
              (1, 0, 3, True), (1, 0, 2.9, False), (0, 0, 3, False), (1, 7, 3, False),
              (1, 0, 0.5, False), (2, 0, 60, True))),
        (end(host=at(**listening(1)), inode=0, elapsed=9, before=sock()), None),
    ),
    "crowd": alone(
        (GONE, 0), (end(host=crowds(3, 3), inode=7), 0),
        (end(s.CLOSE_WAIT, crowds(3, 3), inode=0), 0),
        (end(s.CLOSE_WAIT, crowds(3, 5), inode=7), 5), (end(s.CLOSE_WAIT, crowds(6, 5)), 6),
        (ObservedEnd(s.CLOSE_WAIT, crowds(3, 3)), 0),
    ),
    "young": alone(
        (end(), None), (end(**info(lastrcv=0.9)), True), (end(**info(lastrcv=1)), False),
        (end(**info(lastsnd=0.1)), None), (end(**info(lastack=0.9, lastrcv=5)), True),
        *((end(before=sock(), elapsed=elapsed, **info(lastrcv=age)), value)
          for elapsed, age, value in ((3, 0.1, False), (2.9, 0.1, True), (2.9, 1, False))),
        (end(before=sock(), elapsed=1), False),
        (end(before=sock(s.SYN_SENT), **info(lastrcv=0.1)), True),
        (end(**info(lastrcv=0.1, segs_in=5)), False), (end(**info(lastrcv=0.1, segs_in=4)), True),
        *((end(s.CLOSE_WAIT, at(sockets=shown), inode=inode, **info(lastrcv=age)), value)
          for shown, inode, age, value in (  # its program works, and comes to it seconds later
              ([BESIDE], 7, 2.9, True), ([BESIDE], 7, 3, False), ([BESIDE], 0, 2.9, False),
              ([], 7, 1, False), ([BESIDE, *2 * [sock(s.CLOSE_WAIT)]], 7, 1, False))),
        *((end(s.CLOSE_WAIT, at(sockets=shown), owner=owner, **info(lastrcv=age)), value)
          for shown, owner, age, value in (  # its program works, for others
              ([ELSEWHERE], "nginx", 2.9, True), ([ELSEWHERE], "nginx", 3, False),
              ([ELSEWHERE], "redis", 1, False), ([ELSEWHERE], "", 1, False),
              ([ELSEWHERE, *2 * [sock(s.CLOSE_WAIT)]], "nginx", 1, False))),
        (end(s.CLOSE_WAIT, crowds(10, 0), **info(lastrcv=0.1)), True),  # however many: it is new
        (end(s.CLOSE_WAIT, crowds(10, 0)), False), (end(s.CLOSE_WAIT, crowds(9, 0)), None),
    ),
    "active": alone(
        (GONE, False), (end(), None), (end(**info(lastrcv=0.1, lastsnd=0.1)), None),
        (end(**info(data_segs_in=1, lastrcv=0.9)), True),
        (end(**info(data_segs_in=1, lastrcv=1)), False),
        (end(**info(data_segs_in=1, lastrcv=NEVER)), None),
        (end(**info(data_segs_in=0, lastrcv=0.1)), None),
        (end(**info(data_segs_out=1, lastsnd=0.9)), True),
        (end(**info(data_segs_out=1, lastsnd=1)), False),
        (end(**info(data_segs_out=1, lastsnd=0.9, data_segs_in=1, lastrcv=5)), True),
        (end(retransmits=1, **info(data_segs_in=1, lastrcv=0.1)), False),
        *((end(before=sock(**then), **now), value) for then, now, value in (
            (info(rto=1), info(data_segs_in=1, lastrcv=9), True),
            (info(rto=1), info(rto=1), False),
            (info(data_segs_in=1), info(rto=1), False),
            (info(data_segs_in=4, data_segs_out=4), info(data_segs_in=4, data_segs_out=4), False),
            (info(data_segs_in=4, data_segs_out=4), info(data_segs_in=4, data_segs_out=5), True),
            (info(data_segs_in=4, data_segs_out=4), info(data_segs_in=5, data_segs_out=4), True),
            (info(), info(data_segs_in=1, lastrcv=0.1), True),
            (info(data_segs_in=1), info(), None),
        )),
    ),
    "counted_leaving": alone(
        (GONE, 0), (counted(CLOSE_WAIT=9), 0), (counted(CLOSE_WAIT=10), 10),
        (counted(CLOSE_WAIT=99, ESTABLISHED=100), 0), (counted(CLOSE_WAIT=99, ESTABLISHED=99), 99),
        (counted(FIN_WAIT1=99), 0),
    ),
    "counted_waiting": alone(
        (GONE, 0), (counted(SYN_SENT=4, FIN_WAIT1=3, LAST_ACK=2), 0),
        (counted(SYN_SENT=4, FIN_WAIT1=3, LAST_ACK=2, CLOSING=1), 10),
        (counted(SYN_SENT=50, ESTABLISHED=10), 50), (counted(SYN_SENT=49, ESTABLISHED=10), 0),
        (counted(CLOSE_WAIT=99), 0),
    ),
    # --- handshake
    "port_chosen": alone(
        (GONE, None),
        *((end(host=at(sysctls={"ip_local_port_range": f"{first} {last}"})), value)
          for first, last, value in (
              (C[1], 50000, False), (C[1] + 1, 50000, True), (30000, C[1], False),
              (30000, C[1] - 1, True), (30000, 50000, False))),
    ),
    "with_itself": alone((GONE, False), (end(), False), (end(remote=C), True)),
    "timed_out": alone(
        (ObservedEnd(s.SYN_RECV, at()), None), (end(retransmits=1), None), (end(s.SYN_RECV), None),
        (end(s.SYN_RECV, retransmits=1), True), (end(s.SYN_RECV, retransmits=2), True),
        (end(s.SYN_RECV, retransmits=0, remaining=1.05), False),
        (end(s.SYN_RECV, remaining=1.15), True),
    ),
    "answers_more": alone(
        (GONE, None), (end(inode=0, retransmits=2), None),
        (end(inode=0, retransmits=2, remaining=0), None), (end(inode=0, remaining=1), None),
        (end(inode=0, retransmits=0, remaining=1), None),
        (end(inode=7, retransmits=2, remaining=1), None),
        (end(inode=0, retransmits=1, remaining=1), None),
        (end(inode=0, retransmits=2, remaining=2), True),
        (end(inode=0, retransmits=2, remaining=2.1), False),
        (end(inode=0, retransmits=3, remaining=2.8), True),
        (end(inode=0, retransmits=3, remaining=2.9), False),
        (end(inode=0, retransmits=4, remaining=4), True),
        (end(inode=0, retransmits=4, remaining=4.1), False),
    ),
    "overflows": alone(
        (GONE, False), (end(), False), (end(host=at(**listening(0, 0), risen={})), False),
        (end(host=at(**listening(128, 128))), False), (end(host=at(**listening(129, 128))), True),
        (end(host=at(**listening(1, 0))), True), (end(host=at(**listening(1))), None),
        (end(host=at(**listening(1), risen={})), False),
        (end(host=at(**listening(1), risen={"ListenOverflows": 0})), False),
        (end(host=at(**listening(1), risen={"ListenOverflows": 1})), True),
        (end(host=at(**listening(0), risen={"ListenOverflows": 1})), False),
        # of several listeners at one port, each has a queue of its own
        (listener(129, 128, **listening(129, 128)), True),
        (listener(128, 128, **listening(129, 128)), False),
        (listener(0, 128, **listening(129, 128)), False),
        (listener(129, 128), False), (listener(1, **listening(1)), None),
        (ObservedEnd(s.LISTEN, at(**listening(129, 128))), False),
    ),
    "looks_full": alone(
        (GONE, False), (ObservedEnd(s.LISTEN, at(**listening(129))), False),
        (listener(129), False), (end(host=at(**listening(129)), rx_queue=129), False),
        *((listener(backlog + more, **listening(backlog + more)), backlog + more - 1 in USUAL)
          for backlog in (-1, *USUAL) for more in (0, 1, 2)),
        (listener(129, **listening(129, 4096)), False),
    ),
    "unclaimed": alone(
        (GONE, None), (end(host=at(**queued(1))), None), (listener(1), None),
        (ObservedEnd(s.LISTEN, at(**queued(1))), None),
        (listener(1, **{**queued(1), **listening(1)}), None),
        (listener(1, **queued(1)), True), (listener(1, **queued(0.9)), False),
        (listener(2, **queued(1)), False), (listener(2, **queued(1, 1)), True),
        (listener(2, **queued(1, 0.9)), False), (listener(2, **queued(1, None)), True),
        (listener(1, **queued(1, 1)), True), (listener(3, **queued(None, None, None)), True),
        (listener(2, **queued(None, None)), False), (listener(0, **queued()), False),
        (listener(1, **queued(1, inode=7)), False), (listener(1, **queued(1, owner="a")), False),
        (listener(1, **queued(1, local=(C[0], C[1] + 1))), False),
        (listener(1, **queued(1, local=(C[0], C[1] - 1))), False),
        (listener(1, **{**queued(), "sockets": [sock(s.CLOSE_WAIT, **info(lastack=1))]}), True),
        (listener(1, **{**queued(), "sockets": [sock(s.SYN_RECV, **info(lastack=1))]}), False),
    ),
    "behind_full_queue": alone(
        (GONE, False), (end(), False),
        *((end(host=at(**listening(waiting, backlog, owner=owner))), value)
          for waiting, backlog, owner, value in (
              (129, None, "", True), (128, None, "", False), (130, None, "", False),
              (129, 4096, "", False), (0, None, "nginx", False), (1, None, "nginx", True),
              (1, 128, "nginx", False), (1, None, "", False))),
    ),
    "only_listener": alone(
        (GONE, False), (listener(0), False), (listener(0, **listening()), True),
        (end(host=at(**listening())), False),
        (listener(0, listeners={C[1]: Listener(), 80: Listener()}), False),
    ),
    "still_waits": alone(
        (GONE, None), (listener(1), None), (end(before=sock(rx_queue=1), rx_queue=1), None),
        (ObservedEnd(s.LISTEN, at(), None, sock(s.LISTEN, rx_queue=1)), None),
        *((listener(now, before=sock(s.LISTEN, rx_queue=then)), value)
          for then, now, value in ((1, 1, True), (1, 2, True), (2, 1, False), (0, 1, False),
                                   (0, 0, False))),
        *((end(s.LISTEN, at(sockets=shown), sock(s.LISTEN, rx_queue=now), rx_queue=now, inode=7),
           value) for now, shown, value in (
               (2, [], False), (3, [], True), (2, [sock(inode=0)], True),
               (2, [sock(inode=0, **info(lastack=1.0))], True),
               (2, [sock(inode=0, **info(lastack=0.9))], False),  # it has only just come
               (2, [sock(inode=9)], False), (2, [sock(inode=0, local=(C[0], 80))], False))),
    ),
    "others_connected": alone(
        (GONE, False), (end(s.SYN_SENT), False),
        *((end(s.SYN_SENT, at(sockets=[sock(state, remote=remote)])), value)
          for state, remote, value in (
              (s.ESTABLISHED, S, True), (s.SYN_SENT, S, False), (s.CLOSE_WAIT, S, False),
              (s.ESTABLISHED, (S[0], 80), False), (s.ESTABLISHED, ("10.0.0.3", S[1]), False))),
    ),
    "requested": [
        (GONE, None, None), (GONE, GONE, None), (GONE, PEER, False),
        *((ObservedEnd(s.LISTEN, at(sockets=[sock(state, **more)])), PEER, value)
          for state, more, value in (
              (s.SYN_RECV, {"retransmits": 1}, True), (s.SYN_RECV, {"retransmits": 0}, False),
              (s.SYN_RECV, {}, False), (s.ESTABLISHED, {"retransmits": 1}, False),
              (s.SYN_RECV, {"retransmits": 1, "local": (C[0], 1)}, False),
              (s.SYN_RECV, {"retransmits": 1, "remote": (S[0], 1)}, True),
              (s.SYN_RECV, {"retransmits": 1, "remote": ("10.0.0.3", S[1])}, False),
              (s.SYN_RECV, {"retransmits": 1, "local": (C[0], 60000)}, False),
              (s.SYN_RECV, {"retransmits": 1, "remote": ("10.0.0.1", S[1])}, False))),
    ],
    "port_overflows": [
        (end(host=at(**listening(129, 128))), None, None),
        (end(host=at(**listening(129, 128))), GONE, None),
        (ObservedEnd(s.LISTEN, at(**listening(129, 128))), PEER, True),
        (ObservedEnd(s.LISTEN, at(**listening(128, 128))), PEER, False), (GONE, PEER, False),
    ],
    "flooded": alone(
        (GONE, False), (end(), False), (end(host=at(**listening(backlog=1, requests=1))), False),
        (end(host=at(**listening(backlog=2, requests=2))), True),
        (end(host=at(**listening(backlog=3, requests=2))), False),
        (end(host=at(**listening(backlog=3, requests=4))), True),
        *((end(host=at(**listening(backlog=backlog, requests=number))), number >= 128)
          for backlog in (None, 0) for number in (127, 128, 129)),
    ),
    "port_flooded": [
        (end(host=at(**listening(backlog=2, requests=2))), None, None),
        (end(host=at(**listening(backlog=2, requests=2))), GONE, None),
        (ObservedEnd(s.LISTEN, at(**listening(backlog=2, requests=2))), PEER, True),
        (GONE, PEER, False),
    ],
    # --- sending
    "advanced": alone(
        (GONE, None), (end(), None), (ObservedEnd(s.CLOSED, at(), None, sock()), None),
        (end(before=sock(s.SYN_SENT, **info(bytes_acked=1)), **info(bytes_acked=2)), None),
        *((end(before=sock(tx_queue=9, **then), tx_queue=queue, **now), value)
          for then, now, queue, value in (
              (info(bytes_acked=5), info(bytes_acked=6), 9, True),
              (info(bytes_acked=5), info(bytes_acked=5), 8, False),
              (info(bytes_acked=5), info(bytes_acked=5), 9, False),
              (info(rto=1), info(bytes_acked=1), 9, True),
              (info(rto=1), info(bytes_acked=0), 9, False),
              (info(bytes_acked=0), info(rto=1), 8, False),
              (info(bytes_acked=1), info(rto=1), 8, False),
              (info(), info(), 8, True), (info(), info(), 9, False), (info(), info(), 10, None),
              (info(rto=1), info(rto=1), 8, True))),
    ),
    "repeats": alone(
        (GONE, False), (end(), None), (end(**info(backoff=0)), None),
        (end(**info(backoff=1)), True),
        (end(timer=ALIVE, retransmits=3, probes=3), False), (end(retransmits=1), True),
        (end(before=sock(**info(bytes_acked=5)), retransmits=3, **info(bytes_acked=6)), False),
        (end(before=sock(**info(bytes_acked=5)), retransmits=3, **info(bytes_acked=5)), True),
        (end(retransmits=0), False), (end(retransmits=0, probes=1), True), (end(probes=0), False),
        (end(probes=1), True), (end(probes=0, **info(backoff=1)), False),
        (end(retransmits=0, **info(backoff=1)), False),
        # sent once, and not repeated yet, however little is left of the first second
        (end(s.SYN_SENT, timer=AGAIN, retransmits=0, remaining=0.05), False),
        (end(s.SYN_RECV, timer=AGAIN, retransmits=0, remaining=0.05), False),
        (end(s.SYN_SENT, timer=AGAIN, retransmits=1, remaining=1.9), True),
    ),
    "overdue": alone(
        (GONE, False), (ObservedEnd(s.SYN_SENT, at()), False),
        (end(s.SYN_SENT, timer=AGAIN), False), (end(s.SYN_SENT, timer=NONE, remaining=0.3), False),
        (end(s.SYN_SENT, timer=AGAIN, remaining=0.4), True),
        (end(s.SYN_SENT, timer=AGAIN, remaining=0.41), False),
        (end(s.SYN_RECV, timer=AGAIN, remaining=0.3), True),
        (end(timer=AGAIN, remaining=0.3), False),
        (end(s.SYN_SENT, timer=AGAIN, remaining=0.3, retransmits=1), False),
    ),
    "insists": alone(
        (GONE, False), (end(retransmits=2), False), (end(timer=ALIVE, tx_queue=1, probes=2), False),
        (end(tx_queue=1), None), (end(tx_queue=1, **info(rto=1)), False),
        # the same queue twice, of ss -tan; a longer one; one that becomes shorter
        *((end(tx_queue=2, before=sock(tx_queue=then)), value)
          for then, value in ((2, True), (1, None), (3, False))),
        (end(tx_queue=2, before=sock(**info(bytes_acked=5)), probes=9, **info(bytes_acked=6)),
         False),
        (end(tx_queue=2, before=sock(**info(bytes_acked=5)), probes=9, **info(bytes_acked=5)),
         True),
        (end(tx_queue=2, probes=9, **info(notsent=2)), False),
        (end(tx_queue=2, probes=9, **info(notsent=1)), True),
        (end(tx_queue=2, probes=0, **info(busy=5, lastack=5)), True),
        (end(tx_queue=2, probes=0, **info(busy=4.9, lastack=5)), False),
        (end(tx_queue=2, timer=ALIVE, **info(busy=5, lastack=5)), False),
        (end(tx_queue=1, **info(backoff=1)), False), (end(tx_queue=1, **info(backoff=2)), True),
        (end(tx_queue=1, retransmits=1), False), (end(tx_queue=1, retransmits=2), True),
        (end(tx_queue=1, probes=1), False), (end(tx_queue=1, probes=2), True),
        (end(tx_queue=1, retransmits=0, **info(backoff=2)), False),
        (end(tx_queue=1, probes=0, **info(backoff=2)), False),
        *((end(tx_queue=1, retransmits=now, before=sock(retransmits=then)), value)
          for then, now, value in ((None, 1, False), (0, 1, False), (1, 1, True), (2, 1, True),
                                   (1, 0, False))),
        # where its service works, the loss of two in a row is normal
        *((end(host=at(sockets=[sock(), BESIDE]), tx_queue=1, **tried), value)
          for times, value in ((2, False), (3, True))
          for tried in ({"retransmits": times}, {"probes": times}, info(backoff=times))),
    ),
    "pending": alone(
        (GONE, None), (end(**info(busy=5, lastack=5)), None),
        (end(tx_queue=1, **info(busy=5, lastack=6, notsent=1)), None),
        *((end(tx_queue=2, **figures), value) for figures, value in (
            (info(busy=5, lastack=6), 5), (info(busy=6, lastack=5), 5), (info(busy=5), None),
            (info(busy=5, lastack=NEVER), None), (info(busy=5, rto=1), 0.0),
            (info(lastack=5), None), (info(busy=5, lastack=6, notsent=2), None),
            (info(busy=5, lastack=6, notsent=3), None), (info(busy=5, lastack=6, notsent=1), 5))),
        *((end(tx_queue=2, before=before, elapsed=elapsed, **info(lastack=5)), value)
          for before, elapsed, value in (
              (sock(tx_queue=2), 4, 4), (sock(tx_queue=1), 6, 5), (sock(), 4, None),
              (sock(s.CLOSE_WAIT, tx_queue=2), 4, None), (sock(tx_queue=2), None, 0.0))),
    ),
    "untimed": alone(
        (GONE, False), (end(), True), (end(timer=NONE), False), (end(retransmits=0), False),
        (end(timer=AGAIN, retransmits=1), False),
    ),
    "translated": alone(
        (end(), False), (ObservedEnd(s.ESTABLISHED, at(), sock(), translated=True), True),
    ),
    "next_hop": alone(
        (GONE, None), (end(), None), (end(host=beside({})), None),
        (end(host=beside({S[0]: False})), S[0]),
        (end(host=beside({}, {"0.0.0.0/0": "10.0.0.254"})), "10.0.0.254"),
        (end(host=beside({}, {"10.0.0.0/24": "10.0.0.253", "0.0.0.0/0": "10.0.0.254"})),
         "10.0.0.253"),
        (end(host=beside({S[0]: True}, {"0.0.0.0/0": "10.0.0.254"})), S[0]),
        (end(host=beside({}, {"::/0": "fe80::1"})), None),
        (end(host=beside({}, {"0.0.0.0/0": "10.0.0.254"}), remote=("db1", 80)), None),
    ),
    "hop_silent": alone(
        (GONE, None), (end(), None), (end(host=beside({S[0]: True})), True),
        (end(host=beside({S[0]: False})), False),
        (end(host=beside({"10.0.0.254": True}, {"0.0.0.0/0": "10.0.0.254"})), True),
        (end(host=beside({}, {"0.0.0.0/0": "10.0.0.254"})), None),
    ),
    "forgotten": alone(
        (end(), None), (on_the_way(None), True), (on_the_way("ESTABLISHED"), False),
        (on_the_way("ESTABLISHED", None), True),
    ),
    "tracked": alone(
        (end(), None), (on_the_way(None), False), (on_the_way("ESTABLISHED"), True),
        (on_the_way(None, "ESTABLISHED"), True),
    ),
    "answered_there": alone(
        (end(), None), (on_the_way(None), None), (on_the_way("ESTABLISHED"), True),
        (on_the_way("ESTABLISHED", answered=False), False),
        (on_the_way("SYN_SENT", state=s.SYN_SENT, answered=False), False),
        (on_the_way("SYN_RECV", state=s.SYN_SENT), True),
        (on_the_way("ESTABLISHED", state=s.SYN_SENT), False),  # an older one with these ports
    ),
    "tracker": alone(
        (end(), None), (on_the_way(None), None), (on_the_way(None, "ESTABLISHED"), "router1"),
    ),
    "forgetter": alone(
        (end(), None), (on_the_way("ESTABLISHED"), None),
        (on_the_way("ESTABLISHED", None), "router1"),
    ),
    "fresh": alone(
        (end(), None), (end(retransmits=0), True), (end(retransmits=1), False),
        (end(s.FIN_WAIT1, timer=AGAIN, retransmits=0, remaining=6, **info(rto=9, lastack=3)),
         False),
        *((end(state, at(sockets=[BESIDE]), timer=AGAIN, retransmits=1), value)
          for state, value in ((s.SYN_SENT, True), (s.ESTABLISHED, False))),
    ),
    "repeated": alone(
        (GONE, None), (end(), None), (end(before=sock()), None),
        (ObservedEnd(s.CLOSED, at(), before=sock(retransmits=1)), None),
        (end(before=sock(s.SYN_SENT, retransmits=1), retransmits=2), None),
        (end(before=sock(retransmits=1), retransmits=2), True),
        (end(before=sock(retransmits=1), retransmits=1), False),
        (end(before=sock(retransmits=2), retransmits=1), False),
        (end(before=sock(retransmits=1)), None), (end(before=sock(), retransmits=1), None),
        (end(before=sock(retransmits=1, probes=1), retransmits=1, probes=2), True),
        (end(before=sock(**info(retrans_total=1)), **info(retrans_total=2)), True),
    ),
    "zero_window": [
        *alone((GONE, False), (end(), None), (end(timer=AGAIN), False),
               (end(timer=PROBE, **info(snd_wnd=0)), True),
               (end(timer=PROBE, **info(snd_wnd=1)), False),
               (end(timer=PROBE, host=at(has_windows=True), **info(rto=1)), True),
               # ss -ti has no timers, but tells what is not sent, and why
               (end(tx_queue=2, **info(notsent=2, backoff=1, rwnd_limited=1)), True),
               (end(tx_queue=2, **info(notsent=1, backoff=1, rwnd_limited=1)), None),
               (end(tx_queue=0, **info(notsent=0, backoff=1, rwnd_limited=1)), None),
               (end(tx_queue=2, **info(notsent=2, backoff=0, rwnd_limited=1)), None),
               (end(tx_queue=2, **info(notsent=2, rwnd_limited=1)), None),
               (end(tx_queue=2, timer=AGAIN, **info(notsent=2, backoff=1, rwnd_limited=1)), False),
               (end(timer=PROBE, **info(busy=4, rwnd_limited=2)), True),
               (end(timer=PROBE, **info(busy=4, rwnd_limited=1.9, snd_wnd=0)), False),
               (end(timer=PROBE, **info(busy=4, snd_wnd=0)), False),
               (end(timer=PROBE, **info(busy=0.5, rwnd_limited=0.2, snd_wnd=0)), False),
               (end(timer=PROBE, **info(busy=4, rwnd_limited=4, snd_wnd=9)), False),
               # it was busy, and the window has closed since it sent for the last time
               (end(timer=PROBE, **info(busy=4, rwnd_limited=1.7, lastsnd=1.4)), True),
               (end(timer=PROBE, **info(busy=4, rwnd_limited=0.6, lastsnd=1.4)), False),
               (end(timer=PROBE, **info(busy=4, rwnd_limited=0.6, lastsnd=9)), False)),
        (end(timer=PROBE), None, None), (end(timer=PROBE), GONE, None),
        (end(timer=PROBE), theirs(rx_queue=1), False), (end(timer=PROBE), theirs(rx_queue=2), True),
        (end(timer=PROBE, host=at(has_windows=True)), None, None),
        (end(timer=PROBE, **info(rto=1)), None, None),
    ],
    "stalled": alone(
        (GONE, None), (end(timer=AGAIN, probes=9), None), (end(timer=PROBE), None),
        (end(timer=PROBE, probes=2), True), (end(timer=PROBE, **info(backoff=4)), True),
        (end(timer=PROBE, **info(backoff=3, rto=0.2)), False),
        (end(timer=PROBE, **info(backoff=2, rto=1)), True),
        (end(timer=PROBE, probes=1, **info(backoff=1, lastsnd=2.9)), False),
        (end(timer=PROBE, probes=1, **info(backoff=1, lastsnd=3)), True),
        (end(timer=PROBE, probes=1, remaining=2.9), False),
        (end(timer=PROBE, probes=1, remaining=3), True), (end(timer=PROBE, probes=1), None),
        (end(timer=PROBE, remaining=1), None),
        *((end(timer=PROBE, elapsed=elapsed, before=sock(timer=timer, **then),
               **info(lastsnd=0.5, bytes_acked=5, data_segs_out=5)), value)
          for elapsed, timer, then, value in (
              (3, PROBE, info(bytes_acked=5, data_segs_out=5), True),
              (2.9, PROBE, info(bytes_acked=5, data_segs_out=5), False),
              (None, PROBE, info(bytes_acked=5, data_segs_out=5), False),
              (3, AGAIN, info(bytes_acked=5, data_segs_out=5), False),
              (3, PROBE, info(bytes_acked=4, data_segs_out=5), False),
              (3, PROBE, info(bytes_acked=5, data_segs_out=4), False))),
        *((end(timer=PROBE, elapsed=3, before=sock(timer=PROBE, tx_queue=then), tx_queue=2,
               **info(lastsnd=0.5)), value)  # without figures, the queue tells
          for then, value in ((2, True), (1, False), (3, False))),
        (end(timer=PROBE, before=sock(**info(bytes_acked=5)), probes=9, **info(bytes_acked=6)),
         False),
        (end(probes=9), True), (end(**info(lastsnd=2.9)), False), (end(**info(lastsnd=3)), True),
        (end(timer=NONE, probes=9), None),
    ),
    "refused": [
        *alone(
            (GONE, False), (end(), None), (end(timer=NONE), False),
            (end(timer=PROBE, **info(snd_wnd=0)), False),
            (end(timer=PROBE, **info(snd_wnd=9)), True),
            (end(timer=PROBE, retransmits=1, **info(snd_wnd=9)), False),
            (end(timer=AGAIN, retransmits=0, **info(retrans_total=1)), False),
            (end(timer=AGAIN, **info(retrans_total=1)), False),
            (end(timer=AGAIN, retransmits=1), None),
            (end(timer=AGAIN, retransmits=1, **info(retrans_total=0)), False),
            (end(timer=AGAIN, retransmits=1, **info(retrans_total=1)), True),
            (end(timer=AGAIN, retransmits=1, **info(retrans_total=2, retrans=0)), True),
            (end(timer=AGAIN, retransmits=3, **info(retrans_total=3, retrans=0)), True),
            (end(timer=AGAIN, retransmits=3, **info(retrans_total=2, retrans=0)), False),
            (end(timer=AGAIN, retransmits=1, **info(retrans_total=1, retrans=1)), False),
        ),
        (end(timer=PROBE, tx_queue=1), None, True), (end(timer=PROBE, tx_queue=2), None, None),
        (end(timer=PROBE, tx_queue=0), None, None),
        (end(before=sock(tx_queue=2), timer=PROBE, tx_queue=2, **info(snd_wnd=9)), None, True),
        (end(timer=PROBE, tx_queue=2, **info(snd_wnd=9)), None, None),
        (end(before=sock(**info(bytes_acked=5)), timer=PROBE, **info(snd_wnd=9, bytes_acked=6)),
         None, False),
        # a transfer may have nothing on its way for some milliseconds
        *((end(timer=PROBE, tx_queue=queue, probes=probes,
               **info(snd_wnd=9, lastack=lastack, backoff=backoff)), None, value)
          for queue, probes, backoff, lastack, value in (
              (2, 1, 1, 0.9, False), (2, 1, 1, 1, True), (2, 2, 0, 0.9, True),
              (2, 0, 2, 0.9, True), (1, 1, 0, 0.9, True), (2, None, 0, 0.9, False),
              (2, 1, 0, NEVER, None))),
    ],
    "held_back": alone(
        (GONE, False), (end(), False), (end(timer=PROBE, retransmits=3), False),
        (end(timer=AGAIN, retransmits=3), None), (end(timer=AGAIN, **info(retrans_total=1)), None),
        *((end(timer=AGAIN, retransmits=times, **info(retrans_total=tried)), value)
          for times, tried, value in ((1, 0, False), (2, 1, True), (3, 0, True), (2, 2, False),
                                      (3, 9, False))),
    ),
    "large": alone(
        (GONE, None), (end(tx_queue=9), None), (end(tx_queue=1448, **info(mss=1448)), True),
        (end(tx_queue=1447, **info(mss=1448)), False),
    ),
    "first_large": alone(
        (GONE, None), (end(tx_queue=9), None),
        *((end(tx_queue=queue, **info(mss=9, **figures)), value) for queue, figures, value in (
            (9, {"bytes_received": 1}, True), (8, {"bytes_received": 1}, None),
            (9, {"bytes_received": 0}, False), (9, {}, False),
            (9, {"bytes_received": 1, "bytes_acked": 1}, True),
            (9, {"bytes_received": 1, "bytes_acked": 2}, False))),
    ),
    "unanswered_send": alone(
        (GONE, False), (end(), None), (end(tx_queue=1), None), (end(retransmits=0), False),
        (end(retransmits=1), True), (end(tx_queue=1, retransmits=0), False),
        (end(tx_queue=1, retransmits=0, **info(busy=5, lastack=5)), True),
    ),
    "told_unreachable": alone(
        (GONE, None),
        *((end(host=at(risen=risen, counters={"IcmpInDestUnreachs": 9})), value)
          for risen, value in (
              (None, None), ({}, False), ({"IcmpInDestUnreachs": 0}, False),
              ({"IcmpInDestUnreachs": 1}, True), ({"Icmp6InDestUnreachs": 1}, True),
              ({"IcmpInEchos": 1}, False))),
    ),
    "was_told_unreachable": alone(
        (GONE, None),
        *((end(host=at(counters=counters)), value) for counters, value in (
            ({"IcmpInEchos": 1}, None), ({"IcmpInDestUnreachs": 0}, False),
            ({"IcmpInDestUnreachs": 1}, True), ({"Icmp6InDestUnreachs": 1}, True),
            ({"IcmpInDestUnreachs": 0, "Icmp6InDestUnreachs": 1}, True))),
    ),
    "all_arrived": [
        (GONE, PEER, None), (end(), None, None), (end(**info(bytes_sent=5)), GONE, None),
        (end(**info(bytes_sent=20, bytes_retrans=15)), theirs(**info(bytes_received=5)), True),
        (end(**info(bytes_sent=20, bytes_retrans=15)), theirs(**info(bytes_received=6)), True),
        (end(**info(bytes_sent=20, bytes_retrans=15)), theirs(**info(bytes_received=4)), False),
        (end(**info(bytes_sent=20)), theirs(**info(bytes_received=19)), False),
        (end(**info(bytes_sent=1)), theirs(**info(rto=1)), False),
        (end(tx_queue=1, **info(bytes_sent=0)), theirs(**info(rto=1)), True),
        (end(tx_queue=1, **info(bytes_sent=5)), theirs(rx_queue=9), None),
        (end(tx_queue=1, **info(bytes_sent=5)), theirs(s.TIME_WAIT, rx_queue=1), True),
        (end(**info(bytes_sent=5)), theirs(s.TIME_WAIT, **info(bytes_received=5)), True),
        (end(tx_queue=5), theirs(rx_queue=5), True), (end(tx_queue=5), theirs(rx_queue=6), True),
        (end(tx_queue=5), theirs(rx_queue=4), None), (end(tx_queue=0), theirs(rx_queue=4), None),
        (end(tx_queue=1), theirs(rx_queue=1), True), (end(s.FIN_WAIT1, tx_queue=5),
                                                      theirs(rx_queue=5), None),
    ],
    # --- timing
    "quiet": alone(
        (GONE, None), (end(), None), (end(**info(lastsnd=3, lastrcv=4, lastack=5)), 3),
        (end(**info(lastsnd=6, lastrcv=4, lastack=5)), 4),
        (end(**info(lastsnd=6, lastrcv=7, lastack=5)), 5), (end(**info(rto=1, lastsnd=5)), 0.0),
        (end(**info(lastsnd=NEVER)), None), (end(**info(lastsnd=NEVER - 1)), NEVER - 1),
    ),
    "unheard": alone((GONE, None), (end(**info(lastsnd=3, lastrcv=4, lastack=5)), 4)),
    "stays": alone(
        (end(before=sock()), None), (end(elapsed=5), False), (end(elapsed=5, before=sock()), True),
        (end(elapsed=5, before=sock(s.SYN_SENT)), False),
    ),
    "hears": alone(
        (end(**info(segs_in=5)), None), (ObservedEnd(s.CLOSED, at(), before=sock()), None),
        (end(before=sock(), **info(segs_in=5)), None),
        (end(before=sock(**info(segs_in=5))), None),
        (end(before=sock(**info(segs_in=5)), **info(segs_in=5)), False),
        (end(before=sock(**info(segs_in=5)), **info(segs_in=6)), True),
    ),
    "surplus": alone(
        (GONE, None), (end(**info(rto=1)), None), (end(**info(segs_in=5)), 2),
        (end(**info(segs_in=20, data_segs_in=4, data_segs_out=7)), 6),
    ),
    "idle_before": alone(
        (GONE, None), (end(**info(rto=6, lastrcv=400)), None),
        (end(retransmits=0, **info(rto=6, lastrcv=400)), None),
        (end(retransmits=1, **info(rto=6, lastrcv=NEVER, lastack=NEVER)), None),
        (end(retransmits=1, **info(lastrcv=400)), None),
        (end(retransmits=1, remaining=2, **info(rto=6, lastrcv=400, lastack=400)), 390),
        (end(retransmits=1, **info(rto=6, lastrcv=400, lastack=400)), 388),
        (end(retransmits=1, **info(rto=6, lastrcv=12.5, lastack=12.5)), 0.5),
        (end(retransmits=1, **info(rto=6, lastrcv=11, lastack=11)), 0.0),
        # the longest time-out is not doubled any more
        *((end(retransmits=tries, **info(rto=rto, lastrcv=900, lastack=900)), value)
          for tries, rto, value in ((9, 120, 660), (10, 120, 540), (11, 120, 420), (10, 119, 662),
                                    (8, 120, 660), (99, 120, 0.0))),
        # where it is said since when something has been on its way
        *((end(tx_queue=queue, retransmits=1, **info(rto=6, lastrcv=40, lastack=40, busy=busy)),
           value) for queue, busy, value in ((1, 30, 10), (1, 50, 0.0), (0, 30, 28))),
        (end(tx_queue=1, **info(lastrcv=40, lastack=NEVER, busy=30)), 10),
        (end(tx_queue=1, **info(lastrcv=NEVER, lastack=NEVER, busy=30)), None),
    ),
    "waited": alone(
        (GONE, None), (end(), None), (end(**info(lastrcv=4, lastack=5)), 4),
        # ss writes 59sec for what is less than 60
        *((end(s.FIN_WAIT2, timer=WAITS, remaining=rest), value)
          for rest, value in ((59.0, 0.0), (20.0, 39.0), (20.5, 39.5), (10.0, 49.0), (9.0, 51.0))),
        *((end(s.FIN_WAIT2, at(sysctls={"tcp_fin_timeout": "3600"}), timer=WAITS, remaining=rest),
           value) for rest, value in ((599.0, 3000.0), (600.0, 2940.0), (660.0, 2880.0))),
        (end(s.FIN_WAIT2, at(sysctls={"tcp_fin_timeout": "30"}), timer=WAITS, remaining=20), 9.0),
        (end(s.FIN_WAIT2, timer=WAITS, remaining=59.5), 0.5),
        (end(s.FIN_WAIT2, timer=WAITS, remaining=70), 0.0),
        (end(s.FIN_WAIT2, timer=WAITS, **info(lastrcv=4)), 4),
        (end(s.FIN_WAIT2, timer=NONE, remaining=20, **info(lastrcv=4)), 4),
    ),
    "unanswered": alone(
        (GONE, False), (end(probes=1), False), (end(timer=AGAIN, probes=1), False),
        (end(timer=ALIVE), False), (end(timer=ALIVE, probes=0), False),
        (end(timer=ALIVE, probes=1), False),  # it may be on its way
        (end(timer=ALIVE, probes=2), False),  # of many such connections, one loses two
        (end(timer=ALIVE, probes=3), True),
    ),
    "expires": alone(
        (GONE, False), (end(timer=WAITS), True), (end(timer=ALIVE), False), (end(), False),
    ),
    # --- and those that are fields of sockets
    "state": alone((GONE, "CLOSED"), (end(), "ESTABLISHED")),
    "timer": alone((GONE, None), (end(), None), (end(timer=AGAIN), "retransmit")),
}  # fmt: skip
FIELDS = {"remaining", "retransmits", "probes", "tx_queue", "rx_queue"}
FIGURES = {
    "segs_in", "segs_out", "data_segs_in", "data_segs_out", "bytes_acked", "bytes_received",
    "lastsnd", "lastrcv", "lastack", "sacked", "mss", "pmtu", "unacked", "lost", "drops",
}  # fmt: skip


def same(found: Value, expected: Value) -> bool:
    """Equal, and True is not 1."""
    return isinstance(found, bool) is isinstance(expected, bool) and found == (
        pytest.approx(expected) if isinstance(expected, float) else expected
    )


@pytest.mark.parametrize("word", CASES)
def test_a_fact_is_what_the_sockets_show(word: str) -> None:
    for number, (own, peer, expected) in enumerate(CASES[word]):
        found = FACTS[word](own, peer)
        assert same(found, expected), f"case {number} of {word}: {found}, not {expected}: {own}"


def test_every_fact_is_asked_for_here() -> None:
    assert FACTS.keys() == CASES.keys() | FIELDS | FIGURES | {"passing"}  # test_passing_states.py


@pytest.mark.parametrize("word", sorted(FIELDS | FIGURES))
def test_the_other_facts_are_fields_and_figures_unchanged(word: str) -> None:
    assert FACTS[word](GONE, PEER) is None
    shown: dict[str, Any] = {word: 7}
    own = end(**shown) if word in FIELDS else end(info=shown)
    assert FACTS[word](own, None) == 7
    assert word in FIELDS or FACTS[word](end(), None) is None


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (GONE, False),
        (ObservedEnd(s.FIN_WAIT1, at()), False),
        *(
            (end(state, timer=AGAIN, remaining=6, **info(rto=9, lastack=3)), waits)
            for state, waits in (
                (s.FIN_WAIT1, True), (s.LAST_ACK, True), (s.CLOSING, True), (s.ESTABLISHED, False)
            )
        ),
        *(
            (end(s.FIN_WAIT1, timer=timer, remaining=remaining, **figures), waits)
            for timer, remaining, figures, waits in (
                (NONE, 6, info(rto=9, lastack=3), False),
                (AGAIN, None, info(rto=9, lastack=3), False),
                (AGAIN, 6, info(lastack=3), False),
                (AGAIN, 6, info(rto=9, lastack=NEVER), False),
                (AGAIN, 6, info(rto=9, lastack=2), False),
                (AGAIN, 6, info(rto=9, lastack=2.1), True),
                (AGAIN, 7, info(rto=9, lastack=3), False),
                (AGAIN, 6.9, info(rto=9, lastack=3), True),
            )
        ),
        *(
            (
                end(s.FIN_WAIT1, timer=AGAIN, remaining=0.1, before=before,
                    **info(rto=0.2, lastack=3)),
                waits,
            )
            for before, waits in (
                (None, False),
                (sock(s.FIN_WAIT1), False),
                (sock(s.FIN_WAIT1, **info(lastack=0.9)), True),
                (sock(s.FIN_WAIT1, **info(lastack=1)), False),
                (sock(s.FIN_WAIT1, **info(lastack=NEVER)), True),
                (sock(s.ESTABLISHED, **info(lastack=0.9)), False),
            )
        ),
        *(  # where its service works, that takes the time-out, and twice as much for the next one
            (
                end(s.FIN_WAIT1, at(sockets=[BESIDE]), timer=AGAIN, remaining=0.1,
                    before=sock(s.FIN_WAIT1, **info(rto=rto)), **info(rto=rto, lastack=waits)),
                waits > enough,
            )
            for rto, enough in ((1.5, 4.5), (0.5, 2.0))
            for waits in (enough, enough + 0.1)
        ),
    ],
)  # fmt: skip
def test_a_fin_waits_longer_than_any_path(own: ObservedEnd, expected: bool) -> None:
    assert unacknowledged(own, None) is expected


@pytest.mark.parametrize(
    ("own", "seconds"),
    [
        (GONE, None), (end(), None), (end(**info(lastrcv=3, lastack=4, lastsnd=1)), 3),
        *((end(state, **info(lastrcv=3, lastack=4)), None)
          for state in (s.LISTEN, s.SYN_SENT, s.SYN_RECV)),
        (end(tx_queue=1, **info(lastrcv=3, lastack=4, busy=2)), 2),
        (end(tx_queue=1, **info(lastrcv=3, lastack=4, busy=5)), 3),
        (end(**info(lastrcv=3, lastack=4, busy=2)), 3),
        (end(tx_queue=1, **info(lastrcv=3, lastack=4)), 3),
        (end(tx_queue=1, **info(busy=2)), None),
    ],
)  # fmt: skip
def test_what_is_stuck_has_heard_nothing_or_waits_for_as_long(
    own: ObservedEnd, seconds: float | None
) -> None:
    assert stuck_for(own) == seconds


def test_what_is_known_of_a_destination() -> None:
    ports = {39999: s.TIME_WAIT, 40000: s.TIME_WAIT, 40003: s.ESTABLISHED, 40004: s.TIME_WAIT}
    host = at(sysctls={"ip_local_port_range": "40000 40003"})
    sockets = [sock(state, local=(C[0], port)) for port, state in ports.items()]
    to = Destination(host, C[0], S, sockets)
    assert {word: fact(to) for word, fact in DESTINATION_FACTS.items()} == {
        "address": "10.0.0.1", "remote": "10.0.0.2:443", "sockets": 4, "waiting": 3, "room": 4,
        "share": 0.5,
    }  # fmt: skip
