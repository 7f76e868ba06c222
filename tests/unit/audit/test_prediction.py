# SPDX-License-Identifier: GPL-2.0-or-later
"""When the kernel gives up, continued from what its timers show: against figures that were measured
(`netlab.timers`, docs of tcp(7)).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlab.audit.prediction import Limits, until
from netlab.model.auditing import Blocked, HeldSocket
from netlab.model.tcp import State, Timer

OLD, NEW = Limits(), Limits(syn_linear=4)
SOCKET = HeldSocket(State.ESTABLISHED, ("10.0.0.1", 4000), ("10.0.0.2", 80), 0, 0, Timer.NONE, 0.0,
                    0, True)  # fmt: skip
SYN = replace(SOCKET, state=State.SYN_SENT, unsent=1, timer=Timer.RETRANSMIT)
DATA = replace(SOCKET, unsent=145, timer=Timer.RETRANSMIT)
POLL = Blocked(1, 1, "a", "poll")


def seconds(sock: HeldSocket, at: float = 0.0, limits: Limits = OLD, answers: bool = True) -> float:
    found = until(at, at, [], [sock], limits, answers).seconds
    assert found is not None
    return found


def with_rto(sock: HeldSocket, rto: float, remaining: float, retransmits: int) -> HeldSocket:
    return replace(
        sock, remaining=remaining, retransmits=retransmits, info={"rto": int(rto * 1000)}
    )


@pytest.mark.parametrize(
    ("limits", "at", "rto", "retransmits", "end"),
    [
        (OLD, 0.0, 1.0, 0, 127.0),  # 1 + 2 + 4 + ... + 64
        (OLD, 1.0, 2.0, 1, 127.0),
        (OLD, 31.0, 32.0, 5, 127.0),
        (NEW, 0.0, 1.0, 0, 131.0),  # five times 1, then 2 + 4 + ... + 64
        (NEW, 4.0, 1.0, 4, 131.0),
        (NEW, 35.0, 32.0, 9, 131.0),
    ],
)
def test_a_syn(limits: Limits, at: float, rto: float, retransmits: int, end: float) -> None:
    """The wheel of timers makes it some seconds more: 135 were measured where it is 131 here."""
    found = seconds(with_rto(SYN, rto, rto, retransmits), at, limits)
    assert end < found == pytest.approx(end + 2.5, abs=0.8)


@pytest.mark.parametrize("number", range(1, 10))
def test_data_is_given_up_at_the_same_moment_whenever_one_looks(number: int) -> None:
    """The next time-out ends it that comes 924.6 s after the first retransmission: those are at
    0.204 * (1 + 2 + 4 + ... + 512), and then every 120 s, each a little late.
    """
    fired = 0.204 * (2**number - 1)  # the time of retransmission number `number`
    sock = with_rto(DATA, 0.204 * 2**number, 0.204 * 2**number, number)
    assert seconds(sock, fired) == pytest.approx(938.7, rel=0.02)  # as measured on Linux 6.12


def test_an_answer_to_every_probe_is_no_end() -> None:
    probing = with_rto(replace(SOCKET, timer=Timer.PROBE, unsent=5), 0.4, 0.4, 0)
    assert until(1.0, 1.0, [], [probing], OLD, answers=True).seconds is None
    assert seconds(probing, 1.0, answers=False) > 900


def test_what_has_no_timer_never_ends() -> None:
    found = until(1.0, 1.0, [], [SOCKET], OLD, answers=True)
    assert found.seconds is None
    assert "no timer runs" in found.why
    assert until(1.0, 1.0, [], [], OLD, answers=True).seconds is None


def test_keepalive_finds_what_is_dead_and_nothing_else() -> None:
    kept = replace(
        SOCKET, timer=Timer.KEEPALIVE, remaining=10.0,
        options={"SO_KEEPALIVE": 1, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3},
    )  # fmt: skip
    assert until(2.0, 2.0, [], [kept], OLD, answers=True).seconds is None
    assert seconds(kept, 2.0, answers=False) == pytest.approx(2 + 10 + 3 * 5)


def test_an_application_may_have_set_a_limit() -> None:
    limited = replace(with_rto(DATA, 0.4, 0.4, 1), options={"TCP_USER_TIMEOUT": 5000})
    assert seconds(limited, 1.0) == pytest.approx(6.0)


def test_a_time_out_of_its_own_comes_first() -> None:
    blocked = replace(POLL, time_out=20.0, rested=10.0)
    found = until(10.0, 10.0, [blocked], [with_rto(DATA, 0.4, 0.4, 1)], OLD, answers=True)
    assert found.seconds == pytest.approx(30.0)
    assert "30 s" in found.why


def test_who_wakes_up_every_second_has_no_time_out_of_a_second() -> None:
    ticking = replace(POLL, time_out=0.4, rested=0.6)
    assert until(30.0, 30.0, [ticking], [SOCKET], OLD, answers=True).seconds is None
    soon = until(0.6, 0.6, [ticking], [SOCKET], OLD, answers=True)
    assert (soon.seconds, soon.wakes) == (None, 1.0)
    longer = replace(ticking, time_out=1.4)
    own = until(1.6, 1.6, [longer], [SOCKET], OLD, answers=True)
    assert (own.seconds, own.wakes) == (3.0, None)
    seen = replace(longer, ticks=True)
    assert until(1.6, 1.6, [seen], [SOCKET], OLD, answers=True).seconds is None


def test_of_who_looks_at_a_clock_again_and_again_only_the_latest_end_is_known() -> None:
    """Node's fetch counts such looks until 300 s; curl gives up at none of them."""
    ticking = replace(POLL, time_out=0.4, rested=0.6)
    sends = with_rto(DATA, 0.4, 0.4, 1)
    assert until(30.0, 30.0, [ticking], [SOCKET], OLD, answers=True).wakes == 1.0
    found = until(30.0, 30.0, [ticking], [sends], OLD, answers=True)
    assert found == replace(until(30.0, 30.0, [], [sends], OLD, answers=True), wakes=1.0)
    assert until(30.0, 30.0, [replace(POLL, time_out=None)], [SOCKET], OLD, True).wakes is None


