# SPDX-License-Identifier: GPL-2.0-or-later
"""What real kernels did: nothing between them is unexplained, and what is made worse is.

``recorded/`` holds the baselines of guests in virtual time, as ``netlab matrix --warp`` and
``netlab baseline record`` write them, and ``recorded/again/`` the time-outs of the same kernels in
another run, on a busy machine. A new format, or other steps, want them recorded anew.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path
from typing import Any, get_args

import pytest

from netlab.kernels.compare import baseline, changes, changes_page, order, overview
from netlab.kernels.compare.behaviour import KernelProfile, Play
from netlab.kernels.compare.changes import Change, explain
from netlab.kernels.compare.differences import compare, timer_aspect
from netlab.model.kernel_run import Clock, Timing

HERE = Path(__file__).parent / "recorded"
NEWEST, OLDER = "7.3", "6.12"
#: Time-outs of hundredths of a second, of which a fifth is no more than the round trip, the slot
#: of the wheel and the look at it may make; and the state that has no time-out.
TOO_SHORT = {"delayed-ack", "rto-min", "fin-wait2-open"}


@functools.cache
def recorded(folder: Path = HERE) -> dict[str, KernelProfile]:
    """By label, old to new."""
    found = [baseline.read(path) for path in folder.glob("*.yaml")]
    found.sort(key=lambda one: order.display(one.machine.release))
    labels = overview.labels_of([one.machine for one in found])
    return dict(zip(labels, found, strict=True))


def unexplained(before: KernelProfile, after: KernelProfile) -> set[tuple[str, str]]:
    """What no change explains, in whichever order the two are given."""
    found, turned = (
        {
            (one.difference.subject, one.difference.aspect)
            for one in explain(compare(*pair))
            if one.change is None
        }
        for pair in ((before, after), (after, before))
    )
    assert found == turned
    return found


def changed(profile: KernelProfile, part: str, name: str, value: Any) -> KernelProfile:
    """The profile with one fact in one of its parts replaced."""
    parts: dict[str, Any] = {part: {**getattr(profile, part), name: value}}
    return replace(profile, **parts)


def test_they_are_kernels_in_virtual_time_that_played_everything() -> None:
    assert {OLDER, NEWEST} <= {*recorded()}
    for label, one in recorded().items():
        assert (one.error, one.machine.clock) == ("", "virtual"), label
        assert len(one.scenarios) > 70, label
        assert len(one.timers) == 18, label


def test_nothing_between_them_is_unexplained() -> None:
    oldest, *_, newest = recorded().values()
    assert len(compare(oldest, newest).differences) > 30
    for before, after in permutations(recorded().values(), 2):
        assert unexplained(before, after) == set()


def pairs() -> Iterator[tuple[Change, str]]:
    for change in changes.changes():
        if change.feature and change.feature.kind in ("sysctl", "counter"):
            yield from ((change, label) for label in recorded())


@pytest.mark.parametrize(("change", "label"), [*pairs()], ids=lambda it: getattr(it, "id", it))
def test_the_kernels_that_a_change_names_are_those_that_show_it(change: Change, label: str) -> None:
    assert change.feature
    profile = recorded()[label]
    has = change.feature.name in (
        profile.sysctls if change.feature.kind == "sysctl" else profile.counters
    )
    assert (label in change.with_, label in change.without) == (has, not has)


def test_the_page_names_every_kernel_that_a_change_was_looked_for_on() -> None:
    named = {label for one in changes.changes() for label in (*one.with_, *one.without)}
    page = {label for labels in changes_page.SEEN.values() for label in labels}
    assert {label for label in named if label.count(".") == 1} == page


# --- made worse


@pytest.mark.parametrize(
    "name", ["half-close-before-established", "backlog-of-none-keeps-a-request"]
)
def test_a_behaviour_that_is_lost_is_unexplained_though_its_scenario_is_skipped(name: str) -> None:
    newest, older = recorded()[NEWEST], recorded()[OLDER]
    assert newest.scenarios[name].passed
    skipped = changed(newest, "scenarios", name, Play("skip", "this kernel does not do that"))
    assert unexplained(older, skipped) == {(name, "outcome")}
    before_it_came = changed(older, "scenarios", name, Play("skip", "this kernel does not do that"))
    assert unexplained(before_it_came, newest) == set()


def test_a_counter_that_no_longer_moves_or_moves_again_is_unexplained() -> None:
    newest, older = recorded()[NEWEST], recorded()[OLDER]
    assert unexplained(older, changed(newest, "counters", "TW", 0)) == {("TW", "moves")}
    again = changed(newest, "counters", "TcpDuplicateDataRehash", 20)
    assert unexplained(older, again) == {("TcpDuplicateDataRehash", "moves")}


def test_a_sysctl_that_is_gone_is_unexplained() -> None:
    newest, older = recorded()[NEWEST], recorded()[OLDER]
    name = "net.ipv4.tcp_syn_linear_timeouts"
    without = {each: value for each, value in newest.sysctls.items() if each != name}
    gone = replace(newest, sysctls=without, timers={**newest.timers, "syn": first()["syn"]})
    assert unexplained(older, gone) == {(name, "there"), ("syn", "sends")}


def test_what_both_kernels_have_explains_nothing() -> None:
    newest, older = recorded()[NEWEST], recorded()[OLDER]
    lost = changed(newest, "timers", "syn", first()["syn"])
    assert unexplained(older, lost) == {("syn", "sends")}


# --- time-outs


def first() -> dict[str, Timing]:
    """Those of the oldest kernel, whose SYNs double from the first one on."""
    return next(iter(recorded().values())).timers


def longer(timing: Timing, factor: float) -> Timing:
    """The timer with all of its time-outs longer."""
    after = None if timing.after is None else timing.after * factor
    return replace(timing, after=after, sends=tuple(at * factor for at in timing.sends))


@pytest.mark.parametrize("label", recorded(HERE / "again"))
def test_another_run_of_a_kernel_shows_the_same_time_outs(label: str) -> None:
    one, again = recorded()[label], recorded(HERE / "again")[label]
    assert len(again.timers) == 18
    assert not [each for each in compare(one, again).differences if each.topic == "timer"]


@pytest.mark.parametrize("factor", [1.19, 1 / 1.19])
def test_time_outs_that_are_a_fifth_longer_are_different_in_virtual_time(factor: float) -> None:
    for one, other in combinations(recorded().values(), 2):
        for name, timing in one.timers.items():
            later = longer(other.timers[name], factor)
            if name in TOO_SHORT or timing.problem or later.problem:
                continue
            assert timer_aspect(timing, later, (250, 250), "virtual") in ("schedule", "sends"), name


def test_what_is_too_short_for_a_fifth_is_not_for_a_half() -> None:
    newest = recorded()[NEWEST].timers
    for name in TOO_SHORT - {"fin-wait2-open"}:
        assert timer_aspect(newest[name], longer(newest[name], 1.5), (250, 250), "virtual"), name


def test_a_syn_has_no_round_trip_to_be_late_by_on_any_clock() -> None:
    for clock in get_args(Clock):
        for timers in (one.timers for one in recorded().values()):
            for name in ("syn", "syn-ack"):
                one = timers[name]
                assert timer_aspect(one, longer(one, 1.19), (250, 250), clock) == "schedule", name


def test_a_busy_machine_may_be_late_in_real_time() -> None:
    """The first time-out of data by as much as a process may have to wait for its turn."""
    data = recorded()[NEWEST].timers["data"]
    assert timer_aspect(data, longer(data, 1.1), (250, 250), "real") == ""
    assert timer_aspect(data, longer(data, 1.1), (250, 250), "virtual") == "schedule"
    assert timer_aspect(data, longer(data, 1.3), (250, 250), "real") == "schedule"


def test_a_comparison_with_a_real_clock_is_as_tolerant_as_that_clock() -> None:
    newest = recorded()[NEWEST]
    slow = changed(newest, "timers", "data", longer(newest.timers["data"], 1.1))
    here = replace(slow, machine=replace(slow.machine, clock="real"))
    assert [one.subject for one in compare(newest, slow).differences] == ["data"]
    assert compare(newest, here).differences == ()
    assert compare(here, newest).differences == ()
