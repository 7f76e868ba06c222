# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person reads of a run: a failure, the table, its closing line, with and without colour."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.model.evidence import Counterfactual, Failure, FailureRow
from netlab.model.tcp import State as S
from netlab.model.vocabulary import Side
from netlab.render.failure import failure
from netlab.render.style import Style
from netlab.render.table import (
    Known,
    RunTable,
    closing_line,
    counterfactual_line,
    stopped_line,
)
from tests.build import evidence, fault, states, step, without_codes

PLAIN, COLOUR = Style(False), Style(True)

PASSED = evidence(
    "ack-of-fin-dropped",
    "FIN_WAIT1/CLOSE_WAIT",
    path="scenarios/teardown/ack-of-fin-dropped.yaml",
    kernel="6.18.44",
    held_s=1.2345,
    dropped=4,
    healed="FIN_WAIT2/CLOSE_WAIT",
    steps=(step(0.02, "server: accept", line=10), step(0.03, "client: close", line=12)),
    faults=(fault(side=Side.CLIENT, packets=4),),
)
NEVER_MATCHED = fault(side=Side.CLIENT, packets=0)
FAILED = replace(
    PASSED,
    outcome="fail",
    observed=states("FIN_WAIT2/CLOSE_WAIT"),
    held_s=0.0,
    dropped=0,
    healed=None,
    faults=(NEVER_MATCHED,),
    failure=Failure(
        "pair not held (kernel 6.18.44)",
        14,
        rows=(
            FailureRow(Side.CLIENT, (S.FIN_WAIT1,), S.FIN_WAIT2, "from +0.04 s", 0),
            FailureRow(Side.SERVER, (S.CLOSE_WAIT,), S.CLOSE_WAIT, "for 2.00 s", 0),
        ),
        notes=(str(NEVER_MATCHED),),
    ),
)
NOT_BUILT = replace(
    PASSED, scenario="not-built", outcome="error", observed=None, faults=(), healed=None,
    held_s=0.0, reason="a.yaml:3: the kernel refused the rule",
)  # fmt: skip
SKIPPED = replace(NOT_BUILT, scenario="skipped", outcome="skip", reason="only IPv6 has this")

#: Character by character: a failure is a product too.
FAILURE = """\
scenarios/teardown/ack-of-fin-dropped.yaml:14: pair not held (kernel 6.18.44)
          expected    sampled                   retransmits
  client  FIN_WAIT1   FIN_WAIT2   from +0.04 s  0
  server  CLOSE_WAIT  CLOSE_WAIT  for 2.00 s    0
  fault drop-1 at client input: 0 packets  <- the rule never matched
  last step done: line 12, client: close"""
KNOWN = (
    Known("ack-of-fin-dropped", "FIN_WAIT1", "CLOSE_WAIT", "FIN_WAIT2/CLOSE_WAIT"),
    Known("not-built", "SYN_SENT", "SYN_RECV or LISTEN"),
    Known("skipped", "CLOSED", "CLOSED"),
)
TABLE = """\
outcome  scenario            client       server                 held  dropped  healed into
-------  ------------------  -----------  ------------------  -------  -------  --------------------
PASS     ack-of-fin-dropped  FIN_WAIT1    CLOSE_WAIT            1.2 s        4  FIN_WAIT2/CLOSE_WAIT
FAIL     ack-of-fin-dropped  FIN_WAIT2    CLOSE_WAIT                         0
ERROR    not-built
SKIP     skipped             only IPv6 has this"""
NARROW = """\
outcome  scenario            client      server
-------  ------------------  ----------  ----------
PASS     ack-of-fin-dropped  FIN_WAIT1   CLOSE_WAIT
FAIL     ack-of-fin-dropped  FIN_WAIT2   CLOSE_WAIT
ERROR    not-built
SKIP     skipped             only IPv6 has this"""


def table(style: Style, room: int | None = None) -> str:
    """All four outcomes, as they are written when each of them ends."""
    whole = RunTable(KNOWN, style, room)
    return "\n".join([*whole.head(), *map(whole.row, (PASSED, FAILED, NOT_BUILT, SKIPPED))])


def test_a_failure_says_where_what_was_expected_what_was_seen_and_what_the_faults_did() -> None:
    assert failure(FAILED, PLAIN) == FAILURE


def test_colour_changes_no_word_of_a_failure() -> None:
    assert without_codes(failure(FAILED, COLOUR)) == FAILURE


def test_only_what_is_off_is_red() -> None:
    red = [line for line in failure(FAILED, COLOUR).splitlines()[1:] if "\033[31m" in line]
    assert red == ["  \033[31mclient  FIN_WAIT1   FIN_WAIT2   from +0.04 s  0\033[0m"]


def test_a_failure_without_rows_and_steps_is_one_line() -> None:
    bare = replace(FAILED, steps=(), failure=Failure("client: expected EPERM; found no error", 9))
    line = "scenarios/teardown/ack-of-fin-dropped.yaml:9: client: expected EPERM; found no error"
    assert failure(bare, PLAIN) == line


def test_a_lab_that_was_not_built_gives_the_reason() -> None:
    assert failure(NOT_BUILT, PLAIN) == "not-built: a.yaml:3: the kernel refused the rule"
    assert without_codes(failure(NOT_BUILT, COLOUR)) == failure(NOT_BUILT, PLAIN)


