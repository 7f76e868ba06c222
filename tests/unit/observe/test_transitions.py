# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples and tracepoints become one account of an end, or are found to contradict each other."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import pytest

from netlab.model.errors import LabError
from netlab.model.evidence import Interval, Transition
from netlab.model.tcp import State, Timer
from netlab.observe.tracing import Traced
from netlab.observe.transitions import Visit, reconciled, sampled
from netlab.testbed.recorder import visits

S = State
ROUNDING = 2e-5  # seconds
OPEN_AND_CLOSE = [
    Visit(S.SYN_SENT, 0.010100),
    Visit(S.ESTABLISHED, 0.010200),
    Visit(S.FIN_WAIT1, 1.000100),
    Visit(S.FIN_WAIT2, 1.000150),
    Visit(S.CLOSED, 1.000160),  # the full socket: what is left of it is in TIME_WAIT
]


def seen(state: State, since: float, until: float) -> Interval:
    """One end, unchanged over consecutive samples."""
    small = state is S.TIME_WAIT
    timer = Timer.TIME_WAIT if small else Timer.NONE
    return Interval(state, since, until, 2, timer, 0.0, 0, 0, 0, 0, 0)


def orphan(since: float, until: float) -> Interval:
    """An end whose application has closed, in FIN_WAIT2 (tcp_time_wait)."""
    return Interval(S.FIN_WAIT2, since, until, 2, Timer.TIME_WAIT, 60.0, 0, 0, 0, 0, 0)


def names(transitions: tuple[Transition, ...]) -> list[State]:
    return [each.after for each in transitions]


def test_states_that_no_sample_saw_are_there_with_their_exact_times() -> None:
    samples = [seen(S.ESTABLISHED, 0.02, 0.98), seen(S.TIME_WAIT, 1.02, 2.0)]
    found = reconciled(OPEN_AND_CLOSE, samples)
    assert names(found) == [S.SYN_SENT, S.ESTABLISHED, S.FIN_WAIT1, S.FIN_WAIT2, S.TIME_WAIT]
    assert all(each.traced for each in found)
    assert found[-1].at == 1.000160


def test_where_nothing_was_sampled_the_tracepoints_alone_tell() -> None:
    """A lab that could not be built to its end may have been closed before the first sample."""
    assert reconciled([], []) == ()
    found = reconciled(OPEN_AND_CLOSE, [])
    assert [change.at for change in found] == [visit.since for visit in OPEN_AND_CLOSE]
    assert all(change.traced for change in found)


def test_the_end_of_time_wait_is_only_sampled() -> None:
    samples = [seen(S.TIME_WAIT, 1.02, 60.9), seen(S.CLOSED, 61.1, 62.0)]
    last = reconciled(OPEN_AND_CLOSE, samples)[-1]
    assert last == Transition(61.1, S.TIME_WAIT, S.CLOSED, traced=False)


def test_an_orphan_in_fin_wait2_is_not_closed() -> None:
    found = reconciled(OPEN_AND_CLOSE, [orphan(1.02, 2.0)])
    assert names(found)[-1] is S.FIN_WAIT2
    found = reconciled(OPEN_AND_CLOSE, [orphan(1.02, 2.0), seen(S.TIME_WAIT, 2.02, 3.0)])
    assert found[-1] == Transition(2.02, S.FIN_WAIT2, S.TIME_WAIT, traced=False)


LISTENS = [Visit(S.LISTEN, 0.001)]
OPENED = [*LISTENS, Visit(S.SYN_RECV, 1.000100), Visit(S.ESTABLISHED, 1.000105)]


def test_a_request_is_only_sampled() -> None:
    samples = [
        seen(S.LISTEN, 0.01, 0.09),
        seen(S.SYN_RECV, 0.11, 0.99),
        seen(S.ESTABLISHED, 1.1, 2),
    ]
    found = reconciled(OPENED, samples)
    assert names(found) == [S.LISTEN, S.SYN_RECV, S.ESTABLISHED]
    assert found[1] == Transition(0.11, S.LISTEN, S.SYN_RECV, traced=False)
    assert found[2].at == 1.000105


