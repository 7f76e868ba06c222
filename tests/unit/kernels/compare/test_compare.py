# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between runs, what explains it, and that a kernel never differs from itself."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netlab.conformance.counted import EXACT
from netlab.kernels.compare import baseline, changes, changes_page, overview, sentences
from netlab.kernels.compare.behaviour import DECISIONS, OFTEN, behaviour
from netlab.kernels.compare.changes import BrokenChanges, explain, parse
from netlab.kernels.compare.differences import Comparison, compare, grain, timer_aspect, told
from netlab.model.errors import ScenarioError
from netlab.model.evidence import (
    Cell,
    End,
    Evidence,
    Failure,
    FailureRow,
    Interval,
    ProgramRecord,
)
from netlab.model.kernel_run import KernelRun, Machine, Timing
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import Side
from tests.build import evidence, fault, step

MACHINE = Machine("debian:bookworm", "6.1.0-56-cloud-amd64", "#1 SMP", "x86_64", 250, "virtual")
OLD_SYN = Timing("syn", "no answer", 129.2, (0, 1.01, 3.03, 7.1, 15.2, 31.5, 64.6), "ETIMEDOUT")
NEW_SYN = Timing(
    "syn", "no answer", 134.9, (0, 1, 2, 3, 4, 5, 7.1, 11.2, 19.4, 35.5, 69.3), "ETIMEDOUT"
)
LINEAR = {"net.ipv4.tcp_syn_linear_timeouts": "4"}
OLD, NEW = "6.1.0-56-cloud-amd64", "6.8.0-31-generic"


def play(name: str = "syn-dropped", **more: Any) -> Evidence:
    usual: dict[str, Any] = {
        "steps": (step(0.1, "server: listen"), step(0.2, "client: connect", "ETIMEDOUT")),
        "faults": (fault(),),
    }
    return evidence(name, "SYN_SENT/LISTEN", **usual | more)


def run(*scenarios: Evidence, release: str = MACHINE.release, **more: Any) -> KernelRun:
    return KernelRun(replace(MACHINE, release=release), scenarios, done=True, **more)


def told_of(before: KernelRun, after: KernelRun) -> list[str]:
    comparison = compare(behaviour(before), behaviour(after))
    return [one.sentence for one in sentences.tell(explain(comparison), "6.1", "6.8")]


def explained(before: KernelRun, after: KernelRun) -> list[str]:
    comparison = compare(behaviour(before), behaviour(after))
    return [one.change.id if one.change else "" for one in explain(comparison)]


# --- one kernel


def moved(names: Mapping[str, int]) -> End:
    return End(counters=dict(names))


def test_what_varies_from_run_to_run_is_no_difference() -> None:
    chance = random.Random(4711)

    def again() -> KernelRun:
        noise = ("DelayedACKs", "TCPLostRetransmit", "TCPPureAcks", "TCPChallengeACK")
        return run(
            *(
                play(
                    name,
                    held_s=chance.random(),
                    elapsed_s=chance.random(),
                    dropped=chance.randrange(1, 9),
                    steps=(step(chance.random(), "client: add_address", f"10.0.{n}.3"),),
                    faults=(fault(packets=chance.randrange(1, 9)),),
                    client=moved({each: 1 for each in noise if chance.random() < 0.02}),
                )
                for n, name in enumerate(("one", "two", "three"))
            ),
            sysctls={"net.ipv4.tcp_mem": str(chance.random()), "net.ipv4.tcp_sack": "1"},
            timings=(
                replace(
                    NEW_SYN,
                    after=134.9 - chance.random(),
                    sends=tuple(max(0.0, at - chance.random() / 20) for at in NEW_SYN.sends),
                ),
            ),
            wall_s=chance.random(),
        )

    first = behaviour(again())
    for _ in range(50):
        assert compare(first, behaviour(again())).differences == ()


def test_of_a_story_only_its_pairs_are_compared() -> None:
    def story(**more: Any) -> Evidence:
        return play("it-is-told", path="/somewhere/told.py", **more)

    before = run(story(client=moved({"ListenDrops": 1})))
    again = story(steps=(), faults=(), client=moved({"TCPTimeouts": 3}))
    assert told_of(before, run(again)) == []
    fault = play().faults[0]
    unmatched: dict[str, Any] = {"faults": (replace(fault, packets=0),)}
    assert told_of(before, run(story(**unmatched))) == []
    assert told_of(run(play()), run(play(**unmatched))) != [], "of a scenario it would be told"
    (said,) = told_of(before, run(story(observed="CLOSED/LISTEN")))
    assert "it-is-told" in said


def test_states_that_flicker_are_not_compared() -> None:
    before, after = (
        run(play(expected="SYN_SENT/SYN_RECV or LISTEN", observed=each))
        for each in ("SYN_SENT/SYN_RECV", "SYN_SENT/LISTEN")
    )
    assert told_of(before, after) == []


