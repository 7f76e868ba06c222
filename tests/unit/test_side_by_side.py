# SPDX-License-Identifier: GPL-2.0-or-later
"""How this suite is shared out: who is alone is alone, and what belongs together stays together."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

HOME = Path(__file__).parents[2]
CONFTEST, PROGRAMS = HOME / "tests" / "conftest.py", HOME / "tests" / "programs.py"
TESTS = """
import os, select
import pytest

def told(word, number):
    with open("told", "a") as file:
        file.write(f"{word} {number} {os.getpid()}\\n")

@pytest.mark.apart
def test_of_another_machine():
    for _ in range(300):
        if os.path.exists("told") and "begins 4 " in open("told").read():
            return
        select.select([], [], [], 0.1)
    pytest.fail("a test that is alone has waited for this one")

NUMBERS = [
    pytest.param(number, marks=[pytest.mark.alone] if number % 5 == 4 else [])
    for number in range(15)
]

@pytest.mark.parametrize("number", NUMBERS)
def test_it(number):
    told("begins", number)
    select.select([], [], [], 0.1)
    told("ends", number)

@pytest.mark.parametrize("number", range(20, 26))
def test_together(number):
    told("begins", number)
    told("ends", number)
"""


def played(pytester: pytest.Pytester, conftest: str) -> list[tuple[str, int, int]]:
    """What tests told, in its order: that they begin or end, their number, their process."""
    pytester.makeconftest(conftest.replace("from . import programs", "import programs"))
    pytester.makepyfile(programs=PROGRAMS.read_text())
    pytester.makepyfile(test_some=TESTS)
    quiet = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-W", "ignore")
    pytester.runpytest_subprocess("-n", "3", *quiet).assert_outcomes(passed=22)
    lines = (pytester.path / "told").read_text().splitlines()
    return [(word, int(number), int(process)) for word, number, process in map(str.split, lines)]


def test_who_is_alone_has_nobody_beside(pytester: pytest.Pytester) -> None:
    found = played(pytester, CONFTEST.read_text())
    alone = [
        at for at, (word, number, _) in enumerate(found) if word == "begins" and alone_is(number)
    ]
    assert len(alone) == 3
    assert all(found[at + 1][:2] == ("ends", found[at][1]) for at in alone), found
    assert any(word == found[at + 1][0] for at, (word, _, _) in enumerate(found[:-1])), (
        "no two tests ran side by side: this could not fail"
    )


def alone_is(number: int) -> bool:
    return number < 15 and number % 5 == 4


def test_a_group_is_played_by_one_worker(pytester: pytest.Pytester) -> None:
    text = re.sub(
        r"(?m)^(GROUPS: .* = {)$",
        r'\1"a group": ("test_some.py::test_together",),',
        CONFTEST.read_text(),
    )
    found = played(pytester, text)
    assert len({process for _, number, process in found if number >= 20}) == 1
    assert len({process for _, number, process in found if number < 20}) > 1


def test_every_name_of_a_group_is_one_of_tests() -> None:
    names = re.findall(r'^ +"(tests/\S+)",', CONFTEST.read_text(), re.MULTILINE)
    assert len(names) > 10
    for name in names:
        file, _, function = name.partition("::")
        assert (HOME / file).is_dir() or f"def {function}" in (HOME / file).read_text(), name


def test_who_is_alone_comes_last() -> None:
    """Of tests that are marked, and of those alone."""
    (listed,) = re.findall(r"^ALONE = \((.*?)^\)", CONFTEST.read_text(), re.MULTILINE | re.DOTALL)
    last = tuple(re.findall(r'"(\S+)"', listed))
    for path in sorted((HOME / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                marks = [ast.unparse(mark) for mark in node.decorator_list]
                name = f"{path.relative_to(HOME)}::{node.name}"
                assert name.startswith(last) == ("pytest.mark.alone" in marks), name
