# SPDX-License-Identifier: GPL-2.0-or-later
"""The conformance table as data: whole, sourced, and refused where it is wrong."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from netlab.conformance import rows
from netlab.conformance.rows import NOTHING
from netlab.model.errors import ScenarioError
from netlab.model.tcp import State

SOURCE = re.compile(r"RFC \d+(, section [\d.]+)?|\w+\(\d\)")


def test_it_has_rows_of_every_state() -> None:
    states = Counter(row.setting.state for row in rows.rows())
    assert len(rows.rows()) >= 800
    assert {*states} == {*State}
    assert min(states.values()) >= 40


def test_no_two_rows_of_one_family_have_the_same_name() -> None:
    names = Counter((row.name, row.family) for row in rows.rows())
    assert [name for name, number in names.items() if number > 1] == []


def test_no_row_is_without_a_source() -> None:
    assert [row.name for row in rows.rows() if not SOURCE.match(row.rule.source)] == []
    assert [row.name for row in rows.rows() if len(row.rule.says) < 15 or len(row.title) < 5] == []


def test_every_rule_and_every_departure_is_of_some_row() -> None:
    used = {row.rule.name for row in rows.rows()}
    assert rows.rules().keys() - used == set()
    whys = {row.why for row in rows.rows()}
    assert {*rows.departures().values()} - whys == set()


def test_where_linux_departs_the_row_has_both_and_they_differ() -> None:
    for row in rows.rows():
        assert bool(row.why) == bool(row.rfc), row.name
        ours = ", ".join(row.answers) or NOTHING
        ours += f" -> {row.then}" if row.then is not row.setting.state else ""
        assert not row.why or row.rfc != ours, row.name


@pytest.mark.parametrize(
    ("names", "number"),
    [(["rst-exact/ESTABLISHED"], 1), (["rst-exact"], 13), (["rst-*/TIME_WAIT"], 8), ([], 0)],
    ids=str,
)
def test_rows_are_chosen_by_name_event_state_or_pattern(names: list[str], number: int) -> None:
    assert len(rows.choose(names)) == (number or len(rows.rows()))


def test_a_name_that_fits_none_is_refused() -> None:
    with pytest.raises(ScenarioError, match="no row is called 'rst-sometimes'"):
        rows.choose(["rst-sometimes"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rst-exat/ESTABLISHED", "rst-exact/ESTABLISHED"),
        ("rst_exact", "rst-exact"),
        ("TIMEWAIT", "TIME_WAIT"),
    ],
)
def test_what_was_meant_is_guessed(typed: str, meant: str) -> None:
    with pytest.raises(ScenarioError, match=rf"\. Did you mean {meant}\? 'netlab conformance"):
        rows.choose([typed])


GOOD = """\
rst:
  title: a RST
  arrives: RST
  in:
    - {states: ESTABLISHED, rule: rst-resets, then: CLOSED}
"""


@pytest.mark.parametrize(
    ("wrong", "by", "says"),
    [
        ("arrives: RST", "arrives: RTS", "control bits: SYN, FIN"),
        ("arrives: RST", "arrives: RST sec=next", "one of seq=, ack="),
        ("arrives: RST", "title: none", "expected one of arrives, call, timer"),
        ("arrives: RST", "arrives: RST\n  wen: 1", "expected some of"),
        ("states: ESTABLISHED", "states: ESTABLISH", "state: 'ESTABLISH' is none"),
        ("rule: rst-resets", "rule: rst-rests", "rule: 'rst-rests' is none"),
        ("then: CLOSED", "than: CLOSED", "found than"),
        ("then: CLOSED", "but: whim", "but: 'whim' is none"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, wrong: str, by: str, says: str) -> None:
    path = tmp_path / "rows.yaml"
    path.write_text(GOOD)
    assert [row.name for row in rows.read(path)] == ["rst/ESTABLISHED"]
    path.write_text(GOOD.replace(wrong, by))
    with pytest.raises(ScenarioError, match=re.escape(says)):
        list(rows.read(path))