@pytest.mark.parametrize("name", ["TWRecycled", "ListenOverflows", "SyncookiesSent", "PAWSPassive"])
def test_a_decision_that_shows_in_a_counter_is_compared(name: str) -> None:
    deciding = run(play(client=moved({name: 1})))
    assert told_of(run(play()), deciding) == [
        f"syn-dropped: the client's counter {name} moves on 6.8, and not on 6.1"
    ]
    assert told_of(deciding, run(play(client=moved({name: 7})))) == []


def test_a_challenge_ack_tells_nothing_where_two_timers_race() -> None:
    for name, number in (("synack-dropped", 0), ("simultaneous-open", 1)):
        still, moving = run(play(name)), run(play(name, server=moved({"TCPSYNChallenge": 1})))
        assert len(told_of(still, moving)) == number


# --- two kernels


def test_a_pair_an_errno_a_rule_and_a_healing_are_told() -> None:
    after = play(
        observed="CLOSED/LISTEN",
        healed="CLOSED/LISTEN",
        steps=(step(0.1, "server: listen"), step(0.2, "client: connect", "ECONNREFUSED")),
        faults=(fault(packets=0),),
    )
    assert told_of(run(play()), run(after)) == [
        "syn-dropped: heals into CLOSED/LISTEN on 6.8, into nothing on 6.1",
        "syn-dropped: the pair is CLOSED/LISTEN on 6.8, SYN_SENT/LISTEN on 6.1",
        "syn-dropped: rule drop-1: never matched on 6.8, matched on 6.1",
        "syn-dropped: step 2, client: connect: ends with ECONNREFUSED on 6.8, "
        "with ETIMEDOUT on 6.1",
    ]


def test_a_failure_is_told_with_its_reason_and_without_its_path() -> None:
    failure = Failure("the pair ended after 7.1 s; expected between 120s and 140s")
    broken = play("other", outcome="error", reason="/home/me/other.yaml:3: no rule")
    after = run(play(outcome="fail", failure=failure), broken)
    assert told_of(run(play(), play("other")), after) == [
        "syn-dropped: fails on 6.8 (the pair ended after 7.1 s; expected between 120s and 140s); "
        "passes on 6.1",
        "other: cannot be played on 6.8 (no rule); passes on 6.1",
    ]


def test_a_sysctl_without_a_character_is_one() -> None:
    """As ``net.ipv4.ip_local_reserved_ports`` is on most machines."""
    reserved = "net.ipv4.ip_local_reserved_ports"
    runs = [run(sysctls={"a": "1", **more}) for more in ({}, {reserved: ""}, {reserved: "80"})]
    assert told_of(runs[0], runs[1]) == [f"sysctl {reserved} = (empty) is new on 6.8"]
    assert told_of(runs[1], runs[0]) == [f"sysctl {reserved} = (empty) is gone on 6.8"]
    assert told_of(runs[1], runs[2]) == [f"sysctl {reserved} is 80 on 6.8, (empty) on 6.1"]


def test_several_of_one_kind_are_one_sentence() -> None:
    names = [f"scenario-{letter}" for letter in "abcdef"]
    before = run(*(play(name) for name in names))
    after = run(*(play(name, outcome="error", reason="no such rule") for name in names))
    (sentence,) = told_of(before, after)
    assert sentence.startswith("6 scenarios, scenario-a, scenario-b, scenario-c, scenario-d ...: ")


def test_the_retransmissions_of_one_that_is_watched_to_its_end_are_counted() -> None:
    def end(retransmits: int) -> Evidence:
        last = Interval(
            State.SYN_SENT, 1.0, 60.0, 99, Timer.RETRANSMIT, 1.0, retransmits, 0, 1, 0, 4711
        )
        return play("syn-dropped-to-the-end", client=End((last,)))

    (sentence,) = told_of(run(end(6)), run(end(10)))
    assert sentence == "syn-dropped-to-the-end: client's retransmissions: 10 on 6.8, 6 on 6.1"


def test_a_counter_that_moves_nowhere_any_more_is_told() -> None:
    names = [f"scenario-{n}" for n in range(OFTEN)]
    moving = run(*(play(name, client=moved({"TW": 1})) for name in names), counters=("TW",))
    still = run(*(play(name) for name in names), counters=("TW",))
    assert told_of(moving, still) == [
        f"counter TW never moves on 6.8; it does at {OFTEN} ends on 6.1"
    ]
    seldom = run(
        *(play(name, client=moved({"TW": 1} if name == names[0] else {})) for name in names),
        counters=("TW",),
    )
    assert told_of(seldom, still) == []


