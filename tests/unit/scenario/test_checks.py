# SPDX-License-Identifier: GPL-2.0-or-later
"""What is checked of a frozen pair, on both sides of each bound."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from netlab.linux.procnet import Row
from netlab.model.errors import ActionFailed, LabError, TooBusy
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import Side
from netlab.scenario import checks
from netlab.scenario.model import Expectation, Look, Range
from netlab.testbed.connection import Flow
from netlab.testbed.expect import TOLERATED
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import Notebook
from tests.build import expected

ASKED = Range(4.0, 7.0, "between 4 s and 7 s")


@pytest.mark.parametrize(
    ("least", "most", "outcome"),
    [
        (5.0, 5.1, None),
        (4.1, 6.9, None),  # nobody looked for long, and it makes no difference
        (6.95, 7.05, None),  # one of the times between two samples that follow each other
        (3.95, 4.05, None),
        (7.05, 7.1, ActionFailed),
        (3.8, 3.9, ActionFailed),
        (7.1, 30.0, ActionFailed),  # the pair was still seen too late
        (0.0, 3.9, ActionFailed),
        (4.0, 4.0, None),
        (7.0, 7.0, None),
        (6.5, 6.5 + TOLERATED, None),
        (6.0, 6.0 + TOLERATED + 0.1, TooBusy),
        (3.9, 3.9 + TOLERATED + 0.1, TooBusy),
        (0.0, 30.0, TooBusy),
    ],
)
def test_a_look_that_comes_late_refutes_nothing(
    least: float, most: float, outcome: type[Exception] | None
) -> None:
    if outcome is None:
        checks.lasted(least, most, ASKED)
        return
    with pytest.raises(outcome, match="expected between 4 s and 7 s"):
        checks.lasted(least, most, ASKED)


# --- the sockets of a pair

S = State
ONE, FIVE_OR_MORE = Range(1, 1, "1"), Range(5, float("inf"), "at least 5")


def row(state: State, timer: Timer = Timer.NONE, queue: int = 0, again: int = 0) -> Row:
    """As /proc/net/tcp has it, with so many bytes to send."""
    return Row("", "", state, queue, 0, timer, 1.0, again, 0, 7)


def lab(client: Row | None, server: Row | None, *past: Row) -> Lab:
    """What a lab shows of a connection, whose client was seen as `past` before."""
    flow = Flow(("10.0.0.1", 40000), ("10.0.0.2", 5555), 0.0)
    for number, each in enumerate([*past, client]):
        flow.timelines[Side.CLIENT].add(float(number), each)
    flow.timelines[Side.SERVER].add(0.0, server)
    flow.rows.update({Side.CLIENT: client, Side.SERVER: server})
    counts = {side: {seen.state: 1} if seen else {} for side, seen in flow.rows.items()}
    return cast("Lab", SimpleNamespace(flow=lambda _: flow, count=counts.__getitem__))


def refused(lab: Lab, **asked: Any) -> tuple[str, tuple[object, ...]] | None:
    """The failure, and the words of the last check; None if all is as expected."""
    last: tuple[object, ...] = ()

    def at(*words: object) -> None:
        nonlocal last
        last = words

    try:
        checks.frozen(lab, Expectation(1, expected("SYN_SENT/LISTEN"), **asked), 0.0, at)
    except ActionFailed as error:
        return str(error), last
    return None


SENDING = lab(row(S.SYN_SENT, Timer.RETRANSMIT, queue=5, again=2), row(S.LISTEN))


@pytest.mark.parametrize(
    ("look", "refusal"),
    [
        (Look(Timer.RETRANSMIT, {"tx_queue": FIVE_OR_MORE}), None),
        (Look(None, {"retransmits": Range(2, 2, "2")}), None),
        (Look(Timer.PROBE), ("client: expected timer probe; found retransmit", "timer")),
        (Look(None, {"tx_queue": ONE}), ("client: tx_queue: expected 1; found 5", "tx_queue")),
        (
            Look(Timer.RETRANSMIT, {"tx_queue": FIVE_OR_MORE, "retransmits": ONE}),
            ("client: retransmits: expected 1; found 2", "retransmits"),
        ),
    ],
)
def test_a_row_shows_what_is_asked_for(look: Look, refusal: tuple[str, str] | None) -> None:
    found = refused(SENDING, rows={Side.CLIENT: look})
    assert found == (refusal and (refusal[0], ("rows", Side.CLIENT, refusal[1])))


def test_what_is_not_listed_shows_nothing() -> None:
    assert refused(lab(None, row(S.LISTEN)), rows={Side.CLIENT: Look()}) == (
        "client: no row to look at, the connection is not listed",
        ("rows", Side.CLIENT),
    )


def test_sockets_are_counted_by_their_state() -> None:
    assert refused(SENDING, sockets={Side.SERVER: {S.LISTEN: ONE}}) is None
    assert refused(SENDING, sockets={Side.SERVER: {S.LISTEN: ONE, S.SYN_SENT: ONE}}) == (
        "server: sockets in SYN_SENT: expected 1; found 0",
        ("sockets", Side.SERVER, S.SYN_SENT),
    )


WALKED = lab(
    row(S.CLOSE_WAIT), row(S.LISTEN), row(S.SYN_SENT), row(S.SYN_SENT, again=1),
    row(S.ESTABLISHED), row(S.ESTABLISHED, queue=1),
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ((S.SYN_SENT, S.ESTABLISHED, S.CLOSE_WAIT), True),
        ((S.SYN_SENT, S.CLOSE_WAIT), True),  # with another one between them
        ((S.ESTABLISHED,), True),
        ((S.ESTABLISHED, S.SYN_SENT), False),
        ((S.SYN_SENT, S.SYN_SENT), False),  # a retransmission is no other state
        ((S.ESTABLISHED, S.ESTABLISHED), False),
        ((S.LAST_ACK,), False),
    ],
)
def test_a_path_is_walked_in_its_order(path: tuple[State, ...], seen: bool) -> None:
    found = refused(WALKED, path={Side.CLIENT: path})
    if seen:
        assert found is None
    else:
        names = ", ".join(state.name for state in path)
        assert found == (
            f"client: expected to see {names}, in order; saw SYN_SENT, ESTABLISHED, CLOSE_WAIT",
            ("path", Side.CLIENT),
        )


# --- what healing undoes


WAITS = Look(Timer.RETRANSMIT, {"tx_queue": FIVE_OR_MORE, "retransmits": ONE})


@pytest.mark.parametrize(
    ("now", "undone"),
    [
        (row(S.ESTABLISHED), True),
        (row(S.ESTABLISHED, Timer.NONE, queue=9), True),
        (row(S.ESTABLISHED, Timer.RETRANSMIT, queue=4), True),
        (row(S.ESTABLISHED, Timer.RETRANSMIT, queue=5), False),
        (row(S.ESTABLISHED, Timer.PROBE, queue=9), False),  # another timer that sends again
        (row(S.ESTABLISHED, Timer.KEEPALIVE, queue=9), True),
        (row(S.CLOSE_WAIT), False),  # another pair
        (None, False),
    ],
)
def test_a_pair_heals_into_itself_where_nothing_waits_any_more(
    now: Row | None, undone: bool
) -> None:
    still = row(S.ESTABLISHED)
    expect = Expectation(1, expected("ESTABLISHED/ESTABLISHED"), rows={Side.CLIENT: WAITS})
    assert checks.undone(lab(now, still), expect) is undone
    # A row that shows nothing that waits says nothing of it.
    plain = {Side.CLIENT: WAITS, Side.SERVER: Look(Timer.KEEPALIVE, {"tx_queue": Range(0, 0, "")})}
    both = Expectation(1, expected("ESTABLISHED/ESTABLISHED"), rows=plain)
    assert checks.undone(lab(now, still), both) is undone


def test_a_row_that_is_gone_waits_for_nothing() -> None:
    expect = Expectation(1, expected("CLOSED/ESTABLISHED"), rows={Side.CLIENT: WAITS})
    assert checks.undone(lab(None, row(S.ESTABLISHED)), expect)


def test_queues_alone_can_show_what_waits() -> None:
    queue = {Side.SERVER: Look(None, {"tx_queue": FIVE_OR_MORE})}
    expect = Expectation(1, expected("ESTABLISHED/ESTABLISHED"), rows=queue)
    still = row(S.ESTABLISHED)
    assert checks.undone(lab(still, row(S.ESTABLISHED, queue=4)), expect)
    assert not checks.undone(lab(still, row(S.ESTABLISHED, queue=5)), expect)


# --- counters


def test_counters_are_those_of_their_side() -> None:
    counted = {Side.CLIENT: {"TcpActiveOpens": 1}, Side.SERVER: {"TcpActiveOpens": 0}}
    notebook = cast("Notebook", SimpleNamespace(counted=counted.__getitem__))
    said: list[tuple[object, ...]] = []

    def check(side: Side, name: str) -> None:
        checks.counters(notebook, {side: {name: ONE}}, lambda *words: said.append(words))

    check(Side.CLIENT, "TcpActiveOpens")
    with pytest.raises(ActionFailed, match=r"^server: TcpActiveOpens: expected 1; found 0$"):
        check(Side.SERVER, "TcpActiveOpens")
    with pytest.raises(LabError, match=r"^this kernel has no counter TcpBanana$"):
        check(Side.CLIENT, "TcpBanana")
    assert said[1:] == [
        ("counters", Side.SERVER, "TcpActiveOpens"),
        ("counters", Side.CLIENT, "TcpBanana"),
    ]
