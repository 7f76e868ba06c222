# SPDX-License-Identifier: GPL-2.0-or-later
"""What two kernels differ in, one fact at a time, on both sides of each bound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.kernels.compare import differences
from netlab.kernels.compare.behaviour import ANY, KernelProfile, Play, behaviour
from netlab.kernels.compare.differences import (
    Difference,
    compare,
    edited,
    gaps_of,
    timer_aspect,
    told,
)
from netlab.model.kernel_run import Clock, KernelRun, Machine, PlayedRow, Timing
from netlab.model.text import some
from netlab.model.vocabulary import Family

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


@pytest.mark.parametrize("rates", [(1000, 100), (100, 1000)])
def test_of_two_ticks_the_coarser_counts(rates: tuple[int, int]) -> None:
    slot = 0.08  # of what takes a second, at 100 Hz
    for beyond, expected in ((-0.002, ""), (0.002, "schedule")):
        assert aspect(every(1), every(1 + SLACK + slot + beyond), *rates) == expected


#: What doubles. At 250 Hz each but the first has a slot of 32 ms, and a longer first one, too.
DOUBLING = (0.248, 0.496, 0.992)


def longer(gaps: tuple[float, ...], by: float, after: float | None = None) -> Timing:
    """A timer that doubles, of which the first time-out is longer by so many seconds."""
    return every(*(gap * (1 + by / gaps[0]) for gap in gaps), after=after)


@pytest.mark.parametrize(
    ("clock", "by", "expected"),
    [
        ("virtual", 0.0249, ""),  # 10 ms of its round trip, and the slots of all
        ("virtual", 0.0260, "schedule"),
        ("real", 0.0670, ""),  # 40 ms, and what a busy machine adds
        ("real", 0.0735, "schedule"),
    ],
)
def test_what_doubles_keeps_the_round_trip_of_its_first_time_out(
    clock: Clock, by: float, expected: str
) -> None:
    one, other = every(*DOUBLING), longer(DOUBLING, by)
    assert timer_aspect(one, other, (250, 250), clock) == expected
    assert timer_aspect(other, one, (250, 250), clock) == expected


def test_the_shorter_of_two_first_time_outs_says_how_much_the_round_trip_makes() -> None:
    one, other = every(*DOUBLING), longer(DOUBLING, 0.0254)
    assert timer_aspect(other, one, (250, 250), "virtual") == ""


def test_time_outs_that_double_no_more_keep_no_round_trip() -> None:
    first, second = 0.1, 0.2
    one = every(first, second, second, second)
    for beyond, expected in ((-0.002, ""), (0.002, "schedule")):
        late = second + SLACK + 0.004 + 2 * SLOT + beyond  # a slot for each so far
        other = every(first + 0.04, 2 * (first + 0.04), late, second)
        assert aspect(one, other) == expected, beyond
    no_doubling = every(4, 1, 1)
    for beyond, expected in ((-0.002, ""), (0.002, "schedule")):
        assert aspect(no_doubling, every(4 + SLACK + 0.256 + beyond, 1, 1)) == expected


def test_one_doubling_is_one() -> None:
    """40 ms of 0.1 s: the second is longer by twice that, but the busy machine's 0.1 s."""
    one = every(0.1, 0.2)
    for beyond, expected in ((-0.002, ""), (0.002, "schedule")):
        assert aspect(one, every(0.14, 0.28 + SLACK + 0.004 + SLOT + beyond)) == expected


def test_a_late_first_time_out_may_be_made_up_for_later() -> None:
    """Then it had no longer round trip, and the others are no shorter than they should be."""
    assert aspect(every(0.1, 0.2, 0.2), every(0.12, 0.2, 0.085)) == ""


def test_packets_of_one_moment_have_no_round_trip() -> None:
    at_once = Timing("t", "", None, (0.0, 0.0, 1.0))
    assert aspect(at_once, at_once) == ""
    assert aspect(at_once, every(0.1, 0.9)) == ""
    assert aspect(every(1, 1.1), Timing("t", "", None, (0.0, 0.0, 3.0))) == "schedule"