def test_scenarios_that_only_one_has_do_not_make_a_counter_stand_still() -> None:
    names = [f"scenario-{n}" for n in range(OFTEN)]
    more = run(*(play(name, client=moved({"TW": 1})) for name in names), counters=("TW",))
    comparison = compare(behaviour(more), behaviour(run(play(names[0]), counters=("TW",))))
    assert comparison.differences == ()
    assert comparison.notes == (
        "scenarios that were played on one only: scenario-1, scenario-2, scenario-3, scenario-4",
    )


def test_what_cannot_be_compared_is_noted() -> None:
    before = run(play(steps=()), timings=(OLD_SYN,))
    after = replace(run(play()), error="the guest stopped", machine=replace(MACHINE, clock="real"))
    assert compare(behaviour(before), behaviour(after)).notes == (
        "one clock is real, the other a guest's virtual one",
        f"{MACHINE.release} is not whole: the guest stopped",
        "timers were played on one of them only",
        "steps are not the same, so not compared: syn-dropped",
    )


def test_a_pair_of_the_atlas_is_told() -> None:
    cells = [
        Cell("SYN_RECV", "CLOSE_WAIT", True, "", frozen=yes, outcome="pass")
        for yes in (True, False)
    ]
    before, after = (run(cells=(cell,)) for cell in cells)
    assert told_of(before, after) == [
        "pair SYN_RECV/CLOSE_WAIT: frozen on 6.1, and not on 6.8",
    ]


# --- timers


@pytest.mark.parametrize(
    ("seconds", "hz", "ticks"),
    [(0.2, 250, 1), (1, 250, 8), (1, 1000, 64), (16, 250, 64), (60, 250, 512), (120, 1000, 4096),
     (0.02, 250, 1), (62 / 250, 250, 1), (63 / 250, 250, 8), (1e9, 250, 8**8)],
)  # fmt: skip
def test_the_timer_wheel(seconds: float, hz: int, ticks: int) -> None:
    assert grain(seconds, hz) == ticks / hz


def doubling(first: float, number: int, hz: int) -> Timing:
    """A timer as the wheel has it: each time-out ends with its slot."""
    sends, gap, at = [0.0], first, 0.0
    for _ in range(number):
        width = grain(min(gap, 120), hz)
        at = (at + min(gap, 120)) // width * width + width
        sends.append(at)
        gap *= 2
    return Timing("data", "never acknowledged", sends[-1], tuple(sends[:-1]), "ETIMEDOUT")


def test_the_tick_rate_makes_rounding_and_a_longer_time_out_does_not() -> None:
    slow, fast = doubling(0.2, 16, 250), doubling(0.2, 16, 1000)
    assert timer_aspect(slow, slow, (250, 250)) == ""
    assert timer_aspect(slow, fast, (250, 1000)) == "rounding"
    assert timer_aspect(slow, doubling(0.4, 16, 1000), (250, 1000)) == "schedule"
    assert timer_aspect(slow, doubling(0.2, 15, 1000), (250, 1000)) == "sends"
    assert timer_aspect(slow, replace(slow, ending="EHOSTUNREACH"), (250, 250)) == "ending"
    assert timer_aspect(slow, replace(slow, after=None), (250, 250)) == "end"
    assert timer_aspect(slow, Timing("data", "", problem="no"), (250, 250)) == "measured"


def test_two_looks_at_one_timer_lie_within_a_slot_of_its_wheel() -> None:
    probes = tuple(7242.4 + 75.8 * number for number in range(9))
    keepalive = Timing("keepalive", "no answer", 7931.5, probes, "ETIMEDOUT")
    later = replace(keepalive, sends=tuple(at + 60 for at in probes), after=7991.5)
    assert timer_aspect(keepalive, later, (250, 250)) == ""
    much_later = replace(keepalive, sends=tuple(at + 600 for at in probes), after=8531.5)
    assert timer_aspect(keepalive, much_later, (250, 250)) == "schedule"


def test_a_first_time_out_of_another_round_trip_is_the_same_timer() -> None:
    one = doubling(0.44, 15, 250)
    assert one.after is not None
    assert timer_aspect(one, doubling(0.45, 15, 250), (250, 250)) == ""
    assert timer_aspect(one, doubling(0.60, 15, 250), (250, 250)) == "schedule"


def test_a_few_seconds_or_milliseconds_more_are_another_timer() -> None:
    wait = Timing("time-wait", "after both FINs", 60.5)
    ack = Timing("delayed-ack", "data", 0.041, ending="ACK")
    for one, more in ((wait, 3.0), (ack, 0.15)):
        assert one.after is not None
        for other in (replace(one, after=one.after + more), one):
            expected = "schedule" if other is not one else ""
            for clock in ("real", "virtual"):
                assert timer_aspect(one, other, (250, 250), clock) == expected, (other, clock)