@pytest.mark.parametrize(
    ("path", "shown"),
    [("{here}/a.yaml", "a.yaml"), ("{here}/b/a.yaml", "b/a.yaml"), ("/else/a.yaml", "/else/a.yaml"),
     ("{here}er/a.yaml", "{here}er/a.yaml")],
)  # fmt: skip
def test_a_path_below_the_working_directory_is_short(
    path: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = replace(FAILED, path=path.format(here=tmp_path))
    assert failure(run, PLAIN).startswith(f"{shown.format(here=tmp_path)}:14: ")


def test_the_table_has_one_line_a_scenario() -> None:
    assert table(PLAIN) == TABLE


def test_on_a_narrow_terminal_the_outcome_the_name_and_the_pair_are_last_to_go() -> None:
    assert table(PLAIN, 51) == NARROW
    heads = {room: table(PLAIN, room).split("\n")[0].split() for room in (120, 80, 72, 40)}
    assert heads[120][-2:] == ["healed", "into"]
    assert heads[80] == ["outcome", "scenario", "client", "server", "held", "dropped"]
    assert heads[72] == ["outcome", "scenario", "client", "server", "held"]
    assert heads[40] == ["outcome", "scenario"]


def test_a_pair_that_nobody_expected_stands_in_its_columns() -> None:
    shut = Known("a", "CLOSED", "CLOSED")
    other = replace(FAILED, observed=states("ESTABLISHED/ESTABLISHED"))
    whole = RunTable([shut], PLAIN)
    head, _, row = *whole.head(), whole.row(replace(other, scenario="a"))
    assert row.index("ESTABLISHED", row.index("ESTABLISHED") + 1) == head.index("server")


def test_colour_changes_no_word_of_the_table() -> None:
    for room in (None, 51):
        assert without_codes(table(COLOUR, room)) == table(PLAIN, room)
    assert "\033[32mPASS\033[0m" in table(COLOUR)
    assert "\033[31mFAIL\033[0m" in table(COLOUR)


NEEDED = Counterfactual("drop-1", True, "A/B was not reached (C/D)")
UNKNOWN = Counterfactual("drop-3", None, "too busy")
UNTRIED = "not tried (it may drop nothing, or came after the pair)"
NEEDLESS = Counterfactual("drop-2", False, "A/B was reached and held all the same")


def test_below_a_line_stands_what_came_without_each_fault() -> None:
    run = replace(PASSED, counterfactuals=(NEEDED, NEEDLESS, UNKNOWN))
    lines = [
        "  without drop-1: A/B was not reached (C/D)",
        "  without drop-2: A/B was reached and held all the same",
        "  without drop-3: too busy",
    ]
    assert [*RunTable([], PLAIN).without(run)] == lines
    painted = [*RunTable([], COLOUR).without(run)]
    assert [line.partition("m")[0] for line in painted] == ["\033[2", "\033[31", "\033[33"]
    assert [*RunTable([], PLAIN, 12).without(run)] == ["  without d…"] * 3
    assert [*RunTable([], PLAIN).without(PASSED)] == []


@pytest.mark.parametrize(
    ("tried", "line"),
    [
        ((), "no fault was left out: there is none"),
        (((),), f"no fault was left out: 1 {UNTRIED}"),
        (((NEEDED,),), "1 fault of 1 scenario left out in turn: 1 needed"),
        (
            ((NEEDED,), (), (NEEDED,)),
            f"2 faults of 2 scenarios left out in turn: 2 needed, 1 {UNTRIED}",
        ),
        (
            ((NEEDED, NEEDLESS, UNKNOWN, UNKNOWN),),
            "4 faults of 1 scenario left out in turn: 1 needed, 1 not needed, 2 not known",
        ),
    ],
)
def test_a_line_counts_the_faults_that_were_left_out(
    tried: tuple[tuple[Counterfactual, ...], ...], line: str
) -> None:
    runs = [replace(PASSED, counterfactuals=each) for each in tried]
    assert counterfactual_line(runs) == line


def test_a_run_that_was_stopped_says_how_many_had_not_ended() -> None:
    assert stopped_line(12, 73, PLAIN) == "stopped: 12 of 73 had not ended"


def test_the_closing_line_counts_every_outcome_and_names_the_kernel() -> None:
    runs = [PASSED, PASSED, FAILED, NOT_BUILT, SKIPPED]
    line = "2 passed, 1 failed, 1 not built, 1 skipped in 3.6 s (IPv4, kernel 6.18.44)"
    assert closing_line(runs, 3.64, PLAIN) == line
    assert without_codes(closing_line(runs, 3.64, COLOUR)) == line


def test_the_closing_line_leaves_out_what_did_not_happen() -> None:
    assert closing_line([PASSED], 1.0, PLAIN) == "1 passed in 1.0 s (IPv4, kernel 6.18.44)"


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    stream: io.StringIO,
    environment: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Style.of(stream).colour is coloured
    assert Style.of(stream)("word", "red", "bold") == (
        "\033[31;1mword\033[0m" if coloured else "word"
    )
