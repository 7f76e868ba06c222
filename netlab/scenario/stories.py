# SPDX-License-Identifier: GPL-2.0-or-later
"""Stories: scenarios written in Python, for what the language of steps cannot express.

A story is a function below a folder called ``scenarios``, marked with `story`::

    @story(source="my own curiosity", cause="nobody sends anything")
    def nobody_says_anything(lab: Lab) -> None:
        \"\"\"Both ends are content.\"\"\"
        lab.server.listen()
        lab.client.connect()
        lab.expect(State.ESTABLISHED, State.ESTABLISHED, hold=1.0)

Its name is the function's, with hyphens. The one `lab.expect` with a ``hold`` is the pair that it
proves; the last `lab.expect` after it is what the pair heals into. Files are read here and not
imported, so that listing them runs no user code and takes only milliseconds.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from netlab.model import outside
from netlab.model.tcp import State
from netlab.model.text import UNPRINTABLE, printable
from netlab.model.vocabulary import ExpectedPair
from netlab.scenario.document import Document
from netlab.scenario.model import Code, Expectation, Healing, Scenario

Function = TypeVar("Function", bound=Callable[..., None])

MARK = "story"
PLAYED = "netlab_story"  # an attribute: pytest must not play it as a test of its own
SUFFIX = ".py"
GIVEN = "lab"  # the parameter of a story


def story(
    *, source: str, cause: str = "", needs: tuple[str, ...] = (), slow: bool = False
) -> Callable[[Function], Function]:
    """Mark a function as a story.

    `source`: where the case is described. `cause`: why nothing can be removed that would heal it,
    if so. `needs`: as in a scenario file. `slow`: it takes a minute or more. All of them must be
    literals, because they are read without running anything.
    """

    def marked(function: Function) -> Function:
        setattr(function, PLAYED, True)
        return function

    return marked


def has_stories(path: Path, begin: Callable[[Path], str] = outside.glance) -> bool:
    """True if a file is Python and contains the mark. A cheap check: `read` looks closely.

    `begin` gives the beginning of the file: `outside.beginning` where one that cannot be read must
    not be missed, and raises as that does.
    """
    return path.suffix == SUFFIX and f"@{MARK}(" in begin(path)


def read(path: Path) -> list[Scenario]:
    """The stories of a file, in order; none if it is other Python.

    Raises `ScenarioError` if one lacks something that a story must have.
    """
    return list(_File(Document.open(path)).stories())


def statement(code: Code, line: int) -> str:
    """The statement that contains a line, joined into one line; of a loop, its head."""
    found = ""
    for node in ast.walk(_tree(code.text)):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0):
            found = ast.get_source_segment(code.text, node) or ""  # an inner one comes later
            if hasattr(node, "body"):
                found = found.splitlines()[0]
    return " ".join(found.split())


def claim(code: Code, line: int) -> str:
    """The condition of the assertion that contains a line, without its message."""
    for node in ast.walk(_tree(code.text)):
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or 0):
            return " ".join((ast.get_source_segment(code.text, node.test) or "").split())
    return statement(code, line)


def call(code: Code, line: int, method: str) -> str:
    """The call of a method on a line, as written: ``send("hello")``."""
    for node in ast.walk(_tree(code.text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr == method and node.lineno <= line <= (node.end_lineno or 0):
            whole = ast.get_source_segment(code.text, node) or ""
            whom = ast.get_source_segment(code.text, node.func) or ""
            return " ".join(f"{method}{whole.removeprefix(whom)}".split())
    return method


@functools.cache
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


class _File:
    """One file of Python, read for its stories."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._fail = document.fail
        self._text = document.text

    def stories(self) -> Iterator[Scenario]:
        if f"@{MARK}(" not in self._text:
            return
        for number, line in enumerate(self._text.splitlines(), 1):
            if bad := UNPRINTABLE.search(line):
                what = printable(bad[0])
                self._fail(f"the control character {what} cannot stand in a story", number)
        try:
            tree = ast.parse(self._text)
        except SyntaxError as error:
            self._fail(f"is not Python: {error.msg}", error.lineno)
        except ValueError as error:  # a null byte
            self._fail(f"is not Python: {error}", None)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and _name(mark.func) == MARK:
                        yield self._story(node, mark)

    def _story(self, node: ast.FunctionDef, mark: ast.Call) -> Scenario:
        path, name = self._document.path, node.name.strip("_").replace("_", "-")
        if "-" not in name:
            self._fail(f"{node.name}: a story's name has at least two words", node.lineno)
        said = self._said(mark)
        told = ast.get_docstring(node)
        if not told:
            self._fail(f"{node.name} has no docstring: what does it tell?", node.lineno)
        self._expect_lab(node)
        held, healed = self._expectations(node)
        if healed is None and not said.get("cause"):
            self._fail(
                f"{node.name} needs a second lab.expect (the pair after the fault is removed), or "
                "'cause' in its mark (why there is nothing to remove)", held.lineno
            )  # fmt: skip
        return Scenario(
            name=name,
            path=path,
            story=printable(told),
            source=printable(said["source"]),
            steps=(),
            expect=Expectation(
                held.lineno,
                self._claim(held),
                hold=_seconds(held),
                cause=printable(said.get("cause", "")),
                healed=None if healed is None else Healing(self._claim(healed)),
            ),
            slow=said.get("slow", False),
            needs=(*self._needed(node), *said.get("needs", ())),
            code=Code(node.name, self._text, node.lineno, node.end_lineno or node.lineno),
        )

    def _said(self, mark: ast.Call) -> dict[str, Any]:
        """The arguments of the mark."""
        kinds: dict[str, tuple[type, str]] = {
            "source": (str, "a text"),
            "cause": (str, "a text"),
            "needs": (tuple, "a tuple of texts"),
            "slow": (bool, "True or False"),
        }
        said: dict[str, Any] = {}
        for each in mark.keywords:
            if each.arg not in kinds:
                self._fail(f"@{MARK} takes {', '.join(kinds)}; found {each.arg}", mark.lineno)
            kind, what = kinds[each.arg]
            try:
                value = ast.literal_eval(each.value)
            except ValueError:
                value = None
            if not isinstance(value, kind):
                found = ast.unparse(each.value)
                problem = f"@{MARK}: {each.arg} is {what}, written out; found {found}"
                self._fail(problem, each.value.lineno)
            said[each.arg] = value
        if mark.args or not said.get("source"):
            problem = f'@{MARK} lacks where the case is described: @{MARK}(source="...")'
            self._fail(problem, mark.lineno)
        return said

    def _expect_lab(self, node: ast.FunctionDef) -> None:
        if [each.arg for each in node.args.args] != [GIVEN]:
            found = ", ".join(each.arg for each in node.args.args) or "nothing"
            self._fail(f"{node.name} takes lab; found {found}", node.lineno)

    def _needed(self, node: ast.FunctionDef) -> tuple[str, ...]:
        """What its hops need, where it has some."""
        calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
        lays = any(isinstance(each, ast.Attribute) and each.attr == "path" for each in calls)
        return ("path:tracking",) if lays else ()

    def _expectations(self, node: ast.FunctionDef) -> tuple[ast.Call, ast.Call | None]:
        """The call that proves the pair, and the last one after it, which is the healing."""
        calls = [
            each
            for each in ast.walk(node)
            if isinstance(each, ast.Call)
            and isinstance(each.func, ast.Attribute)
            and (each.func.attr, _name(each.func.value)) == ("expect", GIVEN)
        ]
        calls.sort(key=lambda call: call.lineno)
        proofs = [call for call in calls if _holds(call)]
        if len(proofs) != 1:
            line = proofs[1].lineno if proofs else node.lineno
            found = f"found {len(proofs)}" if proofs else "found none"
            self._fail(f"{node.name} proves one pair: one lab.expect(..., hold=1.0); {found}", line)
        behind = [call for call in calls if call.lineno > proofs[0].lineno]
        return proofs[0], behind[-1] if behind else None

    def _claim(self, call: ast.Call) -> ExpectedPair:
        said: dict[str, ast.expr] = dict(zip(("client", "server"), call.args, strict=False))
        said |= {each.arg: each.value for each in call.keywords if each.arg}
        if not {"client", "server"} <= said.keys():
            self._unclear(call)
        return ExpectedPair(self._states(said["client"], call), self._states(said["server"], call))

    def _states(self, node: ast.expr, call: ast.Call) -> tuple[State, ...]:
        if isinstance(node, ast.Tuple | ast.List) and node.elts:
            return tuple(state for each in node.elts for state in self._states(each, call))
        if isinstance(node, ast.Attribute) and node.attr in State.__members__:
            return (State[node.attr],)
        self._unclear(call)

    def _unclear(self, call: ast.Call) -> NoReturn:
        found = ast.unparse(call)
        problem = f"expected lab.expect(State.X, State.Y, ...), written out; found {found}"
        self._fail(problem, call.lineno)


def _holds(call: ast.Call) -> bool:
    return len(call.args) > 2 or any(each.arg == "hold" for each in call.keywords)


def _seconds(call: ast.Call) -> float:
    """The hold as written; 0 if it is computed."""
    given = next((each.value for each in call.keywords if each.arg == "hold"), None)
    value = getattr(given or call.args[2], "value", 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def _name(node: ast.expr) -> str:
    """The last word of ``story`` and of ``netlab.story``."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
