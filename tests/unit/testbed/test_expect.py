# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a pair is waited for, and how a failure tells what was seen instead."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from netlab import scheduler
from netlab.linux.procnet import Row
from netlab.model.errors import NotHeld, TooBusy
from netlab.model.evidence import FailureRow
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import ExpectedPair, Side
from netlab.testbed import expect
from netlab.testbed.connection import Flow
from netlab.testbed.context import LabContext
from netlab.testbed.faults.tally import Tally
from netlab.testbed.flows import LATEST
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
        ("ESTABLISHED/SYN_RECV or LISTEN", ("a", "c"), 1.0),  # it is left and comes back anyway
        ("ESTABLISHED or CLOSED/LISTEN", ("a", "c"), 1.0),
    ],
)
def test_a_gap_is_tolerated_for_a_second_while_the_sockets_are_the_same(
    claim: str, before: tuple[str, ...], tolerated: float
) -> None:
    flow = seen(row(S.ESTABLISHED)._replace(pointer="a"), row(S.LISTEN)._replace(pointer="b"))
    assert expect._tolerated(flow, expected(claim), before) == tolerated


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


def test_a_state_that_was_left_and_came_back_is_there_since_then() -> None:
    flow = Flow(CLIENT, SERVER, 100.0)
    for at, state in ((1, S.SYN_RECV), (2, S.LISTEN), (3, S.SYN_RECV), (3.5, S.SYN_RECV)):
        flow.timelines[Side.SERVER].add(100.0 + at, row(state))
    assert failure_rows(flow, "SYN_SENT/SYN_RECV")[1].how_long == "for 0.50 s"
    assert failure_rows(flow, "SYN_SENT/LISTEN")[1].how_long == "from +3.00 s"


# --- a pair that comes and goes, sample by sample