def test_a_request_begins_when_its_syn_ack_is_sent() -> None:
    samples = [seen(S.LISTEN, 0.01, 0.09), seen(S.SYN_RECV, 0.11, 0.99)]
    found = reconciled(LISTENS, samples, requests=[0.05, 0.1, 0.5])
    assert found[1] == Transition(0.1, S.LISTEN, S.SYN_RECV, traced=True)


def test_a_request_seen_by_the_very_first_sample_comes_after_the_listener() -> None:
    assert names(reconciled(LISTENS, [seen(S.SYN_RECV, 0.11, 0.99)])) == [S.LISTEN, S.SYN_RECV]
    found = reconciled(LISTENS, [seen(S.SYN_RECV, 0.11, 0.99)], requests=[0.1])
    assert found[-1] == Transition(0.1, S.LISTEN, S.SYN_RECV, traced=True)


def test_a_request_that_flickers_is_seen_each_time() -> None:
    samples = [
        seen(state, number, number + 0.9)
        for number, state in enumerate([S.LISTEN, S.SYN_RECV] * 3, start=1)
    ]
    assert names(reconciled(LISTENS, samples)) == [S.LISTEN, S.SYN_RECV] * 3


def test_a_new_connection_out_of_time_wait() -> None:
    again = [*OPEN_AND_CLOSE, Visit(S.SYN_SENT, 3.0), Visit(S.ESTABLISHED, 3.1)]
    samples = [seen(S.TIME_WAIT, 1.02, 2.9), seen(S.ESTABLISHED, 3.2, 4)]
    assert names(reconciled(again, samples))[-3:] == [S.TIME_WAIT, S.SYN_SENT, S.ESTABLISHED]


@pytest.mark.parametrize(
    ("samples", "complaint"),
    [
        pytest.param([seen(S.CLOSE_WAIT, 0.02, 0.9)], "sampled CLOSE_WAIT", id="never-traced"),
        pytest.param([seen(S.ESTABLISHED, 0.02, 3)], "sampled ESTABLISHED until 3", id="too-long"),
        pytest.param([seen(S.FIN_WAIT1, 0.5, 0.9)], "sampled FIN_WAIT1", id="too-early"),
        pytest.param([seen(S.SYN_SENT, 0.5, 0.9)], "sampled SYN_SENT", id="too-late"),
        pytest.param(
            [seen(S.FIN_WAIT1, 1.2, 1.3), seen(S.TIME_WAIT, 1.4, 2)],
            "sampled FIN_WAIT1",
            id="left-already",
        ),
        pytest.param(
            [seen(S.SYN_SENT, 0.0101, 0.0101), seen(S.CLOSED, 0.02, 0.9)],
            "sampled CLOSED",
            id="sampled-closed-while-established",
        ),
    ],
)
def test_contradictions(samples: list[Interval], complaint: str) -> None:
    with pytest.raises(LabError, match=complaint):
        reconciled(OPEN_AND_CLOSE, samples)


def test_a_contradiction_is_told_with_what_was_traced_at_that_time() -> None:
    samples = [seen(S.ESTABLISHED, 0.02, 0.5), seen(S.CLOSE_WAIT, 0.6, 0.9)]
    said = "sampled CLOSE_WAIT from 0.6000 s to 0.9000 s, traced ESTABLISHED at 0.010200 s"
    with pytest.raises(LabError, match=f"^{re.escape(said)}$"):
        reconciled(OPEN_AND_CLOSE, samples)
    said = "sampled ESTABLISHED from 0.0200 s to 0.5000 s, traced CLOSED at 0.000000 s"
    with pytest.raises(LabError, match=f"^{re.escape(said)}$"):
        reconciled([], samples[:1])