def test_rounding_counts_only_where_the_tick_rate_differs() -> None:
    before = run(timings=(doubling(0.2, 16, 250),))
    after = run(timings=(doubling(0.2, 16, 1000),))
    assert explained(before, after) == []
    faster = replace(after, machine=replace(MACHINE, hz=1000))
    assert explained(before, faster) == ["tick-rate"]


def test_a_schedule_in_words() -> None:
    assert told(NEW_SYN) == (
        "11 packets, 5x1.0 2.1 4.1 8.2 16.1 33.8 s apart, over after 134.9 s (ETIMEDOUT)"
    )


# --- what explains it


def test_7_syns_and_11_are_explained_by_the_sysctl_that_came() -> None:
    there = {"net.ipv4.tcp_sack": "1"}
    old = run(timings=(OLD_SYN,), sysctls=there, release=OLD)
    new = run(timings=(NEW_SYN,), sysctls={**there, **LINEAR}, release=NEW)
    assert explained(replace(old, sysctls={}), replace(new, sysctls={})) == [""]
    assert explained(old, new) == ["syn-linear-timeouts"] * 2
    assert explained(new, old) == ["syn-linear-timeouts"] * 2
    both_have_it = replace(old, sysctls=new.sysctls)
    assert explained(both_have_it, new) == [""]


def test_a_change_explains_nothing_else() -> None:
    there = {"net.ipv4.tcp_sack": "1"}
    before = run(play(), sysctls=there, release=OLD)
    after = run(play(observed="CLOSED/LISTEN"), sysctls={**there, **LINEAR}, release=NEW)
    assert explained(before, after) == ["", "syn-linear-timeouts"]


def test_a_scenario_that_is_skipped_for_a_sysctl_is_explained_by_it() -> None:
    skipped = play(outcome="skip", reason="this kernel has no sysctl net.ipv4.tcp_rto_max_ms")
    before = run(skipped, sysctls={"a": "1"}, release=OLD)
    after = run(play(), sysctls={"a": "1", "net.ipv4.tcp_rto_max_ms": "120000"}, release=NEW)
    assert explained(before, after) == ["rto-max-ms"] * 2
    for reason in ("this kernel has no sysctl net.ipv4.tcp_rto_max", "this kernel has no time"):
        other = replace(before, scenarios=(replace(skipped, reason=reason),))
        assert explained(other, after) == ["", "rto-max-ms"], reason


LATE = "half-close-before-established"  # needs what shutdown-in-syn-recv brought


def frozen(release: str, **more: Any) -> KernelRun:
    """A kernel with that change."""
    return run(play(LATE), release=release, **more)


def skipping(release: str, **more: Any) -> KernelRun:
    """And one without."""
    reason = "this kernel sends the FIN of a shutdown in SYN_RECV at once"
    return run(play(LATE, outcome="skip", reason=reason), release=release, **more)


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (skipping("6.1.0"), frozen("6.12.1"), "shutdown-in-syn-recv"),
        (frozen("6.12.1"), skipping("6.1.0"), "shutdown-in-syn-recv"),
        (frozen("6.12.1"), skipping("7.3.4"), ""),
        (skipping("7.3.4"), frozen("6.12.1"), ""),
        (skipping("5.4.0-26-generic"), frozen("5.4.0-216-generic"), "shutdown-in-syn-recv"),
        (frozen("5.4.0-26-generic"), skipping("5.4.0-216-generic"), ""),
        (skipping("6.12.1"), frozen("6.12.1"), ""),
        (skipping("mine"), frozen("6.12.1"), ""),
    ],
)
def test_a_change_without_a_feature_explains_in_one_direction_only(
    before: KernelRun, after: KernelRun, change: str
) -> None:
    assert explained(before, after) == [change]


def test_a_feature_that_is_gone_is_no_change_that_came() -> None:
    there = {"net.ipv4.tcp_sack": "1"}
    old = run(timings=(OLD_SYN,), sysctls=there, release=NEW)
    new = run(timings=(NEW_SYN,), sysctls={**there, **LINEAR}, release=OLD)
    assert explained(new, old) == ["", ""]
    assert explained(old, new) == ["", ""]


def test_a_value_has_a_direction_too() -> None:
    limit = "net.ipv4.tcp_limit_output_bytes"
    small, large = ({limit: value} for value in ("1048576", "4194304"))
    assert explained(run(sysctls=small, release=OLD), run(sysctls=large, release=NEW)) == [
        "more-in-the-device"
    ]
    assert explained(run(sysctls=large, release=NEW), run(sysctls=small, release=OLD)) == [
        "more-in-the-device"
    ]
    assert explained(run(sysctls=large, release=OLD), run(sysctls=small, release=NEW)) == [""]


def test_the_counter_that_no_longer_counts_is_a_regression() -> None:
    names = [f"scenario-{n}" for n in range(OFTEN)]
    counting, still = (
        [play(name, client=moved({"TW": number} if number else {})) for name in names]
        for number in (1, 0)
    )
    old = run(*still, counters=("TW",), release="5.15.0-1-generic")
    new = run(*counting, counters=("TW",), release="6.1.7")
    assert explained(old, new) == ["time-wait-counted-early"]
    lost = run(*still, counters=("TW",), release="7.3.4")
    assert explained(new, lost) == [""]