def test_the_end_follows_the_time_outs_or_is_due_by_itself() -> None:
    """After 15 s: as much later as the time-outs before it, or measured from the beginning."""
    gaps, by = DOUBLING, 0.017
    one = every(*gaps, after=15)
    slots = 3 * SLOT + 0.256
    room = 0.01 + slots + 0.015  # work, the slots of all, a thousandth of the time
    stretch = 1 + 0.01 / gaps[0]
    for after, expected in (
        (15, ""),
        (15 - room + 0.002, ""),
        (15 - room - 0.002, "schedule"),
        (15 * stretch, ""),
        (15 * stretch + room - 0.002, ""),
        (15 * stretch + room + 0.002, "schedule"),
    ):
        other = longer(gaps, by, after=after)
        assert timer_aspect(one, other, (250, 250), "virtual") == expected, after
    # That they end at the same time says nothing of the packets before.
    one, other = every(1, 1, 1, after=100), every(1, 5, 1, after=100)
    assert aspect(one, other) == aspect(other, one) == "schedule"
    # The end comes after time-outs that double no more: it is none of theirs.
    one, other = every(0.1, 0.2, 0.2, after=15), every(0.14, 0.28, 0.2, after=15 * 1.4)
    assert aspect(one, other) == "schedule"


def test_what_never_doubles_is_not_stretched() -> None:
    wait = Timing("t", "", 1.0)
    for after in (2.0, 0.05):
        assert aspect(wait, replace(wait, after=after)) == "schedule"
        assert aspect(every(1), every(after)) == "schedule"


def test_what_shows_in_no_packet_is_seen_to_end_at_looks_that_grow_rarer() -> None:
    """A thousandth of the time that has passed, beside a slot of the wheel."""
    room = SLACK + 4096 / 250 + 1.0
    for beyond, expected in ((-0.01, ""), (0.01, "schedule")):
        assert aspect(Timing("t", "", 1000), Timing("t", "", 1000 + room + beyond)) == expected


def test_only_two_virtual_clocks_are_compared_to_the_hundredth() -> None:
    virtual = replace(MACHINE, clock="virtual")
    one, other = {"t": every(1)}, {"t": every(1 + SLOT + 0.05)}
    for first, second, number in ((virtual, virtual, 1), (virtual, MACHINE, 0),
                                  (MACHINE, virtual, 0), (MACHINE, MACHINE, 0)):  # fmt: skip
        told_of = compare(
            profile(machine=first, timers=one), profile(machine=second, timers=other)
        ).differences
        assert len(told_of) == number, (first.clock, second.clock)


def test_what_only_one_has_hides_nothing_after_it() -> None:
    one = profile(
        scenarios={"gone": played(), "a": played(pair="x")},
        timers={"gone": every(1), "t": every(1)},
    )
    two = profile(scenarios={"a": played(pair="X")}, timers={"t": every(9)})
    assert [each[:3] for each in found(one, two)] == [
        ("scenario", "a", "pair"),
        ("timer", "t", "schedule"),
    ]


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


# --- rows of the conformance table


@pytest.mark.parametrize(
    ("after", "timely", "said"),
    [
        (1.004, True, None),
        (53.34, False, ("after 1 s, answers SYN", "after 53 s, answers SYN")),
        (None, True, ("answers SYN", "answers nothing")),
    ],
)
def test_when_a_timer_ended_is_told_where_it_was_another_time(
    after: float | None, timely: bool, said: tuple[str, str] | None
) -> None:
    row = PlayedRow("syn-again/SYN_SENT", Family.IPV4, "s", answers=("SYN",), due=1.0)
    there = replace(row, after=after, timely=timely, answers=() if after is None else ("SYN",))
    one, other = (
        behaviour(KernelRun(MACHINE, rows=(each,))) for each in (replace(row, after=1.001), there)
    )
    told = [("row", row.name, "behaviour", *said)] if said else []
    assert found(one, other) == told