@pytest.mark.parametrize(
    "small", [seen(S.TIME_WAIT, 1.02, 2.0), orphan(1.02, 2.0)], ids=["TW", "FW2"]
)
@pytest.mark.parametrize(
    "last", [S.FIN_WAIT1, S.FIN_WAIT2, S.CLOSING, S.ESTABLISHED, S.CLOSE_WAIT, S.LAST_ACK, None]
)
def test_what_is_left_of_a_connection_was_one_that_sent_a_fin_first(
    last: State | None, small: Interval
) -> None:
    past = [] if last is None else [Visit(S.SYN_SENT, 0.1), Visit(last, 0.2), Visit(S.CLOSED, 1.0)]
    if last in (S.FIN_WAIT1, S.FIN_WAIT2, S.CLOSING):
        assert (
            names(reconciled(past, [small]))
            == [S.SYN_SENT, last, small.state][: 3 - (last is small.state)]
        )
    else:
        with pytest.raises(LabError, match=f"sampled {small.state} from"):
            reconciled(past, [small])


def test_a_traced_state_that_samples_should_have_seen() -> None:
    traced = [*LISTENS, Visit(S.SYN_RECV, 1.0), Visit(S.ESTABLISHED, 2.0)]
    with pytest.raises(LabError, match=r"sampled LISTEN until 1\.5000 s, traced SYN_RECV from 1"):
        reconciled(traced, [seen(S.LISTEN, 0.01, 1.5), seen(S.ESTABLISHED, 2.1, 3)])


def test_a_connection_that_could_not_have_the_ports_of_one_in_time_wait() -> None:
    failed = [*OPEN_AND_CLOSE, Visit(S.SYN_SENT, 1.5), Visit(S.CLOSED, 1.500002)]
    found = reconciled(failed, [seen(S.TIME_WAIT, 1.02, 60), seen(S.CLOSED, 61, 62)])
    assert names(found)[-4:] == [S.TIME_WAIT, S.SYN_SENT, S.TIME_WAIT, S.CLOSED]


def test_what_lies_between_two_samples_may_be_any_number_of_states() -> None:
    samples = [seen(S.SYN_SENT, 0.0102, 0.0102), seen(S.TIME_WAIT, 1.0002, 2)]
    assert len(reconciled(OPEN_AND_CLOSE, samples)) == len(OPEN_AND_CLOSE)


def test_samples_alone() -> None:
    assert sampled([seen(S.LISTEN, 0.01, 1), seen(S.ESTABLISHED, 1.01, 2)]) == (
        Transition(1.01, S.LISTEN, S.ESTABLISHED, traced=False),
    )
    assert sampled([]) == ()


def once(state: State, since: float) -> Interval:
    """One end, seen so by one sample, which may be read until the next is taken."""
    return replace(seen(state, since, since), samples=1)


def test_a_state_that_several_intervals_saw_is_one() -> None:
    """Its queues have changed: it has been there since the first, and until the last."""
    both = [seen(S.ESTABLISHED, 0.02, 0.5), seen(S.ESTABLISHED, 0.52, 0.98)]
    assert sampled([seen(S.SYN_SENT, 0.01, 0.01), *both]) == (
        Transition(0.02, S.SYN_SENT, S.ESTABLISHED, traced=False),
    )
    assert names(reconciled(OPEN_AND_CLOSE, both))[1] is S.ESTABLISHED
    with pytest.raises(LabError, match=r"sampled ESTABLISHED until 1\.5"):
        reconciled(OPEN_AND_CLOSE, [both[0], seen(S.ESTABLISHED, 0.52, 1.5)])
    with pytest.raises(LabError, match=r"sampled FIN_WAIT1 from 0\.5"):
        reconciled(OPEN_AND_CLOSE, [seen(S.FIN_WAIT1, 0.5, 0.6), seen(S.FIN_WAIT1, 0.7, 1.00012)])