def test_what_goes_backwards_is_said_with_the_change_that_it_undoes() -> None:
    def said(before: KernelRun, after: KernelRun) -> str:
        (one,) = sentences.tell(explain(compare(behaviour(before), behaviour(after))), "A", "B")
        assert one.change is None
        return one.doubt

    change = "shutdown-in-syn-recv (since 6.9)"
    assert said(frozen("6.12.1"), skipping("7.3.4")) == (
        f"this goes backwards: B is newer than A, and lacks {change}"
    )
    assert said(skipping("7.3.4"), frozen("6.12.1")) == (
        f"this goes backwards: A is newer than B, and lacks {change}"
    )
    assert said(skipping("mine"), frozen("6.12.1")) == (
        f"{change} would explain it, if it were known which of the two is newer"
    )
    assert said(run(play()), run(play(observed="CLOSED/LISTEN"))) == ""


@pytest.mark.parametrize(
    ("runs", "lost"),
    [
        ((frozen("6.12.1"), skipping("7.3.4")), 1),
        ((skipping("7.3.4"), frozen("6.12.1")), 1),
        ((skipping("6.1.0"), frozen("6.12.1")), 0),
        ((run(play("new"), release="6.1.0"), run(play("new", outcome="skip"), release="7.3")), 1),
        ((run(play("new", outcome="skip"), release="6.1.0"), run(play("new"), release="7.3")), 0),
        ((frozen("mine"), skipping("7.3.4")), 1),
        ((skipping("mine"), frozen("7.3.4")), 1),
        ((skipping("6.12.1"), skipping("7.3.4")), 0),
    ],
)
def test_what_an_older_kernel_passed_and_a_newer_one_skips_is_lost(
    runs: tuple[KernelRun, ...], lost: int
) -> None:
    assert len(overview.overview(runs).lost) == lost


def test_a_skip_that_a_known_change_explains_is_not_lost() -> None:
    reason = "this kernel has no sysctl net.ipv4.tcp_rto_max_ms"
    there = {"net.ipv4.tcp_sack": "1"}
    skipped = run(play(outcome="skip", reason=reason), sysctls=there, release=OLD)
    newer = run(play(), sysctls={**there, "net.ipv4.tcp_rto_max_ms": "1"}, release=NEW)
    assert overview.overview([skipped, newer]).lost == ()
    # Nothing says which of two kernels of one release is newer, but one has the sysctl.
    assert len(overview.overview([newer, replace(skipped, machine=newer.machine)]).lost) == 1


def test_a_skip_that_used_to_pass_is_not_as_recorded() -> None:
    recorded, now = behaviour(frozen("6.12.1")), behaviour(skipping("7.3.4"))
    assert baseline.check(recorded, now).differences == (
        f"{LATE}: is skipped on 7.3.4 (this kernel sends the FIN of a shutdown in SYN_RECV at "
        "once); passes in the baseline; this goes backwards: 7.3.4 is newer than the baseline, "
        "and lacks shutdown-in-syn-recv (since 6.9)",
    )


def test_unexplained_differences_come_last() -> None:
    before = run(play(), sysctls={"a": "1"}, release=OLD)
    after = run(play(outcome="error"), sysctls={"a": "1", **LINEAR}, release=NEW)
    comparison = compare(behaviour(before), behaviour(after))
    found = sentences.tell(explain(comparison), "a", "b")
    assert [one.change.id if one.change else "" for one in found] == ["syn-linear-timeouts", ""]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "expected a list"),
        ([{"id": 3}], "an id"),
        ([{"id": "a", "since": "1", "known": "seen", "what": "b"}], "a: source must be text"),
        ([{"id": "a", "because": 1}], "a: no field is called because"),
    ],
)
def test_broken_changes_are_refused(wrong: object, said: str) -> None:
    with pytest.raises(BrokenChanges, match=said):
        parse(wrong)


def test_a_change_that_explains_something_else_is_refused() -> None:
    good = {"id": "a", "since": "1", "known": "seen", "what": "b", "source": "c"}
    for key, value in (("explains", [{"weather": "bad"}]), ("feature", "weather"), ("known", "no")):
        with pytest.raises(BrokenChanges, match="a: "):
            parse([{**good, key: value}])
    with pytest.raises(BrokenChanges, match="two changes have this id"):
        parse([good, good])