def test_what_nobody_holds_says_nothing() -> None:
    orphan = replace(with_rto(DATA, 0.4, 0.4, 1), held=False)
    assert until(1.0, 1.0, [], [orphan], OLD, answers=True).seconds is None


def test_a_peer_that_gives_up_is_noticed_by_the_next_probe() -> None:
    kept = {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 20}
    mine = replace(SOCKET, timer=Timer.KEEPALIVE, remaining=30.0, options=kept)
    sends = replace(with_rto(DATA, 0.2, 0.2, 0), local=SOCKET.remote, remote=SOCKET.local)
    gone = seconds(sends)
    end = until(0.0, 0.0, [], [mine], OLD, True, [sends]).seconds
    assert end is not None
    assert gone <= end < gone + 61
    silent = replace(mine, timer=Timer.NONE, options={})
    assert until(0.0, 0.0, [], [silent], OLD, True, [sends]).seconds is None


def test_an_idle_worker_of_the_runtime_ends_nothing() -> None:
    """Where a thread waits for the connection, only that one and the first one count."""
    mine = replace(POLL, process=1, thread=1, socket="10.0.0.1:4000 -> 10.0.0.2:80")
    worker = replace(POLL, process=1, thread=2, time_out=15.0, rested=1.0)
    assert until(10.0, 10.0, [mine, worker], [SOCKET], OLD, answers=True).seconds is None
    first = replace(worker, thread=1)
    reader = replace(mine, thread=2)
    assert until(10.0, 10.0, [reader, first], [SOCKET], OLD, answers=True).seconds == 25.0
    assert until(10.0, 10.0, [worker], [SOCKET], OLD, answers=True).seconds == 25.0