def test_what_one_sample_saw_may_have_come_until_the_next() -> None:
    """A sample is stamped before the tables are read."""
    seen_early = [seen(S.ESTABLISHED, 0.02, 0.98), once(S.FIN_WAIT1, 0.99)]
    after = [seen(S.TIME_WAIT, 1.02, 2.0)]
    assert len(reconciled(OPEN_AND_CLOSE, seen_early + after)) == len(OPEN_AND_CLOSE)
    with pytest.raises(LabError, match="sampled FIN_WAIT1"):
        reconciled(OPEN_AND_CLOSE, [*seen_early, once(S.FIN_WAIT2, 0.995), *after])
    seen_twice = replace(seen_early[-1], samples=2)  # the first of them was read by then
    with pytest.raises(LabError, match="sampled FIN_WAIT1"):
        reconciled(OPEN_AND_CLOSE, [seen_early[0], seen_twice, *after])


def test_a_request_begins_after_its_listener_however_soon() -> None:
    """The two clocks may be a rounding apart."""
    samples = [seen(S.SYN_RECV, LISTENS[0].since + ROUNDING / 2, 0.99)]
    assert names(reconciled(LISTENS, samples)) == [S.LISTEN, S.SYN_RECV]


def test_a_request_begins_with_no_syn_ack_from_before_a_sample_without_it() -> None:
    samples = [
        seen(S.LISTEN, 0.01, 0.09),
        seen(S.SYN_RECV, 0.11, 0.2),
        seen(S.LISTEN, 0.22, 0.5),
        seen(S.SYN_RECV, 0.6, 0.7),
    ]
    found = reconciled(LISTENS, samples, requests=[0.1, 0.3, 0.55])
    assert [each.at for each in found if each.after is S.SYN_RECV] == [0.1, 0.55]


def test_a_listener_does_not_end_what_is_left_of_a_connection() -> None:
    """It may come before TIME_WAIT is seen, while it lasts, or before it is seen to be over."""
    early = [*OPEN_AND_CLOSE, Visit(S.LISTEN, 1.01)]
    found = reconciled(early, [seen(S.TIME_WAIT, 1.02, 2.4)])
    assert found[-1] == Transition(1.02, S.LISTEN, S.TIME_WAIT, traced=False)
    over = [seen(S.TIME_WAIT, 1.02, 2.4), seen(S.LISTEN, 2.6, 3)]
    for at in (2.0, 2.5):
        found = reconciled([*OPEN_AND_CLOSE, Visit(S.LISTEN, at)], over)
        assert found[-1] == Transition(2.6, S.TIME_WAIT, S.LISTEN, traced=False), at
    went = [*OPEN_AND_CLOSE, Visit(S.LISTEN, 2.45), Visit(S.CLOSED, 2.5)]
    found = reconciled(went, [over[0], seen(S.CLOSED, 2.6, 3)])
    assert found[-1] == Transition(2.6, S.TIME_WAIT, S.CLOSED, traced=False)


def test_a_listener_after_time_wait_has_its_exact_time() -> None:
    samples = [seen(S.TIME_WAIT, 1.02, 2.4), seen(S.CLOSED, 2.6, 2.9), seen(S.LISTEN, 3.1, 4)]
    found = reconciled([*OPEN_AND_CLOSE, Visit(S.LISTEN, 3.0)], samples)
    assert found[-2:] == (
        Transition(2.6, S.TIME_WAIT, S.CLOSED, traced=False),
        Transition(3.0, S.CLOSED, S.LISTEN, traced=True),
    )


def test_what_was_seen_to_be_closed_is_left_so_until_what_is_left_is_seen() -> None:
    found = reconciled(OPEN_AND_CLOSE, [seen(S.CLOSED, 1.001, 1.01), seen(S.TIME_WAIT, 1.02, 2)])
    assert found[-2:] == (
        Transition(1.00016, S.FIN_WAIT2, S.CLOSED, traced=True),
        Transition(1.02, S.CLOSED, S.TIME_WAIT, traced=False),
    )