class MadeUp:
    """A lab of which each sample shows the next of some pairs, and the last one for good."""

    def __init__(self, *pairs: str) -> None:
        self.flow = Flow(CLIENT, SERVER, scheduler.now())
        self.flows = SimpleNamespace(chosen=lambda _: self.flow, instead=lambda _: ("", ()))
        self.began = scheduler.now()
        self._pairs = [*pairs]
        self.samples = 0
        #: What the tally was told, and when it looked.
        self.told: list[str] = []
        self.looks: list[float] = []

    def sample(self) -> None:
        """Another one."""
        self.samples += 1
        shown = self._pairs.pop(0) if len(self._pairs) > 1 else self._pairs[0]
        pair = dict(zip(Side, shown.split("/"), strict=True))
        for side, state in pair.items():
            self.flow.rows[side] = seen = None if state == "CLOSED" else row(State[state])
            self.flow.timelines[side].add(scheduler.now(), seen)

    def elapsed(self) -> float:
        """Seconds since it was built."""
        return scheduler.now() - self.began

    def excuse(self, error: NotHeld) -> None:
        """No time was lost."""

    def prove(
        self,
        claim: str,
        hold: float = 0.0,
        within: float | None = None,
        enough: Callable[[], bool] = lambda: True,
    ) -> expect.Held:
        """Ask for a pair of states."""
        context, tally = cast("LabContext", self), cast("Tally", self)
        return expect.prove(context, expected(claim), hold, within, enough, LATEST, tally)

    def forget(self) -> None:
        """Of the tally."""
        self.told.append("forget")

    def begin(self) -> None:
        """Of the tally."""
        self.told.append("begin")

    def look(self) -> None:
        """Of the tally."""
        self.told.append("look")
        self.looks.append(scheduler.now())


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not come is not waited for."""
    monkeypatch.setattr(expect, "GRACE", 0.1)


BOTH, OPENING = "ESTABLISHED/ESTABLISHED", "SYN_SENT/LISTEN"


def test_what_was_reached_and_held_says_between_which_samples_it_came() -> None:
    lab = MadeUp(OPENING, OPENING, BOTH)
    held = lab.prove(BOTH, hold=0.3)
    assert str(held.pair) == BOTH
    assert 0 < held.before < held.since <= held.start
    assert held.seconds == held.until - held.start >= 0.3
    assert held.samples == lab.samples - 3 > 0, "from the first one on that was of the hold"
    assert 0 < held.gap < held.seconds + 0.01
    assert MadeUp(BOTH).prove(BOTH).before == 0, "it was there from the first sample on"


def test_the_faults_are_counted_anew_for_each_hold_and_only_for_one() -> None:
    lab = MadeUp(BOTH)
    lab.prove(BOTH, hold=0.1)
    assert lab.told[:3] == ["forget", "begin", "look"]
    assert {*lab.told[3:]} <= {"look"}
    lab = MadeUp(BOTH)
    lab.prove(BOTH)
    assert lab.told == []


def test_the_kernel_is_asked_for_its_counters_every_50_ms_at_most() -> None:
    lab = MadeUp(BOTH)
    until = scheduler.now() + 0.4
    lab.prove(BOTH, 0.1, enough=lambda: scheduler.now() > until)
    assert 1 < len(lab.looks) <= 1 + (lab.looks[-1] - lab.began) / 0.05


@pytest.mark.usefixtures("hurry")
def test_a_hold_may_take_longer_than_patience() -> None:
    assert MadeUp(BOTH).prove(BOTH, hold=0.4).seconds >= 0.4


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize(
    ("pairs", "claim", "said", "reached", "held"),
    [
        ((OPENING,), BOTH, "pair not reached (", False, False),
        ((BOTH, BOTH, BOTH, "CLOSE_WAIT/FIN_WAIT2"), BOTH, "pair not held, left after 0.", True,
         False),
        ((BOTH,), "SYN_SENT or ESTABLISHED/ESTABLISHED",
         "never seen alternating as SYN_SENT or ESTABLISHED/ESTABLISHED (", True, False),
        ((BOTH,), "ESTABLISHED/SYN_RECV or ESTABLISHED",
         "never seen alternating as ESTABLISHED/SYN_RECV or ESTABLISHED (", True, False),
    ],
)  # fmt: skip
def test_a_failure_says_how_far_it_came(
    pairs: tuple[str, ...], claim: str, said: str, reached: bool, held: bool
) -> None:
    with pytest.raises(NotHeld) as error:
        MadeUp(*pairs).prove(claim, hold=0.2)
    assert error.value.failure.summary.startswith(said)
    assert (error.value.failure.reached, error.value.held) == (reached, held)


@pytest.mark.usefixtures("hurry")
def test_what_is_held_without_its_cause_is_another_failure() -> None:
    for hold in (0.0, 0.1):
        with pytest.raises(NotHeld, match=r"^pair held, but the wrong number of packets") as error:
            MadeUp(BOTH).prove(BOTH, hold, enough=lambda: False)
        assert error.value.held
        assert error.value.failure.reached


def test_states_by_turns_are_each_seen_and_without_a_hold_one_is_enough() -> None:
    turns = ("ESTABLISHED/SYN_RECV", BOTH) * 50
    claim = "ESTABLISHED/SYN_RECV or ESTABLISHED"
    assert MadeUp(*turns).prove(claim, hold=0.1).samples > 2
    assert str(MadeUp(BOTH).prove(claim).pair) == BOTH


def test_within_its_time_is_not_later() -> None:
    late = (OPENING,) * 8  # looked at ever more rarely
    began = scheduler.now()
    with pytest.raises(NotHeld, match=r"^pair not reached"):
        MadeUp(OPENING).prove(BOTH, within=0.2)
    assert 0.2 <= scheduler.now() - began < expect.GRACE
    assert MadeUp(*late, BOTH).prove(BOTH, within=2.0)


def test_where_nobody_looks_a_hold_begins_anew_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expect, "TOLERATED", -1.0)  # no two samples are near enough
    lab = MadeUp(BOTH)
    with pytest.raises(TooBusy, match=r"s between two samples .* and so 3 times"):
        lab.prove(BOTH, hold=0.1)
    assert lab.told == ["forget", *["begin"] * 3]
