# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests in ``examples/``, as somebody plays them who is not root (root plays them as they are:
they are among pytest's ``testpaths``); and the examples in docstrings.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import netlab
from netlab.scenario import catalogue, counterfactual, runner

from .somebody import Somebody

EXAMPLES = Path(__file__).parents[2] / "examples"
SCENARIOS = [*EXAMPLES.glob("scenarios/*.yaml")]
NEEDS = pytest.mark.needs("curl", "nginx", "redis-server", "haproxy", "initdb", "chromium")
LINES = 12  # at most, of a test


def written() -> Iterator[ast.FunctionDef]:
    for file in EXAMPLES.glob("test_*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield node


@NEEDS
@pytest.mark.parametrize("family", [(), ("--netlab-ipv6",)], ids=["IPv4", "IPv6"])
def test_they_pass_without_root(somebody: Somebody, family: tuple[str, ...]) -> None:
    folder = somebody.home / "examples"
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    allowed = ("-o", "netlab_programs=true")
    done = somebody.run(*somebody.pytest, *allowed, *family, str(folder))
    assert done.returncode == 0, done.stdout
    assert f"{len([*written()]) + len(SCENARIOS)} passed" in done.stdout


@NEEDS
def test_each_fault_of_the_scenarios_is_their_cause() -> None:
    scenarios = catalogue.everything(EXAMPLES / "scenarios")
    runs = [run for _, run in counterfactual.play_all(scenarios, runner.Options())]
    assert {run.scenario: run.failure or run.reason for run in runs if run.outcome != "pass"} == {}
    assert len(runs) == len(SCENARIOS)


def test_they_are_short_and_need_no_conftest() -> None:
    assert not [*EXAMPLES.rglob("conftest.py")]
    long = {each.name for each in written() if _lines(each) > LINES}
    assert long == set()


def _lines(test: ast.FunctionDef) -> int:
    assert test.end_lineno
    return test.end_lineno - test.body[0].lineno + 1


# --- in docstrings

HOUSE = Path(netlab.__file__).parent
MODULES = [
    ".".join(file.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__")
    for file in sorted(HOUSE.rglob("*.py"))
    if ">>> " in file.read_text()
]


@pytest.mark.parametrize("module", MODULES)
def test_an_example_in_a_docstring_is_what_python_prints(module: str) -> None:
    failed, played = doctest.testmod(importlib.import_module(module))
    assert (failed, played > 0) == (0, True)


def test_the_package_has_one() -> None:
    assert "netlab" in MODULES