# --- an end whose way is known, looked at now and then

SMALL = {S.TIME_WAIT, S.FIN_WAIT2}  # where they come after another state of the same closing
#: The states of one end. Some are of no full socket: a request (SYN_RECV), and what is small at
#: the end. The kernel traces of the former nothing, and of the latter that its full socket is gone.
WAYS = {
    "closes first": [S.SYN_SENT, S.ESTABLISHED, S.FIN_WAIT1, S.TIME_WAIT],
    "closes at once with the other": [S.SYN_SENT, S.ESTABLISHED, S.CLOSING, S.TIME_WAIT],
    "is an orphan": [S.SYN_SENT, S.ESTABLISHED, S.FIN_WAIT1, S.FIN_WAIT2],
    "closes last": [S.SYN_SENT, S.ESTABLISHED, S.CLOSE_WAIT, S.LAST_ACK],
    "listens": [S.LISTEN, S.SYN_RECV, S.ESTABLISHED, S.CLOSE_WAIT, S.LAST_ACK],
    "closes first, and is used again": [
        S.SYN_SENT, S.ESTABLISHED, S.FIN_WAIT1, S.TIME_WAIT, S.SYN_SENT, S.ESTABLISHED,
        S.FIN_WAIT1, S.TIME_WAIT,
    ],
}  # fmt: skip
LATER = 5e-6  # seconds from a sample's stamp until the tables were read


class Walk(NamedTuple):
    """When an end came into each of its states, and what was traced and sampled of it."""

    truth: list[tuple[float, State]]
    traced: list[Visit]
    samples: list[Interval]
    looks: list[float]  # the stamps of the samples


def walked(way: str, chance: random.Random) -> Walk:
    """An end that stays for milliseconds to a second, looked at every 20 ms at least."""
    at, truth, traced = 0.0, [(0.0, S.CLOSED)], list[Visit]()
    for state in (*WAYS[way], S.CLOSED):
        at += chance.choice((0.0005, 0.003, 0.05, 0.3)) * (1 + chance.random())
        small = truth[-1][1] in SMALL
        if truth[-1][1] is S.SYN_RECV:  # the child is told of when it is established
            traced.append(Visit(S.SYN_RECV, at))
            at += LATER
        truth.append((at, state))
        if state in SMALL:
            traced.append(Visit(S.CLOSED, at))
        elif state is not S.SYN_RECV and not (small and state is S.CLOSED):
            traced.append(Visit(state, at))
    looks, now = [], 0.0
    while now < at + 0.2:
        now += chance.choice((0.001, 0.02)) * (0.5 + chance.random())
        looks.append((now, next(state for since, state in reversed(truth) if since <= now + LATER)))
    samples = []
    for state, group in groupby(looks, key=lambda look: look[1]):
        times = [look[0] for look in group]
        timer = Timer.TIME_WAIT if state in SMALL else Timer.NONE
        samples.append(Interval(state, times[0], times[-1], len(times), timer, 0, 0, 0, 0, 0, 0))
    return Walk(truth, traced, samples, [look[0] for look in looks])


def account(walk: Walk) -> list[tuple[set[float], State]]:
    """What can be known: all that was traced, and what samples have seen of the rest."""
    found: list[tuple[set[float], State]] = []
    ends = [since for since, _ in walk.truth[1:]] + [9e9]
    for (since, state), end in zip(walk.truth[1:], ends[1:], strict=True):
        stamps = [look for look in walk.looks if since <= look + LATER < end]
        last = found[-1][1] if found else S.CLOSED
        if state in SMALL:
            found.append(({since}, state if stamps else S.CLOSED))
        elif state is S.SYN_RECV:  # the first sample of a request, or its child
            found.append(({*stamps[:1], end - LATER}, state))
        elif state is not last:
            found.append(({stamps[0]} if last in SMALL and state is S.CLOSED else {since}, state))
    return [({round(at, 6) for at in times}, state) for times, state in found]


