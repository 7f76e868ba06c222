# SPDX-License-Identifier: GPL-2.0-or-later
"""The house: imports run downward only, the public names are all there, and cost nothing."""

from __future__ import annotations

import ast
import graphlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import netlab
from netlab.model import errors

HOME = Path(netlab.__file__).parent
MODULES = {
    ".".join(("netlab", *path.relative_to(HOME).with_suffix("").parts)).removesuffix(".__init__"):
    path for path in sorted(HOME.rglob("*.py"))
}  # fmt: skip

#: The rooms from the ground up: each may import what is below it, and itself.
FLOORS = (
    ("model",),
    ("programs",),
    ("_version", "extras", "linux", "packets", "scheduler"),
    ("observe", "render"),
    ("snapshot",),
    ("diagnosis",),
    ("watch",),
    ("testbed",),
    ("scenario",),
    ("live",),
    ("atlas", "audit", "conformance", "report", "search", "teaching", "timers"),
    ("kernels",),
    ("glossary",),
    ("netlab",),  # the public API
    ("pytest_audit",),
    ("cli", "pytest_plugin"),
    ("__main__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
#: Modules and rooms that may import less than what is below them.
NARROWER = {
    "netlab.render": {"model", "packets"},  # evidence to pictures, without a kernel
    "netlab.snapshot": {"linux", "model", "scheduler"},  # it runs on any host, and so does the next
    "netlab.diagnosis": {"model", "snapshot"},
    "netlab.watch": {"diagnosis", "model", "scheduler", "snapshot"},
}
HEAVY = {
    "pyroute2",
    "scapy",
    "rich",
    "cattrs",
    "textual",
    "jinja2",
    "prometheus_client",
}  # 0.05 to 0.5 s each


def room(module: str) -> str:
    """The folder or file right below netlab that a module is in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


@cache
def tree(module: str) -> ast.Module:
    """What a module says, parsed."""
    return ast.parse(MODULES[module].read_text())


@cache
def imports(module: str) -> tuple[str, ...]:
    """The modules of netlab that one imports anywhere: in functions and for types too."""
    return tuple(_imports(tree(module)))


def _imports(parsed: ast.Module) -> Iterator[str]:
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "netlab")
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "netlab":
            inner = {f"{node.module}.{name.name}" for name in node.names}
            yield from inner & MODULES.keys()
            if inner - MODULES.keys():
                yield str(node.module)


def test_the_house_is_read_whole() -> None:
    assert {"netlab", "netlab.cli.commands.run", "netlab.model.vocabulary"} <= MODULES.keys()
    assert "netlab.model.evidence" in imports("netlab.model.errors")  # for types only
    assert "netlab.testbed.lab" in imports("netlab.cli.commands.doctor")  # in a function
    assert "netlab.model.evidence" in imports("netlab.scenario.runner")


def test_imports_run_downward_only() -> None:
    upward = [
        f"{module} imports {imported}"
        for module in MODULES
        for imported in imports(module)
        if room(imported) != room(module) and FLOOR[room(imported)] >= FLOOR[room(module)]
    ]
    assert upward == []


def test_some_rooms_import_less_than_they_might() -> None:
    there = {
        narrow for narrow in NARROWER for module in MODULES if f"{module}.".startswith(f"{narrow}.")
    }
    assert there == {*NARROWER}
    broader = [
        f"{module} imports {imported}"
        for narrow, allowed in NARROWER.items()
        for module in MODULES
        if f"{module}.".startswith(f"{narrow}.")
        for imported in imports(module)
        if room(imported) not in {room(module), *allowed}
    ]
    assert broader == []


def test_no_two_modules_need_each_other() -> None:
    graphlib.TopologicalSorter({module: set(imports(module)) for module in MODULES}).prepare()


def test_no_command_imports_another() -> None:
    """What two of them need is in `netlab.cli.shared`."""
    commands = [module for module in MODULES if module.startswith("netlab.cli.commands.")]
    assert len(commands) > 10
    needed = {module: {*imports(module)} & {*commands} - {module} for module in commands}
    assert {module: others for module, others in needed.items() if others} == {}


def test_no_class_name_means_two_things() -> None:
    homes: dict[str, list[str]] = {}
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module)
    assert homes["Lab"] == ["netlab.testbed.lab"]
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


def test_imports_are_written_in_full() -> None:
    short = [
        f"{module}: line {node.lineno}"
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert short == []


# --- the public API


def test_every_public_name_can_be_imported() -> None:
    names: dict[str, object] = {}
    exec("from netlab import *", names)
    assert {*netlab.__all__} <= names.keys()


def test_public_names_are_listed_to_those_who_look() -> None:
    assert {*netlab.__all__, "__version__"} <= {*dir(netlab)}


def test_what_type_checkers_see_is_what_there_is() -> None:
    guarded = [node for node in tree("netlab").body if isinstance(node, ast.If)]
    seen = {name.name for guard in guarded for node in guard.body
            if isinstance(node, ast.ImportFrom) for name in node.names}  # fmt: skip
    assert seen == {*netlab.__all__}


def test_every_exception_is_public() -> None:
    own = [name for name, kind in vars(errors).items()
           if inspect.isclass(kind) and issubclass(kind, errors.NetlabError)]  # fmt: skip
    assert {*own} <= {*netlab.__all__}


def test_public_names_are_sorted_constants_first_then_classes_then_functions() -> None:
    def order(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    assert netlab.__all__ == sorted(set(netlab.__all__), key=order)


def test_a_name_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(AttributeError, match="module 'netlab' has no attribute 'Banana'"):
        _ = netlab.Banana


@pytest.mark.parametrize(
    "module", ["netlab", "netlab.cli", "netlab.pytest_plugin", "netlab.scenario.catalogue"]
)
def test_importing_what_everybody_imports_is_cheap(module: str) -> None:
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert module.split(".", maxsplit=1)[0] in loaded.stdout.split()
    assert not HEAVY & {*loaded.stdout.split()}
