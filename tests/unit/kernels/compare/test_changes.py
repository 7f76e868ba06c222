# SPDX-License-Identifier: GPL-2.0-or-later
"""What a change explains, and what it does not: its feature, its effects, and its file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netlab.kernels.compare import changes as module
from netlab.kernels.compare.behaviour import KernelProfile
from netlab.kernels.compare.changes import (
    BrokenChanges,
    Change,
    Doubt,
    Effect,
    Feature,
    changes,
    explain,
    parse,
)
from netlab.kernels.compare.differences import Comparison, Difference
from netlab.model.kernel_run import Machine

MACHINE = Machine("here", "6.1", "#1", "x86_64", 250)


def profile(hz: int = 250, **more: Any) -> KernelProfile:
    return KernelProfile(replace(MACHINE, hz=hz), **more)


def ways(feature: Feature, before: KernelProfile, after: KernelProfile) -> object:
    """The answer, and that for the two in the other order."""
    return feature.turned(before, after), feature.turned(after, before)


def test_a_feature_of_a_sysctl_or_a_counter_is_whether_it_is_there() -> None:
    for kind, field in (("sysctl", "sysctls"), ("counter", "counters")):
        feature = Feature(kind, "new")
        old: dict[str, Any] = {field: {"old": 1}}
        new: dict[str, Any] = {field: {"old": 1, "new": 2}}
        without, with_ = profile(**old), profile(**new)
        assert ways(feature, without, with_) == ((False,), (True,))
        assert ways(feature, with_, with_) == ((), ())
        assert ways(feature, without, without) == ((), ())
        assert ways(feature, profile(), with_) == ((), ())  # one was not asked


def test_a_feature_of_a_value_is_that_it_differs() -> None:
    feature = Feature("value", "size")
    one, other = profile(sysctls={"size": "1"}), profile(sysctls={"size": "2"})
    assert ways(feature, one, other) == ((False, True), (False, True))
    assert ways(feature, one, one) == ((), ())
    assert ways(feature, one, profile(sysctls={"old": "1"})) == ((), ())
    assert ways(feature, one, profile(counters={"size": 2})) == ((), ())


def test_a_feature_of_the_tick_is_that_it_differs() -> None:
    assert ways(Feature("hz"), profile(250), profile(1000)) == ((False,), (False,))
    assert ways(Feature("hz"), profile(250), profile(250)) == ((), ())


SEEN = Difference("scenario", "half-close", "step 3: connect", "old", "new")


@pytest.mark.parametrize(
    ("effect", "fits", "turned"),
    [
        (Effect("scenario", "half-close"), True, True),
        (Effect("cell", "half-close"), False, False),
        (Effect("scenario", "half"), False, False),
        (Effect("scenario", "half-*", "step *"), True, True),
        (Effect("scenario", "half-*", "pair"), False, False),
        (Effect("scenario", "*", without="old"), True, False),
        (Effect("scenario", "*", without="new"), False, True),
        (Effect("scenario", "*", with_="n*"), True, False),
        (Effect("scenario", "*", with_="o*"), False, True),
        (Effect("scenario", "*", without="old", with_="new"), True, False),
        (Effect("scenario", "*", without="old", with_="other"), False, False),
    ],
)
def test_an_effect_says_what_is_seen_without_the_change_and_with_it(
    effect: Effect, fits: bool, turned: bool
) -> None:
    assert effect.fits(SEEN, turned=False) is fits
    assert effect.fits(SEEN, turned=True) is turned


WITHOUT, WITH = profile(sysctls={"old": "1"}), profile(sysctls={"old": "1", "new": "1"})


def explains(change: Change, one: KernelProfile, other: KernelProfile, **more: Any) -> bool:
    return bool(change.fits(Comparison(one, other, (), ()), replace(SEEN, **more)))


def test_a_change_explains_what_only_one_of_two_kernels_has() -> None:
    effect = Effect("scenario", "half-close", without="old", with_="new")
    change = Change("a", "6.1", "seen", "b", "c", feature=Feature("sysctl", "new"),
                    effects=(effect,))  # fmt: skip
    assert explains(change, WITHOUT, WITH)
    assert explains(change, WITH, WITHOUT, before="new", after="old")
    assert not explains(change, WITH, WITHOUT)  # it would be the other way round
    assert not explains(change, WITH, WITH)
    assert not explains(change, WITHOUT, WITHOUT)
    assert not explains(change, WITHOUT, WITH, subject="another")
    without_effects = replace(change, effects=())
    assert not explains(without_effects, WITHOUT, WITH)


def test_a_scenario_that_names_the_sysctl_it_lacks_is_explained() -> None:
    change = Change("a", "6.1", "seen", "b", "c", feature=Feature("sysctl", "new"))
    for why in (("this kernel has no sysctl new", ""), ("", "this kernel has no sysctl new")):
        assert explains(change, WITHOUT, WITH, aspect="outcome", why=why)
        assert not explains(change, WITHOUT, WITH, aspect="pair", why=why)
        assert not explains(change, WITH, WITH, aspect="outcome", why=why)
        value = replace(change, feature=Feature("value", "new"))
        differ = profile(sysctls={"new": "1"}), profile(sysctls={"new": "2"})
        assert not explains(value, *differ, aspect="outcome", why=why)
    assert not explains(change, WITHOUT, WITH, aspect="outcome", why=("no sysctl old", ""))
    assert not explains(change, WITHOUT, WITH, aspect="outcome", why=("no sysctl newer", ""))


GOOD = {"id": "a", "since": "6.1", "known": "seen", "what": "b", "source": "c"}


def test_an_entry_is_read_with_all_that_it_says() -> None:
    entry = {
        **GOOD,
        "note": "d",
        "feature": "sysctl new",
        "with": [6.1],
        "without": [5.4],
        "explains": [{"scenario": ["x", "y"], "aspect": "pair", "with": 1, "without": 2},
                     {"timer": "syn"}],
    }  # fmt: skip
    assert parse([entry]) == [
        Change("a", "6.1", "seen", "b", "c", "d", Feature("sysctl", "new"), (
            Effect("scenario", "x", "pair", "2", "1"), Effect("scenario", "y", "pair", "2", "1"),
            Effect("timer", "syn", "*", "", ""),
        ), ("6.1",), ("5.4",)),
    ]  # fmt: skip
    assert parse([GOOD, {**GOOD, "id": "b", "feature": "hz"}])[1].feature == Feature("hz", "")
    assert parse([GOOD])[0].feature is None


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (7, "expected a mapping with an id; found 7"),
        ({"id": 7}, "expected a mapping with an id"),
        *(({**GOOD, name: 7}, f"a: {name} must be text") for name in ("since", "what", "source")),
        ({**GOOD, "known": "rumour"}, "a: known must be one of seen, by source"),
        ({**GOOD, "weather": 1, "age": 2}, "a: no field is called age, weather"),
        ({**GOOD, "feature": "sysctl"}, "a: 'sysctl' is not a feature"),
        ({**GOOD, "feature": "hz 250"}, "a: 'hz 250' is not a feature"),
        ({**GOOD, "feature": "moon full"}, "a: 'moon full' is not a feature"),
        ({**GOOD, "explains": [{"timer": "x"}]}, "a: x: neither a feature nor"),
        ({**GOOD, "feature": "value x", "explains": [{"timer": "x"}]}, "neither a feature nor"),
        *(
            (
                {**GOOD, "feature": "sysctl x", "explains": [{"row": "x/y", **one}]},
                "a: x/y: a row needs 'with' and 'without'",
            )
            for one in ({}, {"with": "y"}, {"without": "y"})
        ),
        ({**GOOD, "explains": [{}]}, "a: {} does not say what it explains"),
        ({**GOOD, "explains": [{"timer": "x", "cell": "y"}]}, "does not say what it explains"),
        ({**GOOD, "explains": [{"timer": "x", "because": "y"}]}, "does not say what it explains"),
    ],
)
def test_a_wrong_entry_is_refused(entry: object, says: str) -> None:
    with pytest.raises(BrokenChanges) as caught:
        parse([entry])
    assert says in str(caught.value)


ROWS = [(change, effect) for change in changes() for effect in change.effects
        if effect.topic == "row"]  # fmt: skip
#: What no kernel is known to do there, each in place of what the one with the change does.
FOREIGN = (
    "answers RST, is then CLOSED, reads ECONNRESET, counts TCPChallengeACK 1",
    "answers nothing, is then CLOSED, reads nothing, counts PAWSTimewait 1",
    "answers ACK ack=next+100 sack=next:next+1, is then ESTABLISHED, reads 5 bytes",
)


@pytest.mark.parametrize(
    ("change", "effect"), ROWS, ids=[f"{change.id}-{each.subject}" for change, each in ROWS]
)
def test_a_known_change_explains_no_other_answer_in_its_rows(
    change: Change, effect: Effect
) -> None:
    """Neither where the older kernel is as it was, nor where the newer one does as expected."""
    subject = effect.subject.replace("*", "")
    one, other = effect.without.replace("*", ""), effect.with_.replace("*", "")
    for foreign in FOREIGN:
        for before, after in ((one, foreign), (foreign, other)):
            difference = Difference("row", subject, "behaviour", before, after)
            fits = [way for way in (False, True) if effect.fits(difference, way)]
            assert not fits, (foreign, before, after)
    assert effect.fits(Difference("row", subject, "behaviour", one, other), turned=False)


def test_of_three_with_one_id_the_first_is_named() -> None:
    other = {**GOOD, "id": "b"}
    with pytest.raises(BrokenChanges, match=r"^b: two changes have this id"):
        parse([GOOD, other, other])


def test_those_with_a_feature_come_first() -> None:
    known = [change.feature is None for change in changes()]
    assert known == sorted(known)
    assert 0 < sum(known) < len(known)


# --- which of several, and in which order the kernels must be


def why(
    monkeypatch: pytest.MonkeyPatch, one: KernelProfile, other: KernelProfile, *known: Change
) -> tuple[str, str, object]:
    """The change that explains a difference; the one that would in the other order, and what lacks
    it then.
    """
    monkeypatch.setattr(module, "changes", lambda: known)
    (told,) = explain(Comparison(one, other, (SEEN,), ()))
    assert told.difference == SEEN
    doubt = told.doubt
    return (
        told.change.id if told.change else "",
        doubt.change.id if doubt else "",
        doubt.lacking if doubt else "",
    )


def released(release: str, hz: int = 250) -> KernelProfile:
    return KernelProfile(replace(MACHINE, release=release, hz=hz))


OLD, NEW, NAMELESS = (released(name) for name in ("6.1.0", "6.8.0", "mine"))
NEWER = Change("newer", "6.5", "seen", "b", "c",
               effects=(Effect("scenario", "half-close", without="old", with_="new"),))  # fmt: skip
BACK = Effect("scenario", "half-close", without="new", with_="old")
OLDER = replace(NEWER, id="older", effects=(BACK,))
ANOTHER = replace(NEWER, id="another", effects=(Effect("cell", "*", with_="x"),))


def test_the_newer_kernel_must_be_the_one_with_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why(monkeypatch, OLD, NEW, NEWER) == ("newer", "", "")
    assert why(monkeypatch, NEW, OLD, OLDER) == ("older", "", "")
    assert why(monkeypatch, OLD, NEW, OLDER) == ("", "older", "after")
    assert why(monkeypatch, NEW, OLD, NEWER) == ("", "newer", "before")
    assert why(monkeypatch, OLD, NAMELESS, NEWER) == ("", "newer", None)
    assert why(monkeypatch, OLD, NEW) == why(monkeypatch, OLD, NEW, ANOTHER) == ("", "", "")


def test_the_first_that_explains_is_named_whatever_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again = replace(NEWER, id="again")
    assert why(monkeypatch, OLD, NEW, ANOTHER, NEWER, again) == ("newer", "", "")
    assert why(monkeypatch, OLD, NEW, OLDER, ANOTHER, NEWER) == ("newer", "", "")
    other = replace(OLDER, id="other")
    assert why(monkeypatch, OLD, NEW, OLDER, other) == ("", "older", "after")


def test_a_tick_rate_is_neither_newer_nor_older(monkeypatch: pytest.MonkeyPatch) -> None:
    tick = replace(NEWER, id="tick", feature=Feature("hz"))
    assert not Feature("hz").directed
    assert Feature("sysctl", "x").directed
    fast = released("6.1.0", 1000)
    assert why(monkeypatch, NEW, fast, tick) == ("tick", "", "")
    assert why(monkeypatch, NAMELESS, fast, tick) == ("tick", "", "")
    assert why(monkeypatch, NEW, OLD, tick) == ("", "", "")


def test_a_doubt_is_a_value() -> None:
    assert Doubt(NEWER, "after") == Doubt(NEWER, "after") != Doubt(NEWER, None)
