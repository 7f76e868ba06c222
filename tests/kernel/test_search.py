# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs with a bug each that one or two packets bring out: all are found, and played again."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from netlab.model.vocabulary import Side
from netlab.scenario import loader, runner
from netlab.search import cases
from netlab.search.cases import DOUBLED, LOST, OVERTAKEN, Case, Meeting
from netlab.search.hunt import LATE, Hunt
from netlab.search.judge import CaseVerdict, Judged
from netlab.search.trial import Setup
from netlab.search.written import Writer, name_of

BUGS = Path(__file__).parents[1] / "search" / "bugs"
CAP = 3.0  # seconds: more than TCP needs to mend what is lost once or twice
PORT = 8000
#: Where a program's clock is 50 ms from another end, a busy machine can bring that about.
TRIES = 3
#: Two packets must be lost for these; all others are found by one.
NEED_TWO = ("gives_up_after_two_tries", "second_back_off_too_long", "two_heartbeats_missed")
NEED_ONE = {
    "banner_awaited_too_briefly": (CaseVerdict.DIFFERS, "ack=1", Side.SERVER),
    "connect_time_out_too_short": (CaseVerdict.ERROR, "seq=0", Side.SERVER),
    "end_awaited_too_briefly": (CaseVerdict.ERROR, "FIN", Side.SERVER),
    "first_accepted_taken_for_control": (CaseVerdict.DIFFERS, "seq=0", Side.SERVER),
    "first_segment_taken_for_all": (CaseVerdict.SHORT, "seq=17", Side.CLIENT),
    "late_reply_taken_for_the_next": (CaseVerdict.DIFFERS, "seq=1", Side.CLIENT),
    "order_placed_twice": (CaseVerdict.DIFFERS, "seq=1", Side.CLIENT),
    "server_resets_too_early": (CaseVerdict.ERROR, "seq=1", Side.CLIENT),
    "stale_reply_thrown_away": (CaseVerdict.HANGS, "seq=1", Side.CLIENT),
}


