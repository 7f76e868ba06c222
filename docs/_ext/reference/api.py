# SPDX-License-Identifier: GPL-2.0-or-later
"""The Python API: what `netlab` exports, by its docstrings, and what its pytest plugin brings."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from docutils import nodes

import netlab
from netlab import pytest_plugin
from reference.markdown import code, contents, fenced, page, plain, sentence, table

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HEAD = """\
All of this is imported from `netlab`. Times are in seconds, sizes in bytes."""
ANNOTATED = re.compile(r"~?typ\w+\.Annotated\[([^,]+), <[^>]*>(?:, '[^']*')*\]")
FIXTURES = """\
Installed beside pytest, netlab is a plugin: these fixtures need no import, and scenarios below a
folder called `scenarios` are tests."""


def pages() -> dict[str, str]:
    """A page for each class, one each for functions, errors, constants and pytest."""
    kinds: dict[str, list[str]] = {"class": [], "function": [], "error": [], "constant": []}
    for name in netlab.__all__:
        kinds[_kind(getattr(netlab, name))].append(name)
    listed = ["functions", *kinds["class"], "errors", "constants", "pytest"]
    return {
        "python.md": page("# Python", HEAD, contents([f"python/{each}" for each in listed])),
        **{
            f"python/{name}.md": page(f"# {name}", _documented("class", name))
            for name in kinds["class"]
        },
        "python/functions.md": _together("Functions", "function", kinds["function"]),
        "python/errors.md": _together("Errors", "exception", kinds["error"]),
        "python/constants.md": _together("Constants", "data", kinds["constant"]),
        "python/pytest.md": _pytest(),
    }


def _kind(exported: object) -> str:
    if inspect.isclass(exported):
        return "error" if issubclass(exported, Exception) else "class"
    return "function" if inspect.isfunction(exported) else "constant"


def _together(title: str, kind: str, names: Sequence[str]) -> str:
    return page(f"# {title}", *(_documented(kind, name) for name in names))


def _documented(kind: str, name: str) -> str:
    lines = [f".. auto{kind}:: netlab.{name}"]
    if kind == "class":
        lines.append("   :members:")
        if getattr(netlab, name).__bases__ != (object,):
            lines.append("   :show-inheritance:")
    return fenced("\n".join(lines), "{eval-rst}")


def unannotated(
    app: Sphinx, what: str, name: str, documented: object, options: object, *said: str | None
) -> tuple[str | None, ...]:
    """A signature without the functions that read its arguments: Python shows where each lies."""
    return tuple(text and ANNOTATED.sub(r"\1", text) for text in said)


def public(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Node | None:
    """A reference to a class by its home, or by its bare name, leads to the name in `netlab`."""
    name = str(node.get("reftarget", "")).rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in netlab.__all__:
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(
        env, node["refdoc"], app.builder, "obj", f"netlab.{name}", node, content
    )


# --- pytest


class PluginOptions(list[tuple[str, str]]):
    """Stands where pytest's parser does, and keeps each option and setting with what it does."""

    def getgroup(self, *_: object) -> PluginOptions:
        """The group is this list, too."""
        return self

    def addoption(self, *names: str, help: str = "", **_: Any) -> None:
        """Keep an option."""
        self.append((", ".join(names), help))

    def addini(self, name: str, help: str, **_: Any) -> None:
        """Keep a setting."""
        self.append((name, help))


def _pytest() -> str:
    options = PluginOptions()
    pytest_plugin.pytest_addoption(options)  # type: ignore[arg-type]
    rows = [(code(name), plain(help)) for name, help in options]
    return page(
        "# pytest",
        FIXTURES,
        *(f"({name}-fixture)=\n## {name}\n\n{told}" for name, told in fixtures()),
        "## Options and settings",
        table(("name", "what it does"), rows),
    )


def fixtures() -> Iterator[tuple[str, str]]:
    """The fixtures of the plugin, and what they say."""
    for node in ast.parse(inspect.getsource(pytest_plugin)).body:
        if isinstance(node, ast.FunctionDef) and "pytest.fixture" in map(
            ast.unparse, node.decorator_list
        ):
            yield node.name, " ".join(sentence(ast.get_docstring(node) or "").split())