def test_a_change_of_which_nobody_could_tell_who_has_it_is_refused() -> None:
    entry = {"id": "a", "since": "1", "known": "seen", "what": "b", "source": "c"}
    vague = [{"scenario": "syn-dropped", "aspect": "outcome"}]
    for feature in ({}, {"feature": "value net.ipv4.tcp_sack"}):
        with pytest.raises(BrokenChanges, match="a: syn-dropped: neither a feature nor"):
            parse([{**entry, **feature, "explains": vague}])
    assert parse([{**entry, "feature": "sysctl net.ipv4.tcp_sack", "explains": vague}])


def test_every_change_explains_something_and_says_on_which_kernels() -> None:
    for change in changes.changes():
        assert change.effects, change.id
        assert not {*change.with_} & {*change.without}, change.id
        assert change.known != "seen" or (change.with_ and change.without), change.id


def test_the_page_of_changes_is_the_data() -> None:
    assert changes_page.PAGE.read_text() == changes_page.page()


# --- labels


@pytest.mark.parametrize(
    ("releases", "labels"),
    [
        (["6.1.0-56-amd64", "6.12.1"], ["6.1", "6.12"]),
        (["6.1.0-56-amd64", "6.1.7-1", "6.8.0-1"], ["6.1.0", "6.1.7", "6.8"]),
        (["6.1.0-1", "6.1.0-2"], ["6.1.0-1", "6.1.0-2"]),
        (["6.1.0-1", "6.1.0-1"], ["6.1.0-1 (1)", "6.1.0-1 (2)"]),
        (["custom"], ["custom"]),
    ],
)
def test_kernels_have_the_shortest_names_that_tell_them_apart(
    releases: list[str], labels: list[str]
) -> None:
    assert overview.labels_of([replace(MACHINE, release=each) for each in releases]) == labels


def test_builds_of_one_release_are_told_apart_by_what_differs() -> None:
    mine = replace(MACHINE, release="6.1.0-mine", spec=".", version="#7 SMP Mon")
    for other, labels in (
        (replace(mine, version="#8 SMP Tue"), ["6.1.0-mine #7", "6.1.0-mine #8"]),
        (replace(mine, spec="../old"), ["6.1.0-mine .", "6.1.0-mine ../old"]),
        (replace(mine, version="#7 SMP Tue"), ["6.1.0-mine #7 Mon", "6.1.0-mine #7 Tue"]),
        (replace(mine, label="fix-2"), ["6.1", "fix-2"]),
    ):
        assert overview.labels_of([mine, other]) == labels
    in_order = overview.in_order([KernelRun(replace(mine, version=f"#{n} SMP")) for n in (10, 7)])
    assert [one.machine.number for one in in_order] == [7, 10]


def test_what_a_kernel_was_booted_with_is_noted() -> None:
    after = replace(run(play()), machine=replace(MACHINE, appended="tcp_debug=1"))
    assert compare(behaviour(run(play())), behaviour(after)).notes == (
        f"{MACHINE.release} was booted with tcp_debug=1",
    )
    assert overview.about(after.machine).endswith(", tcp_debug=1")


def test_kernels_are_in_the_order_of_their_numbers() -> None:
    releases = ["custom", "5.4.0-26", "5.4.0-216", "6.1.0-56", "6.12.0-rc2", "6.12.0", "6.12.1"]
    runs = [run(release=each) for each in sorted(releases)]
    assert [one.machine.release for one in overview.in_order(runs)] == releases


def test_each_is_compared_with_its_neighbour_or_with_the_first() -> None:
    runs = [run(play(), release=each) for each in ("5.4.0", "6.1.0", "6.8.0")]
    assert [one.labels for one in overview.overview(runs).compared] == [
        ("5.4", "6.1"),
        ("6.1", "6.8"),
    ]
    with_first = overview.overview(runs, with_first=True)
    assert [one.labels for one in with_first.compared] == [("5.4", "6.1"), ("5.4", "6.8")]


def test_a_run_of_nothing_is_passed_over() -> None:
    runs = [run(play(), release="5.4.0"), run(release="6.1.0"), run(play(), release="6.8.0")]
    assert [one.labels for one in overview.overview(runs).compared] == [("5.4", "6.8")]


# --- baselines


def whole() -> KernelRun:
    return run(
        play(client=moved({"TcpActiveOpens": 1, "TCPTimeouts": 3})),
        play("other", outcome="skip", reason="no such thing"),
        cells=(Cell("CLOSED", "LISTEN", True, "", frozen=True, outcome="pass"),),
        timings=(NEW_SYN, Timing("rto-max", "x", problem="no sysctl")),
        sysctls={"net.ipv4.tcp_mem": "1 2 3", "net.ipv4.tcp_sack": "1", "net.ipv4.empty": ""},
        counters=("TcpActiveOpens", "TCPTimeouts", "TW"),
    )


def test_a_baseline_comes_back_as_it_went(tmp_path: Path) -> None:
    recorded = behaviour(whole())
    file = tmp_path / "b.yaml"
    file.write_text(baseline.text(recorded))
    assert baseline.read(file) == recorded
    assert compare(recorded, baseline.read(file)) == Comparison(recorded, recorded, (), ())