def hunt(bug: str) -> Hunt:
    """A search in the program of that name."""
    line = [sys.executable, "-S", "-E", str(BUGS / f"{bug}.py")]
    return Hunt(
        Setup((*line, "client", "{port}"), " ".join([*line, "server", "{port}"]), PORT, CAP)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that anybody may read, as programs of scenario files do."""
    tmp_path.chmod(0o755)
    return tmp_path


def test_each_bug_is_looked_for() -> None:
    assert {path.stem for path in BUGS.glob("*.py")} == NEED_ONE.keys() | {*NEED_TWO}


@pytest.mark.parametrize("bug", NEED_ONE)
def test_what_one_packet_brings_out_is_found(bug: str) -> None:
    searching, (verdict, packet, to) = hunt(bug), NEED_ONE[bug]
    word = OVERTAKEN if bug == "first_accepted_taken_for_control" else LOST
    for _ in searching.try_all(cases.singles(searching.healthy.trial.packets, [word])):
        pass
    wanted = (Meeting(word, to, 1, packet, 0),)
    found = {each.case: each.verdict for each in searching.failures}
    assert found.get(wanted) is verdict, found
    assert {len(case) for case in found} == {1}


@pytest.mark.parametrize("bug", NEED_TWO)
def test_what_takes_two_packets_is_found_by_pairs(bug: str) -> None:
    searching = hunt(bug)
    singles = cases.singles(searching.healthy.trial.packets, [LOST])
    seen = [(each.case, each.trial.packets) for each in searching.try_all(singles)]
    first = next(
        each for each in searching.try_all(cases.pairs(seen, [])) if each.verdict.is_failure
    )
    assert len(first.case) == 2


def tried(searching: Hunt, case: Case) -> Judged:
    """One case, tried and judged."""
    return next(searching.try_all([case]))


def test_of_many_packets_the_one_is_left_that_matters() -> None:
    searching = hunt("connect_time_out_too_short")
    lost = Meeting(LOST, Side.SERVER, 1, "SYN", 0)
    many = (
        Meeting("double", Side.CLIENT, 1, "seq=1", 0),
        lost,
        Meeting("overtake", Side.SERVER, 1, "ack=1", 0),
    )
    found = tried(searching, many)
    assert found.verdict is CaseVerdict.ERROR
    assert searching.shrunk(found).case == (lost,)
    assert [each.case for each in searching.failures] == [(lost,)]


@pytest.mark.parametrize("bug", ["order_placed_twice", "stale_reply_thrown_away"])
def test_what_is_found_is_a_scenario_of_a_few_lines_that_plays(bug: str, folder: Path) -> None:
    searching, (_, packet, to) = hunt(bug), NEED_ONE[bug]
    found = tried(searching, (Meeting(LOST, to, 1, packet, 0),))
    path = folder / f"{name_of(found.case)}.yaml"
    path.write_text(Writer(searching.setup, searching.healthy, folder).text(found))
    assert path.name == "drop-seq-1-to-client.yaml"
    assert len(path.read_text().splitlines()) <= 20
    for _ in range(TRIES):
        run = runner.play(loader.load(path), runner.Options(record=True))
        if run.outcome == "pass":
            break
    assert (run.outcome, run.reason, run.failure) == ("pass", "", None)
    assert [(fault.kind, fault.packets) for fault in run.faults] == [("drop", 1)]


def test_whoever_closes_first_is_not_part_of_what_is_found(folder: Path) -> None:
    """Both programs let go at once, and the TIME_WAIT is at either end, or at both."""
    searching = hunt("first_accepted_taken_for_control")
    found = tried(searching, (Meeting(LOST, Side.SERVER, 1, "seq=0", 0),))
    path = folder / "either.yaml"
    path.write_text(Writer(searching.setup, searching.healthy, folder).text(found))
    played = runner.play_all([loader.load(path)] * 12, runner.Options(jobs=4))
    assert [(run.outcome, run.failure) for _, run in played] == [("pass", None)] * 12


def test_without_its_packet_the_scenario_fails(folder: Path) -> None:
    """It is a claim about that packet, and not about the program."""
    searching = hunt("order_placed_twice")
    found = tried(searching, (Meeting(LOST, Side.CLIENT, 1, "seq=1", 0),))
    text = Writer(searching.setup, searching.healthy, folder).text(found)
    harmless = text.replace("packet: seq=1", "packet: SYN")
    assert harmless != text
    run = runner.play(loader.parse(harmless, folder / "other.yaml"))
    assert run.failure is not None
    assert "did not say 'orders: 2'" in run.failure.summary


def test_a_packet_that_never_comes_says_nothing() -> None:
    judged = tried(hunt("order_placed_twice"), (Meeting(LOST, Side.CLIENT, 1, "seq=99", 0),))
    assert (judged.verdict, judged.seen) == (CaseVerdict.UNMET, (3, 3))


def test_what_goes_well_while_nobody_looks_must_be_seen_twice() -> None:
    """It may have gone well because somebody looked too late."""
    busy: list[float] = []  # seconds in which nobody looks
    searching = Hunt(hunt("order_placed_twice").setup, lambda: time.sleep(sum(busy)))
    assert searching.healthy.trial.code == 0
    busy.append(LATE + 0.01)
    judged = tried(searching, (Meeting(DOUBLED, Side.CLIENT, 1, "seq=1", 0),))
    assert (judged.verdict, judged.seen) == (CaseVerdict.FINE, (2, 2))


def test_a_check_decides_alone_and_sees_what_was_written(folder: Path) -> None:
    line = f"{sys.executable} -S -E {BUGS / 'order_placed_twice.py'}"
    check = 'grep -q "orders: 2" $NETLAB_FOLDER/output && test "$NETLAB_EXIT_CODE" = 0'
    setup = Setup((*line.split(), "client", "8000"), f"{line} server 8000", PORT, CAP, check)
    searching = Hunt(setup)
    found = tried(searching, (Meeting(LOST, Side.CLIENT, 1, "seq=1", 0),))
    assert found.verdict is CaseVerdict.FAILS
    path = folder / "twice.yaml"
    path.write_text(Writer(setup, searching.healthy, folder).text(found))
    run = runner.play(loader.load(path))
    assert (run.outcome, run.reason, run.failure) == ("pass", "", None)
