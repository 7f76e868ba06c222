# SPDX-License-Identifier: GPL-2.0-or-later
"""Each thing is told once: when it begins, grows and ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from netlab.model.findings import Finding
from netlab.model.watching import Key, Turn
from netlab.watch.changes import MISSED, REMEMBERED, Changes

from .build import finding, told, watched


def test_a_leak_is_told_when_it_begins_grows_and_ends_and_never_again() -> None:
    five, forty = [finding(5)], [finding(40)]
    assert told([], five, five, five, forty, forty, forty, [], [], [], []) == [
        ("began", 110.0, 5), ("grew", 140.0, 40), ("ended", 170.0, 0),
    ]  # fmt: skip


def test_growth_is_told_when_it_has_doubled_or_has_one_more_digit() -> None:
    grown = [number for turn, _, number in told(*([finding(n)] for n in range(1, 300)))]
    assert grown == [1, 2, 4, 8, 10, 20, 40, 80, 100, 200]


def test_what_shrinks_and_grows_again_is_not_told_until_it_is_more_than_ever() -> None:
    looks = [[finding(n)] for n in (10, 20, 10, 20, 5, 39, 40)]
    assert told(*looks) == [("began", 100.0, 10), ("grew", 110.0, 20), ("grew", 160.0, 40)]


def test_what_comes_and_goes_neither_ends_nor_begins_each_time() -> None:
    gone: list[Finding] = []
    assert told(*[[finding(3)], gone] * 10) == [("began", 100.0, 3)]


def test_it_ended_when_it_was_missed_first_and_may_begin_anew() -> None:
    assert told([finding(3)], [], [], [finding(4)]) == [
        ("began", 100.0, 3), ("ended", 110.0, 0), ("began", 130.0, 4),
    ]  # fmt: skip


def test_since_when_is_what_the_sockets_say() -> None:
    began, ended = watched([finding(3, oldest=7.5), finding(2, oldest=9.0)], [], [])
    assert (began.at, began.standing.since, began.standing.number) == (100.0, 91.0, 5)
    assert (ended.standing.since, ended.standing.most) == (91.0, 5)
    (unknown,) = watched([finding(3)])
    assert unknown.standing.since == unknown.at


def test_other_causes_ports_and_processes_are_other_findings() -> None:
    others = [finding(cause="not-read"), finding(port=81), finding(process="web"), finding()]
    assert [each.turn for each in watched(others, others)] == [Turn.BEGAN] * 4
    changes = Changes()
    changes.look(0.0, others)
    changes.look(1.0, others[1:])
    assert {each.key: each.number for each in changes.standing} == {
        Key("not-read", 80, "app"): 0, Key("not-closed", 81, "app"): 1,
        Key("not-closed", 80, "web"): 1, Key("not-closed", 80, "app"): 1,
    }  # fmt: skip


def test_the_workers_of_one_program_are_one() -> None:
    assert told([finding(3), finding(4, first=50)]) == [("began", 100.0, 7)]


def test_a_cause_that_could_not_be_told_from_it_is_the_same() -> None:
    first, second = finding(5, also=("not-read",)), finding(5, cause="not-read")
    assert told([first], [second], [first], [second]) == [("began", 100.0, 5)]
    assert told([second], [first], [second]) == [("began", 100.0, 5)]
    apart = watched([finding(5)], [second], [second])
    assert [each.turn for each in apart] == [Turn.BEGAN, Turn.BEGAN, Turn.ENDED]


def test_a_leak_whose_most_frequent_port_is_another_one_is_the_same() -> None:
    before = finding(5)
    moved = finding(3, port=81)
    kept = replace(moved, connections=(*moved.connections, before.connections[-1]))
    assert told([before], [kept], [before]) == [("began", 100.0, 5)]
    assert [each[0] for each in told([before], [moved], [moved])] == ["began", "began", "ended"]


def test_of_a_large_finding_only_some_connections_are_kept() -> None:
    changes = Changes()
    changes.look(0.0, [finding(5000)])
    (kept,) = changes._open.values()
    assert len(kept.connections) == REMEMBERED


NUMBERS = st.dictionaries(
    st.tuples(st.sampled_from(("not-closed", "data-lost")), st.sampled_from((80, 443))),
    st.integers(1, 2000),
)


@given(st.lists(NUMBERS, max_size=40))
def test_whatever_comes_each_beginning_has_one_end_and_no_growth_is_told_twice(
    looks: list[dict[tuple[str, int], int]],
) -> None:
    changes = Changes()
    found = [[finding(n, cause, port) for (cause, port), n in look.items()] for look in looks]
    happened = watched(*found, *[[]] * MISSED, changes=changes)
    told: dict[Key, int] = {}
    for each in happened:
        key, number = each.standing.key, each.standing.number
        assert (each.turn is Turn.BEGAN) == (key not in told)
        if each.turn is Turn.ENDED:
            assert each.standing.most >= told.pop(key)
            continue
        before = told.get(key)
        if before is not None:
            assert number >= 2 * before or len(str(number)) > len(str(before))
        told[key] = number
    turns = Counter(each.turn for each in happened)
    assert not told
    assert changes.standing == []
    assert turns[Turn.BEGAN] == turns[Turn.ENDED] == changes.began == changes.ended
