# SPDX-License-Identifier: GPL-2.0-or-later
"""The state diagram: what counts as seen, what is a contradiction, and what a person is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netlab.atlas import fsm
from netlab.atlas.moves import moves
from netlab.model.evidence import End, Evidence, Interval
from netlab.model.tcp import State, Timer
from netlab.render.style import Style
from netlab.scenario import catalogue
from tests.build import evidence, step

S = State
#: RFC 9293, Figure 5, read off the figure and its note 2; with Linux's names.
FIGURE_5 = """
CLOSED LISTEN | LISTEN CLOSED | CLOSED SYN_SENT | SYN_SENT CLOSED | LISTEN SYN_RECV
LISTEN SYN_SENT | SYN_RECV LISTEN | SYN_SENT SYN_RECV | SYN_RECV ESTABLISHED
SYN_SENT ESTABLISHED | SYN_RECV FIN_WAIT1 | ESTABLISHED FIN_WAIT1 | ESTABLISHED CLOSE_WAIT
FIN_WAIT1 FIN_WAIT2 | FIN_WAIT1 CLOSING | FIN_WAIT1 TIME_WAIT | CLOSE_WAIT LAST_ACK
FIN_WAIT2 TIME_WAIT | CLOSING TIME_WAIT | LAST_ACK CLOSED | TIME_WAIT CLOSED
"""
PLAIN, COLOUR = Style(False), Style(True)


def interval(state: State, since: float, until: float, due: float = 0.0) -> Interval:
    """A stretch of samples; `due`: seconds until the retransmission timer fires, if it runs."""
    timer = Timer.RETRANSMIT if due else Timer.NONE
    return Interval(state, since, until, 2, timer, due, 0, 0, 0, 0, 1)


def end(*states: State, lasting: float = 1.0, **counters: int) -> End:
    """An end that was sampled in these states, each for a while, a hundredth second between."""
    spans = [
        interval(state, number * (lasting + 0.01), number * (lasting + 0.01) + lasting)
        for number, state in enumerate(states)
    ]
    return End(tuple(spans), counters)


ABSENT = End()


def run(client: End, server: End = ABSENT, *steps: tuple[float, str], name: str = "a") -> Evidence:
    """A run in which this was seen."""
    done = tuple(step(at, text) for at, text in steps)
    return evidence(name, client=client, server=server, steps=done)


def shown(*runs: Evidence) -> list[str]:
    """What these runs show: arrows, with their origin."""
    seen = fsm.seen(runs)
    assert not seen.unexplained
    return [f"{arrow} ({arrow.origin})" for arrow, names in seen.scenarios.items() if names]


# --- the diagram


def test_the_arrows_are_those_of_figure_5() -> None:
    written = {tuple(pair.split()) for line in FIGURE_5.split("\n") for pair in line.split("|")}
    ours = [(str(arrow.source), str(arrow.target)) for arrow in fsm.RFC_ARROWS]
    assert {*ours} == written - {()}
    assert len({*ours}) == len(ours)


def test_every_state_can_be_broken_off() -> None:
    ends = {arrow.source for arrow in fsm.LINUX_ARROWS if arrow.target is S.CLOSED}
    assert ends == {*State} - {S.CLOSED, S.LISTEN}


def test_an_arrow_that_linux_does_not_have_says_why() -> None:
    assert [str(arrow) for arrow in fsm.ARROWS if arrow.absent] == ["LISTEN -> SYN_SENT"]
    assert all(arrow.reason for arrow in fsm.ARROWS if arrow.absent)


# --- what counts as seen


def test_two_samples_show_an_arrow() -> None:
    one = run(end(S.ESTABLISHED, S.FIN_WAIT1), ABSENT, (1.005, "client: close"))
    assert shown(one) == ["ESTABLISHED -> FIN_WAIT1 (RFC 9293)"]


def test_what_shows_it_is_named_in_order_and_once() -> None:
    one = run(end(S.ESTABLISHED, S.FIN_WAIT1), ABSENT, (1.005, "client: close"))
    seen = fsm.seen([replace(one, scenario="b"), one, replace(one, scenario="b")])
    assert [names for names in seen.scenarios.values() if names] == [("b", "a")]


def test_a_state_that_was_skipped_shows_nothing() -> None:
    one = run(end(S.ESTABLISHED, S.FIN_WAIT2), ABSENT, (1.005, "client: close"))
    assert shown(one) == []


def test_a_way_that_something_else_explains_too_shows_nothing() -> None:
    both = end(S.SYN_SENT, S.ESTABLISHED, TCPDelivered=1)
    assert shown(run(both, end(S.LISTEN))) == ["SYN_SENT -> ESTABLISHED (RFC 9293)"]
    assert shown(run(both, end(S.SYN_SENT, TcpActiveOpens=1))) == []  # or by way of SYN_RECV


def test_the_application_decides_how_a_syn_sent_has_ended() -> None:
    gone = end(S.SYN_SENT, S.CLOSED)
    assert shown(run(gone, ABSENT, (1.005, "client: close"))) == ["SYN_SENT -> CLOSED (RFC 9293)"]
    assert shown(run(gone)) == ["SYN_SENT -> CLOSED (Linux)"]


def test_a_counter_decides_how_a_request_has_ended() -> None:
    assert shown(run(end(S.SYN_RECV, S.LISTEN, EmbryonicRsts=1))) == [
        "SYN_RECV -> LISTEN (RFC 9293)"
    ]
    assert shown(run(end(S.SYN_RECV, S.LISTEN))) == ["SYN_RECV -> LISTEN (Linux)"]


def test_a_reset_decides_how_a_last_ack_has_ended() -> None:
    ended = end(S.LAST_ACK, S.CLOSED)
    assert shown(run(ended)) == ["LAST_ACK -> CLOSED (RFC 9293)"]
    assert shown(run(ended, End(counters={"TcpOutRsts": 1}))) == ["LAST_ACK -> CLOSED (Linux)"]


def test_a_minute_decides_how_a_time_wait_has_ended() -> None:
    assert shown(run(end(S.TIME_WAIT, S.CLOSED, lasting=60.0))) == [
        "TIME_WAIT -> CLOSED (RFC 9293)"
    ]
    reset = End(counters={"TcpOutRsts": 1})
    assert shown(run(end(S.TIME_WAIT, S.CLOSED), reset)) == ["TIME_WAIT -> CLOSED (Linux)"]


@pytest.mark.parametrize(("due", "certain"), [(5.0, True), (0.5, False)])
def test_one_segment_is_told_from_two_by_the_retransmission_timer(
    due: float, certain: bool
) -> None:
    client = End((interval(S.FIN_WAIT1, 0.0, 1.0, due), interval(S.TIME_WAIT, 1.01, 2.0)))
    server = end(S.CLOSE_WAIT, S.LAST_ACK)
    one = run(client, server, (1.005, "server: close"))
    said = shown(replace(one, server=End(server.intervals[:1])))
    assert said == ["FIN_WAIT1 -> TIME_WAIT (RFC 9293)"] * certain


@pytest.mark.parametrize(
    ("late", "explained"),
    [
        (0.0, False),  # the timer was read when its sample says: 0.2 s later, not now, it is due
        (0.05, True),  # or the machine was busy between reading it and looking at the clock
    ],
)
def test_a_timer_may_have_been_read_before_the_time_of_its_sample(
    late: float, explained: bool
) -> None:
    begun = 0.31 - late
    client = End((
        interval(S.FIN_WAIT1, 0.0, begun, 0.3),
        interval(S.FIN_WAIT1, 0.31, 0.45, 0.2),
        interval(S.FIN_WAIT2, 0.49, 1.0),
    ))  # fmt: skip
    server = End((interval(S.CLOSE_WAIT, -2.0, 1.0),))
    seen = fsm.seen([run(client, server, (0.0, "client: close"))])
    assert (not seen.unexplained) is explained


def test_where_a_listener_is_left_the_connection_is_closed() -> None:
    ended = end(S.LAST_ACK, S.LISTEN, S.SYN_RECV)
    assert shown(run(End(), ended)) == [
        "LISTEN -> SYN_RECV (RFC 9293)",
        "LAST_ACK -> CLOSED (RFC 9293)",
    ]


def test_an_interval_that_only_counts_is_no_step() -> None:
    again = replace(end(S.SYN_SENT).intervals[0], since=1.01, until=2.0, retransmits=1)
    assert not [*moves(run(End((*end(S.SYN_SENT).intervals, again))))]


def test_arrows_without_a_reason_are_missed() -> None:
    missing = {*fsm.seen([]).unaccounted}
    assert missing == {arrow for arrow in fsm.ARROWS if not arrow.reason}
    one = run(end(S.ESTABLISHED, S.FIN_WAIT1), ABSENT, (1.005, "client: close"))
    assert len(fsm.seen([one]).unaccounted) == len(missing) - 1


def test_an_arrow_that_only_a_skipped_scenario_shows_has_its_reason() -> None:
    [cookie] = [arrow for arrow in fsm.ARROWS if arrow.only == "cookie-opens-at-once"]
    nothing = fsm.seen([])
    assert cookie in nothing.unaccounted
    assert not nothing.reason(cookie)
    why = "this kernel has no sysctl net.ipv4.tcp_syncookies"
    skipped = replace(run(ABSENT, name=cookie.only), outcome="skip", reason=why)
    seen = fsm.seen([skipped])
    assert cookie not in seen.unaccounted
    assert seen.reason(cookie) == why
    failed = fsm.seen([replace(skipped, outcome="fail")])
    assert cookie in failed.unaccounted


def test_an_arrow_names_a_scenario_that_there_is() -> None:
    names = {arrow.only for arrow in fsm.ARROWS} - {""}
    assert names
    assert names <= {each.name for each in catalogue.everything(fsm.HOME)}


# --- what contradicts the diagram


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (S.FIN_WAIT2, S.ESTABLISHED),
        (S.CLOSE_WAIT, S.FIN_WAIT1),
        (S.ESTABLISHED, S.SYN_SENT),
        (S.TIME_WAIT, S.CLOSING),
        (S.LAST_ACK, S.CLOSE_WAIT),
        (S.CLOSED, S.ESTABLISHED),
        (S.CLOSED, S.LISTEN),
        (S.ESTABLISHED, S.FIN_WAIT1),  # nobody has closed
        (S.ESTABLISHED, S.CLOSE_WAIT),
        (S.SYN_SENT, S.SYN_RECV),  # the peer has not connected
    ],
)
def test_what_no_arrow_explains_is_reported(before: State, after: State) -> None:
    [move] = fsm.seen([run(end(before, after))]).unexplained
    assert str(move) == f"a: client {before} at +1.0000 s, {after} at +1.0100 s"


def test_a_second_life_is_no_contradiction() -> None:
    again = run(end(S.CLOSE_WAIT, S.SYN_SENT, TcpOutRsts=1), End(counters={"TcpOutRsts": 1}),
                (1.005, "client: connect"))  # fmt: skip
    assert shown(again) == []
    [late] = fsm.seen([replace(again, steps=(step(0.1, "client: connect"),))]).unexplained
    assert late.source is S.CLOSE_WAIT


def test_a_program_may_do_anything() -> None:
    one = run(end(S.ESTABLISHED, S.FIN_WAIT1), ABSENT, (0.1, "client: {run: nc there}"))
    assert shown(one) == ["ESTABLISHED -> FIN_WAIT1 (RFC 9293)"]


# --- the scenarios of its own


def test_they_are_ordinary_scenarios() -> None:
    own = catalogue.everything(fsm.HOME)
    assert len(own) >= 8
    assert not {each.name for each in own} & {each.name for each in catalogue.everything()}
