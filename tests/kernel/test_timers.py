# SPDX-License-Identifier: GPL-2.0-or-later
"""Timers of this kernel against what its sysctls say, in real time: only those made short."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from functools import partial

import pytest

from netlab import scheduler
from netlab.model.errors import ScenarioError
from netlab.model.kernel_run import Timing
from netlab.model.tcp import State
from netlab.model.vocabulary import Family, Side
from netlab.observe.tracing import tracer
from netlab.testbed import expect
from netlab.testbed.lab import Lab
from netlab.timers import measure
from netlab.timers.catalogue import TIMEOUTS, Timeout

SHORT = {
    "tcp_syn_retries": "1",
    "tcp_synack_retries": "1",
    "tcp_retries2": "2",
    "tcp_fin_timeout": "1",
    "tcp_orphan_retries": "2",
    "tcp_keepalive_time": "2",
    "tcp_keepalive_intvl": "1",
    "tcp_keepalive_probes": "2",
}
#: How long each takes with these, in seconds: from what the kernel's code computes to an eighth
#: more (the timer wheel) and half a second (a busy machine); and how many packets it sends.
EXPECTED: dict[str, tuple[float, float, int, str]] = {
    "syn": (2.0, 3.9, 2, "ETIMEDOUT"),  # 1 s, and 1 s again (Linux 6.5) or 2 s
    "syn-ack": (3.0, 3.9, 2, "LISTEN"),
    "delayed-ack": (0.035, 0.1, 0, "ACK"),
    "data": (1.4, 4.3, 4, "ETIMEDOUT"),  # (2^3 - 1) * 0.2 s, at the next retransmission
    "window-probe": (0.6, 4.3, 2, "ETIMEDOUT"),
    "keepalive": (4.0, 5.0, 2, "ETIMEDOUT"),
    "orphan-fin-wait1": (1.4, 4.3, 4, "CLOSED"),
    "orphan-closing": (1.4, 4.3, 4, "CLOSED"),
    "orphan-last-ack": (1.4, 4.3, 4, "CLOSED"),
    "fin-wait2": (1.0, 1.7, 0, "CLOSED"),
}
WRONG = {
    "no-such-sysctl": replace(TIMEOUTS["delayed-ack"], sysctls={"tcp_no_such_thing": 1}),
    "never-begins": Timeout("a state that is not reached", lambda lab: None, state=State.CLOSING),
}


@pytest.fixture(scope="module")
def measured() -> dict[str, Timing]:
    """Everything that is short, side by side, and what cannot be measured."""
    with pytest.MonkeyPatch.context() as patch:
        for name, timeout in WRONG.items():
            patch.setitem(TIMEOUTS, name, timeout)
        names = (*EXPECTED, "fin-wait2-open", *WRONG)
        return {timing.name: timing for timing in measure.run(names, sysctls=SHORT)}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_timer_runs_as_long_as_its_sysctl_says(name: str, measured: dict[str, Timing]) -> None:
    timing = measured[name]
    low, high, sends, ending = EXPECTED[name]
    assert not timing.problem
    assert timing.after is not None, timing
    assert low <= timing.after <= high, timing
    assert timing.ending == ending
    assert len(timing.sends) >= sends, timing
    assert list(timing.sends) == sorted(timing.sends)
    assert all(at < timing.after for at in timing.sends)


def test_times_count_from_the_first_packet(measured: dict[str, Timing]) -> None:
    assert measured["data"].sends[0] == measured["syn"].sends[0] == 0
    assert measured["data"].sends[1] == pytest.approx(0.2, abs=0.1)  # TCP_RTO_MIN
    assert measured["syn"].sends[1] == pytest.approx(1.0, abs=0.3)  # TCP_TIMEOUT_INIT


def test_times_count_from_when_all_was_idle_where_nothing_is_repeated(
    measured: dict[str, Timing],
) -> None:
    first, second = measured["keepalive"].sends
    assert 2.0 <= first <= 2.8
    assert 1.0 <= second - first <= 1.7


def test_a_state_without_a_timer_has_no_end(measured: dict[str, Timing]) -> None:
    timing = measured["fin-wait2-open"]
    assert (timing.after, timing.ending, timing.problem) == (None, "FIN_WAIT2", "")


def test_what_this_kernel_does_not_have_is_said(measured: dict[str, Timing]) -> None:
    timing = measured["no-such-sysctl"]
    assert timing.after is None
    assert timing.problem == "this kernel has no sysctl net.ipv4.tcp_no_such_thing"


def test_a_state_that_is_not_reached_is_said(measured: dict[str, Timing]) -> None:
    assert measured["never-begins"].problem == "the client came to CLOSED, not CLOSING"


def test_a_kernel_that_is_set_otherwise_shows(measured: dict[str, Timing]) -> None:
    changed = {"tcp_retries2": "1", "tcp_fin_timeout": "3"}
    other = {t.name: t for t in measure.run(("data", "fin-wait2"), sysctls=changed)}
    assert len(other["data"].sends) < len(measured["data"].sends)
    after = other["fin-wait2"].after
    assert after is not None
    assert 3.0 <= after <= 4.0


def test_ipv6_has_the_same_timers() -> None:
    names = ("delayed-ack", "fin-wait2")
    for timing in measure.run(names, Family.IPV6, SHORT):
        low, high, _, ending = EXPECTED[timing.name]
        assert timing.after is not None, timing
        assert low <= timing.after <= high, timing
        assert timing.ending == ending


def test_what_does_not_end_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "LIMIT", 0.5)
    (timing,) = measure.run(("syn",))
    assert timing.problem == "SYN_SENT has not ended after 0.5 s"


def test_each_comes_as_it_ends_and_nobody_has_to_wait_for_all() -> None:
    with contextlib.closing(measure.run(("keepalive", "delayed-ack"))) as timings:
        assert next(timings).name == "delayed-ack"


def test_a_busy_machine_does_not_make_a_timer_longer() -> None:
    if tracer() is None:
        pytest.skip("the end is as late as it is seen where the kernel does not tell it")
    busy = partial(time.sleep, 0.75)
    (timing,) = measure.run(("orphan-fin-wait1",), sysctls=SHORT, meanwhile=busy)
    assert timing.after is not None
    assert 1.95 <= timing.after / timing.sends[-1] <= 2.25, timing  # a slot of the timer wheel


def test_an_unknown_name_is_refused_at_once() -> None:
    with pytest.raises(ScenarioError, match="no timer is called 'banana'; expected one of syn, "):
        measure.run(("syn", "banana"))


# --- how long waits are looked at


def test_who_waits_for_long_looks_more_and_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(scheduler, "now", lambda: clock)
    again = scheduler.ever_rarer()
    pauses = []
    for waited in (0.0, 0.1, 5.0, 20.0, 1000.0):
        clock = 1000.0 + waited
        pauses.append(round(again() - clock, 6))
    assert pauses == [0.001, 0.01, scheduler.LONGEST, 0.1, 0.25]


@pytest.mark.parametrize(
    ("due", "late"),
    [(3.0, 0.004), (60.0, 0.012), (60.0, 2.0), (800.0, 90.0)],  # s; the wheel's levels: an eighth
)
def test_where_time_leaps_a_timer_is_looked_at_when_it_fires(
    due: float, late: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = began = 1000.0
    monkeypatch.setattr(scheduler, "now", lambda: clock)
    monkeypatch.setattr(scheduler.LEAPS, "on", True)
    ended = began + due + late
    # As /proc/net/tcp shows it: hundredths, and 0 where it is overdue.
    again = scheduler.ever_rarer(lambda: max(0, int((began + due - clock) * 100)) / 100)
    looks = 0
    while clock < ended:
        upcoming = again()
        assert clock < upcoming <= clock + scheduler.LEAPS.rarest
        clock, looks = upcoming, looks + 1
    assert clock - ended <= min(max(0.02, late), scheduler.RAREST), "as it is without leaps"
    assert looks < 100 + due + 4 * late, "a poll a second, but for the first one and the last"


def test_where_time_leaps_nothing_is_left_out_that_shows_no_timer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = 1000.0
    monkeypatch.setattr(scheduler, "now", lambda: clock)
    monkeypatch.setattr(scheduler.LEAPS, "on", True)
    usual, leaping = scheduler.ever_rarer(), scheduler.ever_rarer(lambda: None)
    for waited in (0.0, 0.1, 5.0, 20.0, 1000.0):
        clock = 1000.0 + waited
        assert leaping() == usual()


def test_the_next_timer_is_the_kernels_own_and_none_where_others_act() -> None:
    for recorded in (False, True):
        with Lab(record=recorded) as lab:
            lab.drop("SYN", to="server")
            lab.client.connect(wait=False)
            assert lab.wait(lambda: lab.flow().state(Side.CLIENT) is State.SYN_SENT or None, 5)
            left = expect._next_timer(lab.context, lab.flow())
            if recorded:
                assert left is None
                continue
            assert left is not None
            assert 0 < left <= 1, "a SYN is sent again after a second"
            lab.client.run("sleep 60")
            assert expect._next_timer(lab.context, lab.flow()) is None


def test_where_time_leaps_tcp_cannot_go_and_come_back_in_a_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert scheduler.steadily() is None, "else each hold is polled every 20 ms"
    clock = began = 1000.0
    monkeypatch.setattr(scheduler, "now", lambda: clock)
    monkeypatch.setattr(scheduler.LEAPS, "on", True)
    again = scheduler.steadily()
    assert again is not None
    gaps = []
    while clock < began + 5:
        upcoming = again()
        gaps.append(upcoming - clock)
        clock = upcoming
    assert 0 < max(gaps) < scheduler.UNSEEN / 1.5
    assert len(gaps) < 80


def test_a_wait_is_looked_at_when_it_is_asked_to_and_at_its_deadline() -> None:
    looks: list[float] = []
    began = scheduler.now()
    scheduler.wait(lambda: looks.append(scheduler.now()), began + 0.3, lambda: looks[-1] + 0.2)
    assert [round(look - began, 1) for look in looks] == [0.0, 0.2, 0.3]


def test_a_timer_that_sends_on_and_on_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a guest it would make hours of work of what takes no time, and look like a hang."""
    monkeypatch.setattr(measure, "MOST", 3)  # a SYN is three frames: sent, arrived, and dropped
    began = scheduler.now()
    (timing,) = measure.run(["syn"])
    assert timing.problem.startswith("it sends without an end: ")
    assert timing.after is None
    assert scheduler.now() - began < 30, "the time-out itself takes two minutes"
