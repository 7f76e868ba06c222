# SPDX-License-Identifier: GPL-2.0-or-later
"""What two kernels differ in, one fact at a time, on both sides of each bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.kernels.compare import differences
from netlab.kernels.compare.behaviour import ANY, KernelProfile, Play
from netlab.kernels.compare.differences import (
    Difference,
    compare,
    edited,
    gaps_of,
    some,
    timer_aspect,
    told,
)
from netlab.model.kernel_run import Machine, Timing

#: Not imported: what follows a number does not notice that it is another one.
SLACK, OFTEN = 0.1, 5
MACHINE = Machine("here", "6.1", "#1", "x86_64", 250)


def profile(**more: Any) -> KernelProfile:
    return KernelProfile(more.pop("machine", MACHINE), **more)


def played(**facts: str) -> Play:
    return Play("pass", "because", "script", facts)


def found(before: KernelProfile, after: KernelProfile) -> list[tuple[str, ...]]:
    return [
        (each.topic, each.subject, each.aspect, each.before, each.after)
        for each in compare(before, after).differences
    ]


# --- scenarios and pairs of states


def test_facts_of_what_both_have_played_are_compared() -> None:
    one = profile(
        scenarios={"a": played(pair="x", healed="y", counter_z="1"), "b": played(pair="x")}
    )
    two = profile(
        scenarios={"a": played(pair="X", healed="y", aspect="new"), "c": played(pair="X")}
    )
    assert found(one, two) == [
        ("scenario", "a", "aspect", "", "new"),
        ("scenario", "a", "pair", "x", "X"),
        ("scenario", "a", "counter_z", "1", ""),  # counters last
    ]
    first = compare(one, two).differences[0]
    assert first == Difference("scenario", "a", "aspect", "", "new", ("because", "because"))


def test_of_a_pair_of_the_atlas_only_what_both_show_is_compared() -> None:
    one, two = (
        profile(cells={"a": played(pair="x", only="1")}),
        profile(cells={"a": played(pair="X")}),
    )
    assert found(one, two) == [("cell", "a", "pair", "x", "X")]
    assert found(two, one) == [("cell", "a", "pair", "X", "x")]


def test_another_outcome_is_the_only_difference_of_a_scenario() -> None:
    one = profile(scenarios={"a": played(pair="x")})
    two = profile(scenarios={"a": Play("fail", "broken", "script", {"pair": "X"})})
    (only,) = compare(one, two).differences
    assert only == Difference("scenario", "a", "outcome", "pass", "fail", ("because", "broken"))


def test_what_followed_other_steps_is_not_compared() -> None:
    one = profile(scenarios={"a": played(pair="x")}, cells={"c": played(pair="x")})
    other = replace(played(pair="X"), script="other")
    two = profile(scenarios={"a": other}, cells={"c": other})
    assert found(one, two) == []
    assert edited(one, two) == ["a", "c"]
    failed = {"a": replace(played(pair="x"), outcome="fail")}
    assert edited(profile(scenarios=failed), two) == []
    assert edited(two, profile(scenarios=failed)) == []
    both = profile(scenarios={"a": Play("fail", "", "s", {"pair": "x"})})
    turned = profile(scenarios={"a": Play("fail", "", "t", {"pair": "X"})})
    assert found(both, turned) == [("scenario", "a", "pair", "x", "X")]


# --- notes


def test_notes_say_what_was_not_compared() -> None:
    changed = replace(MACHINE, clock="virtual", changed={"tcp_sack": "0", "tcp_ecn": "1"})
    one = profile(scenarios={"a": played(), "b": played()}, timers={"t": Timing("t", "")})
    two = profile(machine=changed, scenarios={"a": played(), "c": played()}, error="stopped")
    assert compare(one, two).notes == (
        "one clock is real, the other a guest's virtual one",
        "6.1 is not whole: stopped",
        "6.1 was played with tcp_sack=0, tcp_ecn=1",
        "scenarios that were played on one only: b, c",
        "timers were played on one of them only",
    )
    assert compare(one, one).notes == ()
    assert compare(profile(cells={"a": played()}), profile()).notes == (
        "pairs of the atlas were played on one of them only",
    )


@pytest.mark.parametrize(
    ("number", "said"), [(1, "0"), (5, "0, 1, 2, 3, 4"), (6, "0, 1, 2, 3, 4 and 1 more"),
                         (9, "0, 1, 2, 3, 4 and 4 more")],
)  # fmt: skip
def test_five_names_are_enough(number: int, said: str) -> None:
    assert some([str(each) for each in range(number)]) == said


# --- timers

SLOT = 0.032  # of what takes a second, at 250 Hz


def every(*gaps: float, after: float | None = None, ending: str = "") -> Timing:
    at, sends = 0.0, [0.0]
    for gap in gaps:
        at += gap
        sends.append(at)
    return Timing("t", "", after, tuple(sends), ending)


def aspect(one: Timing, other: Timing, *rates: int) -> str:
    assert len(rates) in (0, 2)
    return timer_aspect(one, other, (rates[0], rates[1]) if rates else (250, 250))


def test_what_was_not_measured_is_no_schedule() -> None:
    unmeasured = Timing("t", "", problem="no such sysctl")
    assert aspect(unmeasured, every(1)) == aspect(every(1), unmeasured) == "measured"
    assert aspect(unmeasured, replace(unmeasured, problem="no root")) == ""


def test_the_number_of_packets_and_an_end_come_before_their_times() -> None:
    assert aspect(every(1), every(1, 1)) == "sends"
    assert aspect(every(1, after=2), every(1)) == aspect(every(1), every(1, after=2)) == "end"
    assert aspect(every(1, after=2, ending="a"), every(1, after=2, ending="b")) == "ending"
    assert aspect(every(1, after=2), every(1, after=2)) == ""


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("beyond", "expected"), [(-0.002, ""), (0.002, "schedule")])
def test_a_gap_may_differ_by_a_slot_and_what_a_busy_machine_adds(
    sign: int, beyond: float, expected: str
) -> None:
    """And the sum of several by a slot each."""
    off = SLACK + SLOT + beyond
    assert aspect(every(1, 1), every(1 + sign * off, 1)) == expected
    off = SLACK + 3 * SLOT + beyond
    assert aspect(every(1, 1, 1), every(1, 1, 1 + sign * off)) == expected


def test_another_tick_rounds_otherwise() -> None:
    """Beyond one slot, within all of them: rounding where the ticks differ, chance where not."""
    one, other = every(1, 1, 1, 1), every(1, 1 + SLOT, 1 + SLOT, 1 + SLACK + SLOT / 4)
    assert aspect(one, other, 250, 1000) == "rounding"
    assert aspect(one, other, 250, 250) == ""
    assert aspect(one, every(1, 1, 1, 1 + SLACK + SLOT / 2), 250, 1000) == ""


def test_a_timer_is_told_with_both_schedules_and_reasons() -> None:
    broken = Timing("t", "", problem="no root")
    one, two = profile(timers={"t": every(1), "u": every(1)}), profile(timers={"t": broken})
    assert compare(one, two).differences == (
        Difference("timer", "t", "measured", "2 packets, 1.0 s apart", "not measured: no root",
                   ("", "no root")),
    )  # fmt: skip
    assert compare(one, replace(one, timers={"u": every(1)})).differences == ()


def test_the_tick_of_a_machine_that_does_not_tell_is_the_usual_one() -> None:
    unknown = replace(MACHINE, hz=0)
    one, other = every(1, 1), every(1, 1 + SLACK + SLOT - 0.002)
    pair = profile(machine=unknown, timers={"t": one}), profile(timers={"t": other})
    assert compare(*pair).differences == compare(pair[1], pair[0]).differences == ()


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        (Timing("t", ""), "without an end"),
        (Timing("t", "", problem="no root"), "not measured: no root"),
        (Timing("t", "", 60.04, ending="CLOSED"), "over after 60.0 s (CLOSED)"),
        (Timing("t", "", 0.0404), "over after 0.040 s"),
        (Timing("t", "", 1.0), "over after 1.0 s"),
        (Timing("t", "", None, (0.0,)), "1 packet"),
        (Timing("t", "", None, (2.0,)), "1 packet, the first after 2.0 s"),
        (Timing("t", "", None, (0.5, 1.5)), "2 packets, the first after 0.5 s, 1.0 s apart"),
        (every(0.04, 0.1, 1, 1, 1, 2), "7 packets, 0.040 0.1 3x1.0 2.0 s apart"),
        (every(1, 1, 2), "4 packets, 2x1.0 2.0 s apart"),
    ],
)
def test_a_timer_in_words(timing: Timing, said: str) -> None:
    assert told(timing) == said


def test_the_time_before_the_first_packet_is_no_gap_between_packets() -> None:
    late = Timing("t", "", None, (2.0, 3.0))
    assert gaps_of(late) == [1.0]
    assert differences._gaps(late) == [2.0, 1.0]
    assert differences._gaps(every(1, 2, after=7)) == [1.0, 2.0, 4.0]


# --- sysctls and counters


def test_sysctls_are_compared_where_both_have_some() -> None:
    one = profile(sysctls={"a": "1", "b": "1", "c": ANY, "d": "1", "same": "1"})
    two = profile(sysctls={"a": "1", "b": "2", "c": "1", "d": ANY, "e": "1", "same": "1"})
    assert found(one, two) == [
        ("sysctl", "b", "value", "1", "2"),
        ("sysctl", "e", "there", "", "1"),
    ]
    assert found(two, one)[1] == ("sysctl", "e", "there", "1", "")
    assert found(one, profile()) == found(profile(), one) == []


def test_a_counter_that_stands_still_is_told_if_it_moved_often() -> None:
    one = profile(counters={"a": OFTEN, "b": OFTEN - 1, "c": 0, "d": 1, "e": 5})
    two = profile(counters={"a": 0, "b": 0, "c": OFTEN, "d": 7})
    assert found(one, two) == [
        ("counter", "a", "moves", f"at {OFTEN} ends", "never"),
        ("counter", "c", "moves", "never", f"at {OFTEN} ends"),
        ("counter", "e", "there", "there", ""),
    ]
    assert found(two, one)[2] == ("counter", "e", "there", "", "there")
    assert found(one, profile()) == found(profile(), one) == []


def test_ends_that_only_one_has_played_may_be_where_it_moved() -> None:
    more = {"x": played(), "y": played(), "z": Play("fail")}
    for moved, told_of in ((OFTEN + 1, 0), (OFTEN + 2, 1)):
        one = profile(scenarios={"x": played(), "y": played()}, counters={"a": moved})
        two = profile(scenarios={"x": played(), "y": Play("fail")}, counters={"a": 0})
        counters = [each for each in found(one, two) if each[0] == "counter"]
        assert len(counters) == told_of
        counters = [each for each in found(two, one) if each[0] == "counter"]
        assert len(counters) == told_of
        whole = profile(scenarios=more, counters={"a": moved})
        assert [each[0] for each in found(whole, replace(whole, counters={"a": 0}))] == ["counter"]
