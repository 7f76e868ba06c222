# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether what the faults have done makes them the cause of the pair that was held."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from netlab.linux.procnet import Row
from netlab.model.evidence import FaultRecord
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import Side
from netlab.scenario.caused import Lack, due, lacking
from netlab.scenario.model import Expectation, FaultStep, Range, Remove
from netlab.testbed.faults.base import Fault
from netlab.testbed.faults.tally import Tally
from netlab.testbed.lab import Lab
from tests.build import expected, parsed

NONE, UP_TO_5, SOME = Range(0, 0, "none"), Range(0, 5, "at most 5"), Range(1, 9, "1 to 9")
#: Of its two ends one waits for an acknowledgment, or none does.
STUCK, STILL = "SYN_SENT/SYN_RECV", "ESTABLISHED/CLOSE_WAIT"


class Counted(Fault):
    """A fault that has met so many packets before the hold, and in all."""

    kind = "drop"

    def __init__(
        self, before: int, in_all: int, name: str = "lost", force: bool = True, first: bool = False
    ) -> None:
        self.name = name
        self._numbers, self._force, self._first = (before, in_all), force, first
        self.held = False

    def remove(self) -> None:
        """Nobody asks for it here."""

    @property
    def packets(self) -> int:
        """Before the hold, or in all."""
        return self._numbers[self.held]

    @property
    def in_force(self) -> bool:
        """As it was made."""
        return self._force

    @property
    def ends_by_itself(self) -> bool:
        """As it was made."""
        return self._first

    @property
    def record(self) -> FaultRecord:
        """Nobody asks for it here."""
        raise AssertionError


class Uncounted(Counted):
    """One that can count nothing: a link that is down."""

    counts = False


def lacks(
    *faults: Counted, pair: str = STILL, timer: Timer = Timer.NONE, held: bool = True, **more: Any
) -> Lack | None:
    """What a lab lacks, after a pair was held, in which the server's row shows this timer."""
    tally = Tally(faults)
    for fault in faults:
        fault.held = False
    if held:
        tally.begin()
    for fault in faults:
        fault.held = True
    tally.look()
    rows = {
        Side.CLIENT: None,
        Side.SERVER: Row("", "", State.CLOSE_WAIT, 0, 0, timer, 1.0, 1, 0, 7),
    }
    flow = SimpleNamespace(rows=rows)
    lab = SimpleNamespace(imposed=faults, tally=tally, flow=lambda _: flow, way=None)
    return lacking(cast("Lab", lab), Expectation(1, expected(pair), **more))


def short(asked: str, found: int, name: str = "lost") -> Lack:
    """The lack of packets of one fault."""
    return Lack(f"expected {asked} by {name}; found {found}", ("dropped", name))


def only_before(packets: str) -> Lack:
    return Lack(
        f"lost dropped {packets} before the pair was reached, and none while it was held, so it "
        "is not what holds it. If it acts only before, remove it by then: '- remove: lost'",
        ("dropped", "lost"),
    )


@pytest.mark.parametrize(
    ("fault", "lack"),
    [
        (Counted(0, 0), short("at least 1", 0)),
        (Counted(1, 1), None),  # where nobody sends again, it cannot act again
        (Counted(0, 1), None),
        (Counted(0, 0, force=False), short("at least 1", 0)),
        (Counted(1, 1, force=False), None),
        (Counted(1, 1, first=True), only_before("1 packet")),
        (Counted(1, 2, first=True), None),
        (Counted(1, 1, first=True, force=False), None),
    ],
)
def test_of_a_pair_in_which_nobody_sends_again_each_must_have_dropped_something(
    fault: Counted, lack: Lack | None
) -> None:
    assert lacks(fault) == lack
    assert lacks(fault, timer=Timer.KEEPALIVE) == lack


