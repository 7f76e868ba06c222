# SPDX-License-Identifier: GPL-2.0-or-later
"""What each fact says, on both sides of each of its bounds, and where it cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from netlab.diagnosis.facts import DESTINATION_FACTS, FACTS
from netlab.diagnosis.facts.registry import Value
from netlab.diagnosis.facts.sending import unacknowledged
from netlab.diagnosis.observed import Destination, Listener, ObservedEnd, ObservedHost
from netlab.model.tcp import State, Timer
from netlab.snapshot.records import Socket

from .build import C, S, s

NONE, AGAIN, PROBE, ALIVE = Timer.NONE, Timer.RETRANSMIT, Timer.PROBE, Timer.KEEPALIVE
WAITS = Timer.TIME_WAIT
NEVER = 1e6


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


def listening(waiting: int = 0, backlog: int | None = None, requests: int = 0) -> dict[str, Any]:
    """A host with a listener at the client's port, and at the one that the other end wants."""
    listener = Listener(waiting, backlog, requests)
    return {"listeners": {C[1]: listener}}


def crowds(local: int, remote: int) -> ObservedHost:
    host = at()
    host.crowds.update({C[1]: local, S: remote})
    return host


GONE = ObservedEnd(s.CLOSED, at())
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
        (GONE, False), (end(), None), (end(inode=0), False), (end(inode=7), True),
        (end(owner="nginx"), True), (end(inode=0, owner="nginx"), True),
    ),
    "unread": alone(
        (GONE, False), (end(**info(lastrcv=9)), False), (end(rx_queue=5), None),
        (end(rx_queue=5, **info(lastrcv=0.9)), False), (end(rx_queue=5, **info(lastrcv=1)), True),
        (end(rx_queue=5, **info(lastrcv=NEVER)), None), (end(rx_queue=5, **info(rto=1)), False),
        (end(before=sock(**info(bytes_received=5)), rx_queue=5, **info(bytes_received=5)), False),
        (end(before=sock(rx_queue=5), rx_queue=5, **info(lastrcv=9, bytes_received=5)), None),
        (end(before=sock(rx_queue=5, **info(bytes_received=5)), rx_queue=5), None),
        *((end(before=sock(rx_queue=5, **info(bytes_received=9)), rx_queue=queue,
               **info(bytes_received=20)), value)
          for queue, value in ((15, False), (16, True), (17, True))),
    ),
    "unaccepted": alone(
        (end(), None), (end(inode=7), False), (end(inode=0), None),
        (end(inode=0, elapsed=1, before=sock()), True), (end(inode=0, elapsed=1), False),
        (end(inode=0, elapsed=0.9, before=sock()), None),
        (end(inode=0, **info(lastsnd=1, lastrcv=1, lastack=1)), True),
        (end(inode=0, **info(lastsnd=0.9, lastrcv=1, lastack=1)), False),
    ),
    "crowd": alone(
        (GONE, 0), (end(host=crowds(3, 3), inode=7), 0),
        (end(s.CLOSE_WAIT, crowds(3, 3), inode=0), 0),
        (end(s.CLOSE_WAIT, crowds(3, 5), inode=7), 5), (end(s.CLOSE_WAIT, crowds(6, 5)), 6),
        (ObservedEnd(s.CLOSE_WAIT, crowds(3, 3)), 0),
    ),
    "young": alone(
        (end(), None), (end(**info(lastrcv=0.19)), True), (end(**info(lastrcv=0.2)), False),
        (end(**info(lastsnd=0.1)), None), (end(**info(lastack=0.19, lastrcv=5)), True),
        (end(before=sock(), **info(lastrcv=0.1)), False),
        (end(before=sock(s.SYN_SENT), **info(lastrcv=0.1)), True),
        (end(**info(lastrcv=0.1, segs_in=5)), False), (end(**info(lastrcv=0.1, segs_in=4)), True),
        (end(s.CLOSE_WAIT, crowds(10, 0), **info(lastrcv=0.1)), False),
        (end(s.CLOSE_WAIT, crowds(9, 0), **info(lastrcv=0.1)), True),
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
        (end(s.CLOSE_WAIT, crowds(10, 0), **info(data_segs_out=1, lastsnd=0.19)), True),
        (end(s.CLOSE_WAIT, crowds(10, 0), **info(data_segs_out=1, lastsnd=0.2)), False),
        (end(s.CLOSE_WAIT, crowds(10, 0), **info(data_segs_out=0, lastsnd=0.1)), False),
        (end(s.CLOSE_WAIT, crowds(10, 0), **info(data_segs_in=1, lastrcv=0.1)), False),
        (end(s.CLOSE_WAIT, crowds(9, 0), **info(data_segs_in=1, lastrcv=0.1)), True),
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
    ),
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
    "repeats": alone(
        (GONE, False), (end(), None), (end(**info(backoff=0)), None),
        (end(**info(backoff=1)), True),
        (end(timer=ALIVE, retransmits=3, probes=3), False), (end(retransmits=1), True),
        (end(retransmits=0), False), (end(retransmits=0, probes=1), True), (end(probes=0), False),
        (end(probes=1), True), (end(probes=0, **info(backoff=1)), False),
        (end(retransmits=0, **info(backoff=1)), False),
        (end(s.SYN_SENT, timer=AGAIN, retransmits=0, remaining=0.4), True),
        (end(s.SYN_SENT, timer=AGAIN, retransmits=0, remaining=0.5), False),
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
        (end(tx_queue=1, **info(backoff=1)), False), (end(tx_queue=1, **info(backoff=2)), True),
        (end(tx_queue=1, retransmits=1), False), (end(tx_queue=1, retransmits=2), True),
        (end(tx_queue=1, probes=1), False), (end(tx_queue=1, probes=2), True),
        (end(tx_queue=1, retransmits=0, **info(backoff=2)), False),
        (end(tx_queue=1, probes=0, **info(backoff=2)), False),
        *((end(tx_queue=1, retransmits=now, before=sock(retransmits=then)), value)
          for then, now, value in ((None, 1, False), (0, 1, False), (1, 1, True), (2, 1, True),
                                   (1, 0, False))),
    ),
    "fresh": alone(
        (end(), None), (end(retransmits=0), True), (end(retransmits=1), False),
        (end(s.FIN_WAIT1, timer=AGAIN, retransmits=0, remaining=6, **info(rto=9, lastack=3)),
         False),
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
               (end(timer=PROBE, host=at(has_windows=True), **info(rto=1)), True)),
        (end(timer=PROBE), None, None), (end(timer=PROBE), GONE, None),
        (end(timer=PROBE), theirs(rx_queue=1), False), (end(timer=PROBE), theirs(rx_queue=2), True),
        (end(timer=PROBE, host=at(has_windows=True)), None, None),
        (end(timer=PROBE, **info(rto=1)), None, None),
    ],
    "stalled": alone(
        (GONE, None), (end(timer=AGAIN, probes=9), None), (end(timer=PROBE), None),
        (end(timer=PROBE, probes=2), True), (end(timer=PROBE, **info(backoff=2)), True),
        (end(timer=PROBE, probes=1, **info(backoff=1, lastsnd=0.9)), False),
        (end(timer=PROBE, probes=1, **info(backoff=1, lastsnd=1)), True),
        (end(timer=PROBE, probes=1, remaining=0.9), False),
        (end(timer=PROBE, probes=1, remaining=1), True), (end(timer=PROBE, probes=1), None),
        (end(timer=PROBE, remaining=1), None),
        *((end(timer=PROBE, elapsed=elapsed, before=sock(timer=timer, **then),
               **info(lastsnd=0.5, bytes_acked=5, data_segs_out=5)), value)
          for elapsed, timer, then, value in (
              (1, PROBE, info(bytes_acked=5, data_segs_out=5), True),
              (0.9, PROBE, info(bytes_acked=5, data_segs_out=5), False),
              (None, PROBE, info(bytes_acked=5, data_segs_out=5), False),
              (1, AGAIN, info(bytes_acked=5, data_segs_out=5), False),
              (1, PROBE, info(bytes_acked=4, data_segs_out=5), False),
              (1, PROBE, info(bytes_acked=5, data_segs_out=4), False))),
        (end(timer=PROBE, elapsed=1, before=sock(timer=PROBE), **info(lastsnd=0.5)), False),
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
            (end(timer=AGAIN, retransmits=1, **info(retrans_total=1, retrans=1)), False),
        ),
        (end(timer=PROBE, tx_queue=1), None, True), (end(timer=PROBE, tx_queue=2), None, None),
        (end(timer=PROBE, tx_queue=0), None, None),
    ],
    "large": alone(
        (GONE, None), (end(tx_queue=9), None), (end(tx_queue=1448, **info(mss=1448)), True),
        (end(tx_queue=1447, **info(mss=1448)), False),
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
    ),
    "waited": alone(
        (GONE, None), (end(), None), (end(**info(lastrcv=4, lastack=5)), 4),
        (end(s.FIN_WAIT2, timer=WAITS, remaining=20), 40.0),
        (end(s.FIN_WAIT2, at(sysctls={"tcp_fin_timeout": "30"}), timer=WAITS, remaining=20), 10.0),
        (end(s.FIN_WAIT2, timer=WAITS, remaining=59.5), 0.5),
        (end(s.FIN_WAIT2, timer=WAITS, remaining=70), 0.0),
        (end(s.FIN_WAIT2, timer=WAITS, **info(lastrcv=4)), 4),
        (end(s.FIN_WAIT2, timer=NONE, remaining=20, **info(lastrcv=4)), 4),
    ),
    "unanswered": alone(
        (GONE, False), (end(probes=1), False), (end(timer=AGAIN, probes=1), False),
        (end(timer=ALIVE), False), (end(timer=ALIVE, probes=0), False),
        (end(timer=ALIVE, probes=1), True), (end(timer=ALIVE, probes=2), True),
    ),
    # --- and those that are fields of sockets
    "state": alone((GONE, "CLOSED"), (end(), "ESTABLISHED")),
    "timer": alone((GONE, None), (end(), None), (end(timer=AGAIN), "retransmit")),
}  # fmt: skip
FIELDS = {"remaining", "retransmits", "probes", "tx_queue", "rx_queue"}
FIGURES = {
    "segs_in", "segs_out", "data_segs_in", "data_segs_out", "bytes_acked", "bytes_received",
    "lastsnd", "lastrcv", "lastack", "sacked", "mss", "pmtu", "unacked", "lost",
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
    assert FACTS.keys() == CASES.keys() | FIELDS | FIGURES


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
    ],
)  # fmt: skip
def test_a_fin_waits_longer_than_any_path(own: ObservedEnd, expected: bool) -> None:
    assert unacknowledged(own) is expected


def test_what_is_known_of_a_destination() -> None:
    ports = {39999: s.TIME_WAIT, 40000: s.TIME_WAIT, 40003: s.ESTABLISHED, 40004: s.TIME_WAIT}
    host = at(sysctls={"ip_local_port_range": "40000 40003"})
    sockets = [sock(state, local=(C[0], port)) for port, state in ports.items()]
    to = Destination(host, C[0], S, sockets)
    assert {word: fact(to) for word, fact in DESTINATION_FACTS.items()} == {
        "address": "10.0.0.1", "remote": "10.0.0.2:443", "sockets": 4, "waiting": 3, "room": 4,
        "share": 0.5,
    }  # fmt: skip
