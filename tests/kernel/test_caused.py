# SPDX-License-Identifier: GPL-2.0-or-later
"""The faults of a scenario caused its pair: what each must have done, and what is said if not."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from netlab.model.evidence import Evidence
from netlab.scenario import catalogue, caused, loader, runner
from netlab.scenario.kinds import COMPARISON
from netlab.scenario.model import Expectation
from netlab.testbed.faults.drop import Drop
from netlab.testbed.hops import lacking as lacking_here
from netlab.testbed.hops.nat import Nat
from netlab.testbed.lab import Lab

from ..build import expected, scenario

PORT, OTHER = 9, 10
REPEATS, SILENT = "SYN_SENT/LISTEN", "CLOSED/ESTABLISHED"  # pairs
NONE, ONE = (f"expected at least {number} by this; found 0" for number in (2, 1))


class Acts(NamedTuple):
    """What one of two faults does, and what the proof lacks then: nothing, or this sentence. The
    other one does whatever can be asked of a fault.
    """

    what: str
    lacks: str
    before: int  # packets that it drops before the pair is reached, and while that is held
    during: int
    pair: str = REPEATS
    first: int | None = None
    removed: bool = False
    dropped: str = ""


BEFORE_ONLY = (
    "this dropped {} before the pair was reached, and none while it was held, so it is not what "
    "holds it. If it acts only before, remove it by then: '- remove: this'"
)
ACTS = (
    Acts("acts before and during the hold", "", 1, 1),
    Acts("acts during the hold alone", "", 0, 2),
    Acts("never matched", NONE, 0, 0),
    Acts("drops no retransmission", "expected at least 2 by this; found 1", 0, 1),
    Acts("acts before the hold alone", BEFORE_ONLY.format("1 packet"), 1, 0),
    Acts("acts before the hold alone, twice", BEFORE_ONLY.format("2 packets"), 2, 0),
    Acts("is not there any more", "", 1, 0, removed=True),
    Acts("is removed and never matched", ONE, 0, 0, removed=True),
    Acts("nobody sends again", "", 1, 0, SILENT),
    Acts("nobody sends again, during the hold", "", 0, 1, SILENT),
    Acts("nobody sends again, and never matched", ONE, 0, 0, SILENT),
    Acts("is used up before the hold", BEFORE_ONLY.format("1 packet"), 1, 0, SILENT, first=1),
    Acts("is used up during the hold", "", 0, 1, SILENT, first=1),
    Acts("may drop nothing", "", 0, 0, dropped="at most 3"),
    Acts("may drop nothing, and drops more", "expected none by this; found 1", 1, 0,
         dropped="none"),
    Acts("has a number of its own", "expected 3 by this; found 2", 1, 1, dropped="3"),
    Acts("once is enough, if it is during the hold", "", 0, 1, dropped="1"),
    Acts("once is enough, but not before", BEFORE_ONLY.format("1 packet"), 1, 0,
         dropped="1"),
)  # fmt: skip
SUMS = (
    ("at least 4", 1, 1, ""),
    ("at least 5", 1, 1, "expected at least 5; found 4"),
    ("at least 2", 0, 0, NONE),  # by the other one
    ("at most 9", 0, 0, NONE),
    ("none", 0, 0, "expected none; found 2"),
)


def drops(lab: Lab, fault: Drop, times: int) -> None:
    """The client sends it that many SYNs, and waits until they are counted."""
    wanted = fault.packets + times
    for _ in range(times):
        lab.client.probe(fault.match.port or 0, timeout=0)
    assert lab.wait(lambda: fault.packets == wanted, 5)


def lacking(lab: Lab, acts: Acts, all_together: str = "") -> str:
    """What the proof lacks once both faults have done what they do."""
    this = lab.drop("SYN", to="server", port=PORT, first=acts.first, name="this")
    other = lab.drop("SYN", to="server", port=OTHER, name="other")
    drops(lab, this, acts.before)
    drops(lab, other, 1)
    if acts.removed:
        this.remove()
    lab.tally.begin()
    drops(lab, this, acts.during)
    drops(lab, other, 1)
    lab.tally.look()
    said = {"this": acts.dropped, None: all_together}
    dropped = {name: COMPARISON.parse(number) for name, number in said.items() if number}
    found = caused.lacking(lab, Expectation(1, expected(acts.pair), dropped=dropped))
    return found.says if found else ""


@pytest.mark.parametrize("acts", ACTS, ids=lambda acts: acts.what)
def test_each_fault_must_act_while_the_pair_is_held_or_be_removed(lab: Lab, acts: Acts) -> None:
    assert lacking(lab, acts) == acts.lacks


def test_of_a_hop_that_has_dropped_nothing_it_is_told_what_to_write(lab: Lab) -> None:
    if reason := lacking_here("tracking"):
        pytest.skip(reason)
    lab.path(Nat("home"))
    lab.tally.begin()
    lab.tally.look()
    found = caused.lacking(lab, Expectation(1, expected("ESTABLISHED/ESTABLISHED")))
    assert found is not None
    assert found.says == (
        "expected at least 1 by home; found 0. If it need not drop any, say so below 'expect': "
        "'dropped: {home: none}'"
    )
    assert str(lab.faults[0]).endswith(" at the path: 0 packets  <- it has dropped nothing")


@pytest.mark.parametrize(("number", "before", "during", "lacks"), SUMS)
def test_a_number_for_all_of_them_frees_none(
    lab: Lab, number: str, before: int, during: int, lacks: str
) -> None:
    assert lacking(lab, Acts("", "", before, during), number) == lacks


# --- as scenarios

ONCE = (
    "server: listen",
    "client: connect",
    "server: accept",
    "drop: {segment: DATA, to: server, first: 1}",
    "client: {send: hello}",
    "server: {read: hello}",
)
TWICE = (
    "server: listen",
    "drop: {segment: SYN, to: server, first: 1, as: first}",
    "drop: {segment: SYN, to: server, after: 1, as: second}",
    "client: connect",
    "remove: second",
    "remove: first",
    "reach: {client: ESTABLISHED, server: ESTABLISHED, within: 9s}",
)
DATA_LOST = (
    "server: listen",
    "drop: {segment: SYN, to: server, port: 9, as: idle}",
    "client: {probe: {port: 9, gets: nothing}}",
    "client: connect",
    "server: accept",
    "drop: {segment: DATA, to: server}",
    "client: {send: hello}",
)
UNMATCHED = (*DATA_LOST[3:5], "drop: {segment: RST, to: client}", *DATA_LOST[5:])
OPEN = "ESTABLISHED/ESTABLISHED"
FILES = {
    "used up": (ONCE, "pair held, but the wrong number of packets was dropped "),
    "used up and removed": ((*ONCE, "remove: drop-1"), ""),
    "waits for what comes late": (TWICE, ""),
    "never matched": (("server: listen", *UNMATCHED), ": expected at least 2 by drop-1; found 0"),
    "beside another": (DATA_LOST, ": idle dropped 1 packet before the pair was reached, and none "),
    "beside another, and removed": ((*DATA_LOST[:5], "remove: idle", *DATA_LOST[5:]), ""),
    "removed, and never matched": (
        ("server: listen", "drop: {segment: RST, to: client}", "remove: drop-1", *ONCE[1:3]),
        "remove: drop-1: expected at least 1 by drop-1; found 0",
    ),
    "removed with all, and never matched": (
        ("server: listen", "drop: {segment: RST, to: client}", "remove: all", *ONCE[1:3]),
        "remove: all: expected at least 1 by drop-1; found 0",
    ),
}


@pytest.fixture(scope="module")
def runs() -> dict[str, Evidence]:
    """All of them, side by side."""
    expect = ("hold: 100ms", "cause: this is a test")
    texts = [scenario(*steps, pair=OPEN, expect=expect) for steps, _ in FILES.values()]
    played = dict(runner.play_all([loader.parse(text, Path("mine.yaml")) for text in texts]))
    return {name: played[number] for number, name in enumerate(FILES)}


@pytest.mark.parametrize("name", FILES)
def test_a_file_passes_if_and_only_if_each_fault_has_acted_in_its_time(
    runs: dict[str, Evidence], name: str
) -> None:
    run, (_, says) = runs[name], FILES[name]
    assert run.outcome == ("fail" if says else "pass"), run.failure
    assert says in (run.failure.summary if run.failure else "")


def test_a_removal_that_came_too_early_is_reported_at_its_line(runs: dict[str, Evidence]) -> None:
    failures = [runs[name].failure for name in FILES if name.startswith("removed")]
    assert [failure.line for failure in failures if failure] == [5, 5]


def test_a_removal_waits_until_the_fault_has_acted(runs: dict[str, Evidence]) -> None:
    first, second = runs["waits for what comes late"].faults
    assert (first.packets, second.packets) == (1, 1)
    assert second.removed is not None
    assert second.removed - second.installed > 0.9  # the second SYN comes after a second


def test_the_evidence_says_what_was_dropped_in_all_and_while_the_pair_was_held() -> None:
    run = runner.play(catalogue.one("without-time-wait"))
    last_ack, repeated_fin = run.faults
    assert (last_ack.packets, last_ack.while_held) == (1, 0)
    assert repeated_fin.while_held is not None
    assert 1 <= repeated_fin.while_held <= repeated_fin.packets


def test_a_failure_says_what_each_fault_has_done_meanwhile(runs: dict[str, Evidence]) -> None:
    failure = runs["beside another"].failure
    assert failure is not None
    idle, lost = failure.notes
    assert idle == "fault idle at server input: 1 packet, none while the pair was held"
    assert lost.endswith(" while the pair was held")
    never = runs["never matched"].failure
    assert never is not None
    assert never.notes[0] == "fault drop-1 at client input: 0 packets  <- the rule never matched"


def test_what_was_never_held_has_no_number_for_it() -> None:
    lost = ("drop: {segment: SYN, to: server}", "client: connect")
    text = scenario("server: listen", *lost, pair=OPEN, expect=("within: 100ms", "cause: a test"))
    run = runner.play(loader.parse(text, Path("mine.yaml")))
    assert run.outcome == "fail"
    assert [fault.while_held for fault in run.faults] == [None]