@pytest.mark.parametrize(
    "stuck",
    [
        {"pair": STUCK},
        {"pair": "CLOSED/LAST_ACK"},
        {"timer": Timer.RETRANSMIT},
        {"timer": Timer.PROBE},
    ],
)
@pytest.mark.parametrize(
    ("numbers", "lack"),
    [
        ((0, 0), short("at least 2", 0)),
        ((0, 1), short("at least 2", 1)),
        ((0, 2), None),
        ((1, 2), None),
        ((1, 1), only_before("1 packet")),
        ((2, 2), only_before("2 packets")),
    ],
)
def test_where_an_end_sends_again_a_fault_must_act_again_and_during_the_hold(
    stuck: dict[str, Any], numbers: tuple[int, int], lack: Lack | None
) -> None:
    assert lacks(Counted(*numbers), **stuck) == lack
    removed = Counted(*numbers, force=False)
    assert lacks(removed, **stuck) == (None if numbers[1] else short("at least 1", 0))


def test_without_a_hold_none_was_there_during_it() -> None:
    assert lacks(Counted(2, 2), pair=STUCK, held=False) == only_before("2 packets")


@pytest.mark.parametrize(
    ("found", "asked", "lack"),
    [
        (0, {"lost": NONE}, None),
        (1, {"lost": NONE}, short("none", 1)),
        (5, {"lost": UP_TO_5}, None),
        (6, {"lost": UP_TO_5}, short("at most 5", 6)),
        (1, {"lost": SOME}, None),
        (10, {"lost": SOME}, short("1 to 9", 10)),
        (0, {None: NONE}, None),
        (3, {None: NONE}, Lack("expected none; found 3", ("dropped",))),
        (0, {None: SOME}, Lack("expected 1 to 9; found 0", ("dropped",))),
        (9, {None: SOME}, None),
        (3, {None: NONE, "lost": SOME}, Lack("expected none; found 3", ("dropped",))),
    ],
)
def test_what_the_file_asks_for_counts(
    found: int, asked: dict[str | None, Range], lack: Lack | None
) -> None:
    assert lacks(Counted(0, found), dropped=asked) == lack


def test_what_may_drop_nothing_need_not_act_during_the_hold() -> None:
    assert lacks(Counted(5, 5), pair=STUCK, dropped={"lost": UP_TO_5}) is None


def test_each_of_several_is_asked() -> None:
    one, other = Counted(0, 2, "one"), Counted(0, 0, "other")
    assert lacks(one, other) == lacks(other, one) == short("at least 1", 0, "other")
    assert lacks(one, other, dropped={None: SOME}) == short("at least 1", 0, "other")
    assert lacks(one, other, dropped={"other": NONE}) is None
    both = Counted(0, 5, "one"), Counted(0, 5, "other")
    assert lacks(*both, dropped={None: SOME}) == Lack("expected 1 to 9; found 10", ("dropped",))


def test_what_cannot_count_is_not_asked() -> None:
    assert lacks() is None
    assert lacks(Uncounted(0, 0)) is None
    assert lacks(Uncounted(0, 3), dropped={None: NONE}) is None


# --- what must have acted before it goes

DROP = "drop: {segment: SYN, to: server}"


def going(name: str | None, *names: str, **asked: Range) -> list[str]:
    """Which of these faults must have met something before a step removes one, or all."""
    drop = cast(FaultStep, parsed(DROP))
    expect = Expectation(1, expected(STUCK), dropped=dict(asked.items()))
    return [*due(Remove(1, "", name), dict.fromkeys(names, drop), expect)]


def test_only_what_is_removed_must_have_acted() -> None:
    assert going("lost", "lost", "other") == ["lost"]
    assert going(None, "lost", "other") == ["lost", "other"]
    assert going("another", "lost") == []


def test_what_may_drop_nothing_may_go_at_once() -> None:
    assert going(None, "lost", "other", lost=UP_TO_5, other=SOME) == ["other"]


def test_what_counts_nothing_has_nothing_to_show() -> None:
    cable = cast(FaultStep, parsed("plug: server"))
    assert [*due(Remove(1, "", None), {"cable": cable}, Expectation(1, expected(STUCK)))] == []