WALKS = [(way, seed) for way in list(WAYS)[:4] for seed in range(60)]  # each state once, traced


@pytest.mark.parametrize("way", WAYS)
def test_of_every_way_the_account_is_the_way(way: str) -> None:
    for seed in range(60):
        walk = walked(way, random.Random(seed))
        found = reconciled(walk.traced, walk.samples)
        expected = account(walk)
        assert [change.after for change in found] == [state for _, state in expected], seed
        for change, (times, _) in zip(found, expected, strict=True):
            assert change.at in times, seed


def moved(walk: Walk, number: int, at: float) -> list[Visit] | None:
    """What was traced, with one change at another time; None where the order would not stay."""
    visits = [*walk.traced]
    visits[number] = Visit(visits[number].state, at)
    times = [visit.since for visit in visits]
    return visits if times == sorted(times) else None


def test_what_was_traced_may_be_beside_what_was_sampled_by_no_more_than_roundings() -> None:
    agreed = refused = 0
    for walk in (walked(way, random.Random(seed)) for way, seed in WALKS):
        for number, visit in enumerate(walk.traced):
            left = [each for each in walk.samples if each.state is walk.traced[number - 1].state]
            came = [each for each in walk.samples if each.state is visit.state]
            if number == 0 or visit.state is S.CLOSED or len(left) != 1:
                continue
            if len(came) != 1 or came[0].samples < 2:
                continue
            for at, agrees in (
                (left[0].until - 0.9 * ROUNDING, True),
                (left[0].until - 1.1 * ROUNDING, False),
                (came[0].until + 0.9 * ROUNDING, True),
                (came[0].until + 1.1 * ROUNDING, False),
            ):
                traced = moved(walk, number, at)
                if traced is None:
                    continue
                if agrees:
                    reconciled(traced, walk.samples)
                    agreed += 1
                else:
                    with pytest.raises(LabError, match=r"^sampled|^traced"):
                        reconciled(traced, walk.samples)
                    refused += 1
    assert min(agreed, refused) > 200


# --- tracepoints of other kernels


def heard(*lines: str) -> list[Visit]:
    """The states that these lines of a trace say, of the connection between .2:5555 and .1:4000."""
    found = []
    for line in lines:
        at, ends, before, after = line.split()
        remote = ("10.0.0.1", 4000) if ends == "both" else ("0.0.0.0", 0)
        local = ("10.0.0.2", 5555)
        found.append(Traced(float(at), "inet_sock_set_state", "", local, remote, before, after, ""))
    return visits(found)


def test_a_child_that_is_told_of_before_it_knows_its_peer_does_not_end_its_listener() -> None:
    """Linux 5.4 writes LISTEN -> SYN_RECV with the listener's addresses, 6.18 the child's."""
    ends = ("3 both TCP_SYN_RECV TCP_ESTABLISHED", "4 both TCP_ESTABLISHED TCP_CLOSE")
    listens = "1 one TCP_CLOSE TCP_LISTEN"
    early = heard(listens, "2 one TCP_LISTEN TCP_SYN_RECV", *ends)
    late = heard(listens, "2 both TCP_LISTEN TCP_SYN_RECV", *ends)
    states = [State.LISTEN, State.ESTABLISHED, State.LISTEN]
    assert [visit.state for visit in early] == states
    assert [visit.state for visit in late] == [State.LISTEN, State.SYN_RECV, *states[1:]]


def test_a_listener_that_is_closed_listens_no_more() -> None:
    both = heard("1 one TCP_CLOSE TCP_LISTEN", "2 one TCP_LISTEN TCP_CLOSE")
    assert [visit.state for visit in both] == [State.LISTEN, State.CLOSED]
