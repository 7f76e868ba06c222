# SPDX-License-Identifier: GPL-2.0-or-later
"""Where there is nothing but ASCII, every picture can still be read, and JSON loses nothing."""

from __future__ import annotations

import ast
import io
import itertools
import json
from pathlib import Path

import pytest

import netlab
from netlab.render import fsm, grid, letters

HOME = Path(netlab.__file__).parent


def written(text: str, encoding: str = "ascii", for_programs: bool = False) -> str:
    """What a reader gets of a text."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding)
    letters.fit(stream, for_programs)
    stream.write(text)
    stream.flush()
    return raw.getvalue().decode(stream.encoding)


def said_anywhere() -> set[str]:
    """All letters beyond ASCII in the strings of netlab's own code and of its lessons."""
    code = (ast.walk(ast.parse(path.read_text())) for path in HOME.rglob("*.py"))
    strings = (
        node.value
        for node in itertools.chain.from_iterable(code)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    texts = (path.read_text() for path in HOME.rglob("*.yaml"))
    return {letter for text in (*strings, *texts) for letter in text
            if letter.isprintable() and not letter.isascii()}  # fmt: skip


def test_every_letter_that_netlab_says_has_one_of_ascii() -> None:
    said = said_anywhere()
    assert {*"●│▶✗…"} <= said
    assert [letter for letter in said if len(letters.in_ascii(letter)) != 1] == []
    assert [letter for letter in said if letters.in_ascii(letter) == "?"] == []


@pytest.mark.parametrize(
    "signs", [[*grid.MEANINGS], [legend[0] for legend in fsm.LEGEND]], ids=["grid", "fsm"]
)
def test_signs_of_one_picture_stay_apart(signs: list[str]) -> None:
    assert len({written(sign) for sign in signs}) == len(signs)


def test_what_can_be_shown_is_left_alone() -> None:
    assert written("● → ×", "utf-8") == "● → ×"
    assert written("● → ×", "latin-1") == "# > ×"


def test_letters_of_other_people_become_what_they_come_from() -> None:
    assert written("Müller, é, █▏, ╬, \udcff, 漢") == "Muller, e, ##, +, ?, ?"


def test_json_loses_nothing() -> None:
    data = {"×": "a → b, 漢, \U0001f600, \udcff"}
    text = written(json.dumps(data, ensure_ascii=False), for_programs=True)
    assert text.isascii()
    assert json.loads(text) == data


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"LANG": "C"}, False),
        ({"LC_ALL": "C"}, True),
        ({"LC_ALL": "POSIX"}, True),
        ({"LC_ALL": "C.UTF-8"}, False),
        ({"LC_ALL": "C", "PYTHONUTF8": "1"}, False),
        ({"LC_ALL": "C", "PYTHONIOENCODING": "utf-8"}, False),
    ],
    ids=str,
)
def test_the_c_locale_is_ascii_where_somebody_asks_for_it(
    environment: dict[str, str], asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "PYTHONUTF8", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert written("→", "utf-8") == (">" if asked else "→")
