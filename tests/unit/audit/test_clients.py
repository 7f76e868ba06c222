# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists of clients: what is read of one, the cells that are kept of it, and their page."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netlab.audit import clients, many
from netlab.audit.clients import DEFAULTS, RECOMMENDED, StockClient
from netlab.audit.plan import AuditPlan
from netlab.model.auditing import AuditCell, AuditPlay, ClientCell, Judgement, Word
from netlab.model.errors import ScenarioError
from netlab.render import clients_page

PLAN = AuditPlan((), cap=5.0)
LIST = """
recommended: --careful
where: /opt/x.jar
servers:
  echo: {command: "{python} echo.py {port} {folder}", env: {KEY: "{folder}/key"}}
  big: {command: sh big.sh, slow: it takes a minute}
clients:
  - {name: a, command: "java -cp {where} A", talks: http, from: {debian: x}, version: a -V}
  - {name: b, command: "{built}/b", build: "cc -o {built}/b b.c", talks: gopher, server: echo}
  - {name: c, command: sh c.sh, talks: gopher, server: big}
  - {name: d, command: sh d.sh, talks: gopher, lacks: nobody has one}
"""


def loaded(folder: Path, text: str = LIST) -> list[StockClient]:
    file = folder / "clients.yaml"
    file.write_text(text)
    return clients.load(file, PLAN, Path("/built"))


def test_every_client_is_read_in_both_ways(tmp_path: Path) -> None:
    a, careful, b, *_ = loaded(tmp_path)
    assert (a.name, a.way, a.source) == ("a", DEFAULTS, "Debian x")
    assert a.plan.command == ("java", "-cp", "/opt/x.jar", "A")
    assert (careful.name, careful.way) == ("a", RECOMMENDED)
    assert careful.plan.command[-2:] == ("A", "--careful")
    assert careful.plan.listed[2:] == ("--way", RECOMMENDED, "a")
    assert b.build == ("cc", "-o", "/built/b", "b.c")
    assert b.plan.server == f"{sys.executable} echo.py '{{port}}' '{{folder}}'"
    assert b.plan.told == (("KEY", "{folder}/key"),)
    assert b.plan.folder == str(tmp_path)


def test_who_cannot_be_played_says_why(tmp_path: Path) -> None:
    why = {each.name: each.lacks for each in loaded(tmp_path)}
    assert why == {
        "a": "", "b": "", "c": "big is started in no lab: it takes a minute", "d": "nobody has one",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "this is no YAML"),
        ("- a", "expected 'clients:'"),
        ("clients: [{name: a, comand: b}]", "no key 'comand': did you mean command?"),
        ("clients: [{name: a, talks: http}]", "client 1: expected a text for 'command'"),
        ("clients: [{name: a, command: x, talks: gopher}]", "it needs one of the servers (none)"),
        ('clients: [{name: a, command: "\'", talks: http}]', "a: command: no closing quotation"),
        ("clients: [3]", "client 1: expected KEY: VALUE ...; found 3"),
        (
            "clients: [{name: a, command: x, talks: http}, {name: a, command: x, talks: http}]",
            "two clients are called 'a'",
        ),
    ],
)
def test_a_mistake_is_told_with_the_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        loaded(tmp_path, text)
    assert says in str(caught.value)
    assert "clients.yaml" in str(caught.value)


def test_a_client_is_chosen_by_name_and_way(tmp_path: Path) -> None:
    listed = loaded(tmp_path)
    assert [each.name for each in clients.chosen(listed, ["[ab]"], DEFAULTS)] == ["a", "b"]
    assert len(clients.chosen(listed, [], "")) == 8
    with pytest.raises(ScenarioError, match=r"no client is called 'z': there are a, b"):
        clients.chosen(listed, ["z"], "")


CELL = ClientCell("a", DEFAULTS, "1.2", "http", "Debian x", "refused", "error", "why", cap=5.0)


def test_cells_are_kept_a_line_each_and_a_torn_one_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "cells"
    assert many.read(file) == []
    file.write_text(f"{many.line(CELL)}\n{many.line(CELL)[:20]}")
    assert many.read(file) == [CELL]
    older = json.loads(many.line(CELL))
    del older["times"]
    file.write_text(json.dumps(older))
    assert many.read(file) == [CELL]
    file.write_text("something else\n")
    with pytest.raises(ScenarioError, match="has no cells of an audit"):
        many.read(file)


@pytest.mark.parametrize(
    ("word", "disturbed", "sure"),
    [("error", 0.9, True), ("error", 1.1, False), ("fine", 9.0, True), ("hangs", 4.0, True),
     ("hangs", 6.0, False), ("late", 1.1, False)],
)  # fmt: skip
def test_a_busy_machine_makes_no_verdict(word: Word, disturbed: float, sure: bool) -> None:
    play = AuditPlay("refused", 20.0, disturbed=disturbed)
    seen = AuditCell("refused", "", play, (Judgement(word, ""),))
    assert many.is_sure(seen, cap=20.0) == sure


def cell(word: str, why: str = "", sound: bool = False, **rest: Any) -> ClientCell:
    return replace(CELL, word=word, why=why, sound=sound, **rest)


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (cell("fine", sound=True), "fine"),
        (cell("error", sound=True, after=0.2), "error"),
        (cell("error", sound=True, after=5.2), "error 5 s"),
        (cell("late", after=12.3), "**late** 12 s"),
        (cell("hangs", "for ever: ..."), "**hangs** ∞"),
        (cell("hangs", "until ...", until=938.7), "**hangs** 939 s"),
        (cell("hangs", "until ...", until=938.7, wakes=True), "**hangs** 939 s\\*"),
        (cell("hangs", "for ever: ...", wakes=True), "**hangs** ∞\\*"),
        (cell("hangs", "it tries again and again: 9"), "**hangs** ↻"),
        (cell("error", sound=True, after=5.2, times=3), "error 5 s ×3"),
        (cell("sent twice"), "**sent twice**"),
        (cell("not reached", sound=True), "–"),
        (cell("not played"), "?"),
    ],
)
def test_a_verdict_is_a_word_or_two(one: ClientCell, shown: str) -> None:
    page = clients_page.page([one], {"refused": "nobody listens"}, "6.18", 20, 15, "netlab")
    assert f"| refused | {shown} |" in page


def test_the_page_has_who_was_not_played_and_both_ways() -> None:
    never = cell("hangs", "for ever: ...")
    cells = [
        never,
        replace(never, way=RECOMMENDED, word="error", sound=True),
        replace(
            CELL, client="z", version="", fault="", word="not played", why="no <broker> | here"
        ),
    ]
    page = clients_page.page(cells, {"refused": "nobody listens"}, "6.18", 20, 15, "netlab audit")
    assert "# What 1 stock clients do" in page
    assert "| **a** | 1.2 | Debian x | 1 (1 ∞) |  |  |  |" in page
    assert "| refused | nobody listens | 1 (1 ∞) |  |" in page
    assert "## As their documentation recommends" in page
    assert "- z: no &lt;broker> \\| here" in page
    assert [*clients_page.lines(cells)] == [
        "a 1.2                     1 hangs (1 for ever)",
        "a 1.2 (recommended)       1 error",
        "z                         not played: no <broker> | here",
    ]
