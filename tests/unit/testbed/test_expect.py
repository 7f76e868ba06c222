# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a pair is waited for, and how a failure tells what was seen instead."""

from __future__ import annotations

import pytest

from netlab import scheduler
from netlab.linux.procnet import Row
from netlab.model.errors import NotHeld
from netlab.model.evidence import FailureRow
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import ExpectedPair, Side
from netlab.testbed import expect
from netlab.testbed.connection import Flow
from tests.build import expected

S = State
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 5555)
GRACE = 3.0


def row(state: State, timer: Timer = Timer.NONE, remaining: float = 0.0, again: int = 0) -> Row:
    return Row("", "", state, 0, 0, timer, remaining, again, 0, 7)


def seen(client: Row | None, server: Row | None) -> Flow:
    """A connection whose last sample showed these."""
    flow = Flow(CLIENT, SERVER, 0.0)
    flow.rows.update({Side.CLIENT: client, Side.SERVER: server})
    return flow


def patience(flow: Flow, claim: ExpectedPair, earliest: float = 0.0) -> float:
    """The seconds from now on."""
    return expect._Patience(flow, claim, earliest, GRACE).deadline() - scheduler.now()


ESTABLISHED = row(S.ESTABLISHED)


@pytest.mark.parametrize(
    ("one", "claim", "timer"),
    [
        (row(S.SYN_SENT, Timer.RETRANSMIT, 30), "ESTABLISHED/ESTABLISHED", 30),
        (row(S.ESTABLISHED, Timer.PROBE, 30), "CLOSED/CLOSED", 30),
        (row(S.ESTABLISHED, Timer.KEEPALIVE, 7200), "CLOSED/CLOSED", 0),
        (row(S.TIME_WAIT, Timer.TIME_WAIT, 60), "ESTABLISHED/ESTABLISHED", 0),
        (row(S.TIME_WAIT, Timer.TIME_WAIT, 60), "CLOSED/CLOSED", 60),
        (row(S.TIME_WAIT, Timer.TIME_WAIT, 60), "LISTEN/LISTEN", 60),
        (row(S.TIME_WAIT, Timer.TIME_WAIT, 60), "LISTEN or LAST_ACK/LISTEN or LAST_ACK", 60),
        (None, "ESTABLISHED/ESTABLISHED", 0),
    ],
)
def test_a_pair_is_waited_for_until_the_kernels_timer_has_fired(
    one: Row | None, claim: str, timer: float
) -> None:
    for flow in (seen(one, ESTABLISHED), seen(ESTABLISHED, one), seen(one, one)):
        assert patience(flow, expected(claim)) == pytest.approx(timer + GRACE, abs=0.5)


def test_the_later_timer_counts_and_never_less_than_the_hold() -> None:
    flow = seen(row(S.SYN_SENT, Timer.RETRANSMIT, 10), row(S.SYN_RECV, Timer.RETRANSMIT, 20))
    claim = expected("ESTABLISHED/ESTABLISHED")
    assert patience(flow, claim) == pytest.approx(20 + GRACE, abs=0.5)
    assert patience(flow, claim, scheduler.now() + 50) == pytest.approx(50 + GRACE, abs=0.5)


def test_only_a_pair_that_was_not_seen_before_prolongs_the_wait() -> None:
    flow = seen(row(S.SYN_SENT, Timer.RETRANSMIT, 10), None)
    waits = expect._Patience(flow, expected("ESTABLISHED/ESTABLISHED"), 0.0, GRACE)
    first = waits.deadline()
    flow.rows[Side.CLIENT] = row(S.SYN_SENT, Timer.RETRANSMIT, 20)
    assert waits.deadline() == first
    flow.rows[Side.SERVER] = row(S.SYN_RECV, Timer.RETRANSMIT, 20)
    second = waits.deadline()
    assert second == pytest.approx(first + 10, abs=0.5)
    flow.rows[Side.SERVER] = None
    assert waits.deadline() == second


@pytest.mark.parametrize(
    ("claim", "before", "tolerated"),
    [
        ("ESTABLISHED/LISTEN", ("a", "b"), 1.0),
        ("ESTABLISHED/LISTEN", ("a", "c"), 0.2),  # one is another socket: it may have been left
        ("ESTABLISHED/LISTEN", ("a",), 0.2),
        ("ESTABLISHED/SYN_RECV|LISTEN", ("a", "c"), 1.0),  # it is left and comes back anyway
    ],
)
def test_a_gap_is_tolerated_for_a_second_while_the_sockets_are_the_same(
    claim: str, before: tuple[str, ...], tolerated: float
) -> None:
    flow = seen(row(S.ESTABLISHED)._replace(pointer="a"), row(S.LISTEN)._replace(pointer="b"))
    client, server = claim.split("/")
    pair = ExpectedPair((State[client],), tuple(State[each] for each in server.split("|")))
    assert expect._tolerated(flow, pair, before) == tolerated


def failure_rows(flow: Flow, claim: str) -> tuple[FailureRow, ...]:
    error = expect._not_held(flow, expected(claim), "not so", held=True)
    assert isinstance(error, NotHeld)
    assert error.held
    assert error.failure.summary.startswith("not so (kernel ")
    return error.failure.rows


def test_a_failure_shows_for_each_end_its_last_state_and_since_when() -> None:
    flow = Flow(CLIENT, SERVER, 100.0)
    for at, state, again in ((1, S.SYN_SENT, 2), (2, S.ESTABLISHED, 0), (3, S.ESTABLISHED, 1),
                             (3.5, S.ESTABLISHED, 1)):  # fmt: skip
        flow.timelines[Side.CLIENT].add(100.0 + at, row(state, again=again))
    client, server = failure_rows(flow, "ESTABLISHED/LISTEN")
    assert (client.side, client.expected) == (Side.CLIENT, (S.ESTABLISHED,))
    assert (client.sampled, client.how_long, client.retransmits) == (
        S.ESTABLISHED, "for 1.50 s", 2,
    )  # fmt: skip
    assert (server.side, server.expected) == (Side.SERVER, (S.LISTEN,))
    assert (server.sampled, server.how_long, server.retransmits) == (S.CLOSED, "", 0)
    client, _ = failure_rows(flow, "SYN_SENT or SYN_RECV/LISTEN")
    assert client.how_long == "from +2.00 s"