def test_a_baseline_has_no_path_and_nothing_that_varies() -> None:
    text = baseline.text(behaviour(whole()))
    assert not re.search(r"/somewhere|1 2 3|held|elapsed", text)


def test_each_cause_of_a_difference_from_a_baseline_is_one_sentence() -> None:
    now = run(play(outcome="fail", failure=Failure("it ended")), play("other"))
    assert baseline.check(behaviour(whole()), behaviour(now), whole=False).differences == (
        f"syn-dropped: fails on {MACHINE.release} (it ended); passes in the baseline",
        f"other: passes on {MACHINE.release}; is skipped in the baseline (no such thing)",
    )


def test_what_was_not_played_is_not_as_recorded_and_no_other_behaviour() -> None:
    recorded = behaviour(whole())
    found = baseline.check(recorded, behaviour(run()))
    assert found.differences == ()
    assert found.uncompared == (
        "2 of 2 scenarios of the baseline were not played: other, syn-dropped "
        "(--ignore-missing allows that)",
        "1 of 1 pairs of the baseline was not played: CLOSED/LISTEN (--ignore-missing allows that)",
        "2 of 2 time-outs of the baseline were not played: rto-max, syn "
        "(--ignore-missing allows that)",
    )
    assert baseline.check(recorded, behaviour(run()), whole=False).uncompared == ()
    assert baseline.check(recorded, recorded).uncompared == ()


def test_what_was_played_with_other_steps_is_not_as_recorded() -> None:
    recorded, now = (
        behaviour(run(play(steps=(step(0.0, f"client: {{send: {text}}}"),)))) for text in ("a", "b")
    )
    found = baseline.check(recorded, now)
    assert (found.differences, found.uncompared) == (
        (),
        ("the steps are not the recorded ones, so nothing was compared: syn-dropped",),
    )


def test_a_lab_that_could_not_be_built_is_no_other_behaviour() -> None:
    passed, broken = (
        behaviour(run(play(), play("other", outcome=outcome, reason=reason)))
        for outcome, reason in (("pass", ""), ("error", "this machine was too busy"))
    )
    found = baseline.check(passed, broken)
    assert (found.differences, found.notes) == ((), ())
    said = f"other: cannot be played on {MACHINE.release} (this machine was too busy)"
    assert found.uncompared == (f"{said}; passes in the baseline",)
    found = baseline.check(broken, passed)
    assert (found.differences, found.uncompared) == ((), ())
    assert found.notes[0].startswith("other: passes on ")


def test_a_kernel_that_dies_behaves_otherwise_and_one_that_is_stopped_does_not() -> None:
    recorded = behaviour(run(play()))
    for died in (True, False):
        now = replace(run(play()), error="the guest hangs", died=died, done=False)
        found = baseline.check(recorded, behaviour(now))
        said = f"{MACHINE.release}: the guest hangs"
        if died:
            assert found.differences == (f"{said}; the baseline was played to its end",)
            assert found.uncompared == ()
        else:
            assert (found.differences, found.uncompared) == ((), (said,))


def test_a_failure_says_what_was_seen_and_what_was_expected() -> None:
    rows = (
        FailureRow(Side.CLIENT, (State.CLOSED,), State.FIN_WAIT2, "", 0),
        FailureRow(Side.SERVER, (State.LISTEN, State.SYN_RECV), State.CLOSE_WAIT, "", 0),
    )
    for failure, said in (
        (
            Failure("pair not reached (kernel 6.18)", rows=rows),
            "pair not reached: client FIN_WAIT2, expected CLOSED; "
            "server CLOSE_WAIT, expected LISTEN or SYN_RECV",
        ),
        (
            Failure(
                "pair not reached (kernel 6.18)",
                rows=(replace(rows[0], sampled=State.CLOSED), rows[1]),
            ),
            "pair not reached: server CLOSE_WAIT, expected LISTEN or SYN_RECV",
        ),
        (
            Failure("pair held, but too little was dropped: expected 2 by drop-1; found 1"),
            "pair held, but too little was dropped: expected 2 by drop-1; found 1 "
            "(drop-1 drops packets at server input)",
        ),
    ):
        failed = behaviour(
            run(play(outcome="fail", failure=failure, faults=(fault(), fault("drop"))))
        )
        assert failed.scenarios["syn-dropped"].why == said


# --- one cause, one sentence


