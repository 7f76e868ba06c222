# SPDX-License-Identifier: GPL-2.0-or-later
"""What a public docstring must say: the errors that are raised on purpose, the unit of a time."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import netlab

HOUSE = Path(netlab.__file__).parent
UNIT = re.compile(
    r"second|\bs\b|\bms\b|millisecond|microsecond|percent|0 to 1|MiB|columns|clock|points|ratio",
    re.IGNORECASE,
)
#: What Python itself asks for, and what is no error.
UNTOLD = {"AttributeError", "NotImplementedError", "StopIteration", "SystemExit"}


def public(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    """Functions, and methods of classes, without an underscore; and what their class says."""

    def of(body: list[ast.stmt], about: str) -> Iterator[tuple[ast.FunctionDef, str]]:
        for node in body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield node, about
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from of(node.body, ast.get_docstring(node) or "")

    yield from of(tree.body, "")


def raised(function: ast.FunctionDef) -> Iterator[str]:
    """The classes of exceptions that a function itself raises."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = ast.unparse(error).rpartition(".")[2]
            if name[:1].isupper():
                yield name
        waiting += ast.iter_child_nodes(node)


def lacking(source: str) -> Iterator[str]:
    """What the docstrings of a module do not say."""
    for function, about in public(ast.parse(source)):
        said = ast.get_docstring(function) or ""
        for name in sorted({*raised(function)} - UNTOLD):
            if "Raises" not in said and "raises" not in said and name not in said:
                yield f"{function.name} raises {name}"
        times = [
            argument.arg
            for argument in (*function.args.args, *function.args.kwonlyargs)
            if argument.annotation is not None and "float" in ast.unparse(argument.annotation)
        ]
        if function.returns is not None and ast.unparse(function.returns) == "float":
            times.append("what it returns")
        if times and not UNIT.search(said + about):
            yield f"{function.name}: no unit of {', '.join(times)}"


def test_public_docstrings_say_errors_and_units() -> None:
    modules = {path: path.read_text() for path in sorted(HOUSE.rglob("*.py"))}
    assert len(modules) > 100
    found = [
        f"{path.relative_to(HOUSE)}: {what}"
        for path, source in modules.items()
        for what in lacking(source)
    ]
    assert found == []


def test_what_is_not_said_is_seen() -> None:
    source = (
        "def wait(patience: float) -> None:\n    'Wait.'\n    raise LabError('no')\n"
        "def good(patience: float) -> None:\n    'Wait `patience` seconds. Raises `LabError`.'\n"
        "    raise LabError('no')\n"
        "def _own(patience: float) -> None:\n    raise LabError('no')\n"
        "class Clock:\n    'Seconds.'\n    def at(self) -> float:\n        'Now.'\n"
    )
    assert [*lacking(source)] == ["wait raises LabError", "wait: no unit of patience"]