def test_the_counters_of_one_cause_are_one_sentence() -> None:
    names = [f"scenario-{letter}" for letter in "abcdef"]
    cookies = {"SyncookiesSent": 1, "TCPReqQFullDoCookies": 1}
    after = run(
        *(
            play(name, server=moved(cookies | ({"SyncookiesRecv": 1} if number < 4 else {})),
                 client=moved({"TCPAbortOnData": 1} if number == 5 else {}))
            for number, name in enumerate(names)
        )
    )  # fmt: skip
    assert told_of(run(*map(play, names)), after) == [
        "6 scenarios, scenario-a, scenario-b, scenario-c, scenario-d ...: the server's counters "
        "SyncookiesSent, TCPReqQFullDoCookies and SyncookiesRecv move on 6.8, and not on 6.1",
        "scenario-f: the client's counter TCPAbortOnData moves on 6.8, and not on 6.1",
    ]


def test_counters_of_other_scenarios_or_of_few_of_them_have_a_sentence_of_their_own() -> None:
    names = [f"scenario-{letter}" for letter in "abcde"]
    for more in (names[:2], [*names[1:], "other"]):
        after = run(
            *(
                play(name, server=moved({
                    counter: 1
                    for counter, some in (("SyncookiesSent", names), ("ListenDrops", more))
                    if name in some
                }))
                for name in (*names, "other")
            )
        )  # fmt: skip
        assert len(told_of(run(*map(play, (*names, "other"))), after)) == 2


def test_one_step_at_several_places_is_one_sentence() -> None:
    def both(result: str) -> KernelRun:
        connect = step(0.2, "client: connect", result)
        late = (step(0.1, "server: listen"), step(0.1, "server: listen"), connect)
        return run(play("one", steps=late[1:]), play("two", steps=late))

    assert told_of(both("ETIMEDOUT"), both("ECONNREFUSED")) == [
        "one, two: client: connect: ECONNREFUSED on 6.8, ETIMEDOUT on 6.1"
    ]


def test_an_ack_that_is_taken_for_a_cookie_shows_how_long_the_machine_has_run() -> None:
    after = run(play(server=moved({"SyncookiesFailed": 1})))
    assert told_of(run(play()), after) == []
    cookies = [
        run(play("cookie-lost", server=moved(each))) for each in ({}, {"SyncookiesFailed": 1})
    ]
    assert len(told_of(*cookies)) == 1


def test_what_both_ends_agree_upon_is_compared_where_both_runs_tell_it() -> None:
    before, after, silent = (
        run(play(client=End(info=info)))
        for info in ({"ts": 1, "sack": 1, "rto": 204}, {"ts": 1, "sack": 0, "rto": 208}, {})
    )
    assert told_of(before, after) == ["syn-dropped: client's options: ts on 6.8, ts sack on 6.1"]
    assert told_of(before, silent) == told_of(silent, before) == []


def test_what_counts_in_every_scenario_counts_in_a_row() -> None:
    assert {name for name, where in DECISIONS.items() if where == "*"} <= EXACT


def test_what_an_application_reads_is_compared_where_both_runs_tell_it() -> None:
    before, after, silent, full, fuller = (
        run(play(server=End(reads=reads)))
        for reads in (
            ("EOF",), ("5 bytes", "ECONNRESET"), (), ("127104 bytes",), ("127528 bytes",),
        )
    )  # fmt: skip
    assert told_of(before, after) == [
        "syn-dropped: server's application: reads 5 bytes, ECONNRESET on 6.8, reads EOF on 6.1"
    ]
    assert told_of(before, silent) == told_of(silent, before) == []
    assert told_of(full, fuller) == []
    program = ProgramRecord(Side.CLIENT, "client", None)
    some, more, none = (
        run(play(server=End(reads=reads), programs=(program,)))
        for reads in (("11 bytes",), ("42 bytes",), ("nothing",))
    )
    assert told_of(some, more) == [], "it depends on when one looks"
    assert len(told_of(some, none)) == 1
    assert len(told_of(before, full)) == 1


def test_a_millisecond_between_two_held_segments_is_no_difference() -> None:
    by_paws, by_its_syn = ({"PAWSEstab": 1}, {"TCPSYNChallenge": 1})
    before, after = (
        run(play("simultaneous-open", client=moved(each), server=moved(by_its_syn)))
        for each in (by_paws, by_its_syn)
    )
    assert told_of(before, after) == []
    assert told_of(after, run(play("simultaneous-open", client=moved(by_its_syn)))) == [
        "simultaneous-open: the server's counter TCPSYNChallenge moves on 6.1, and not on 6.8"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("[]", "is not a baseline"),
        ("netlab-baseline: 99", "has format 99"),
        ("netlab-baseline: 1", "has format 1, this netlab reads 2; record it again"),
        ("netlab-baseline: 2", "is not a complete baseline"),
        ("netlab-baseline: 2\nmachine: 3", "is not a complete baseline"),
        (
            baseline.text(behaviour(run(counters=("TW",)))).replace("TW: 0", "TW: -1"),
            "counter TW is -1",
        ),
    ],
)
def test_what_is_no_baseline_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=said):
        baseline.read(file)
