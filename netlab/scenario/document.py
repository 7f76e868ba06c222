# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario file as a document: YAML nodes, read by the tables of `language`.

YAML is read only as far as its nodes: they know their lines, keep duplicate keys, and leave ``on``
a word and ``10:30`` a string. Every error names file, line, what was expected and what was found.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, NoReturn

import yaml

from netlab.model import outside
from netlab.model.errors import ScenarioError
from netlab.model.text import UNPRINTABLE, printable
from netlab.scenario.kinds import Kind
from netlab.scenario.shapes import Either, Hops, ListOf, MapOf, Steps, Struct, Takes

#: A scenario is a page long; anything larger is something else.
LARGEST = 64 * outside.KIB
#: libyaml composes recursively, and a file of brackets must not overflow its stack.
DEEPEST = 20
TOO_DEEP = "is nested too deeply: this is not a scenario"

_IN_C = hasattr(yaml, "CSafeLoader")  # libyaml: ten times as fast, and counts bytes
_Loader: Any = yaml.CSafeLoader if _IN_C else yaml.SafeLoader
LONGEST_QUOTE = 60


class Said(dict[str, Any]):
    """The content of a mapping, by Python names, and the line of each key.

    For a table, keys are Python names and `lines` uses the words of the file; for a mapping with
    free keys, `lines` uses the values that the keys were read as.
    """

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}  # of each key, as it is written
        self.remarks: dict[str, str] = {}  # comments at the ends of those lines


class Document:
    """One file: its text, its nodes, and the errors found in them."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.text = self._text = text
        self._lines = [printable(line) for line in text.splitlines()]  # their comments are shown

    @classmethod
    def open(cls, path: Path) -> Document:
        """Read a file. Raises `ScenarioError` if it is not text, or too large for a scenario."""
        try:
            return cls(path, outside.text(path, LARGEST, "a scenario"))
        except ScenarioError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise ScenarioError(
                    "no such file. 'netlab list' shows the scenarios", path
                ) from None
            raise

    def fail(self, problem: str, line: int | None) -> NoReturn:
        """Raise `ScenarioError` for a line. (YAML may report a line after the last one.)"""
        within = None if line is None else max(1, min(line, len(self._lines)))
        raise ScenarioError(problem, self.path, within)

    def root(self) -> yaml.Node:
        """The document's root node. Raises `ScenarioError` if the file is not YAML."""
        try:
            self._check_shape()
            node: yaml.Node | None = yaml.compose(self._text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if "nesting depth" in (error.problem or ""):  # libyaml counts since 0.2.6, up to 1000
                self.fail(TOO_DEEP, None if mark is None else mark.line + 1)
            if (
                error.problem == "found unexpected end of stream"
            ):  # an open quote: blame where it began
                mark = error.context_mark or mark
            problem = f"is not YAML: {error.problem} (here, or in a line before)"
            if "nesting" in (error.problem or ""):  # libyaml 0.2.6 has its own limit
                problem = TOO_DEEP
            self.fail(problem, None if mark is None else mark.line + 1)
        except yaml.YAMLError as error:
            where = getattr(error, "position", 0)
            before = self._text.encode()[:where] if _IN_C else self._text[:where].encode()
            problem = f"is not YAML: {getattr(error, 'reason', error)}"
            self.fail(problem, before.count(b"\n") + 1)
        except ValueError as error:  # half a surrogate pair
            self.fail(f"is not YAML: {error}", None)
        if node is None:
            self.fail("is empty: expected a mapping with source, steps and expect", 1)
        return node

    def _check_shape(self) -> None:
        depth = 0
        for event in yaml.parse(self._text, Loader=_Loader):
            line = 0 if event.start_mark is None else event.start_mark.line + 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.ScalarEvent) and (bad := UNPRINTABLE.search(event.value)):
                what = printable(bad[0])
                self.fail(
                    f"the control character {what} cannot stand in a text: leave it out", line
                )
            elif isinstance(event, yaml.AliasEvent):
                self.fail("aliases (*name) are not used in scenarios: say it again", line)
            if depth > DEEPEST:
                self.fail(TOO_DEEP, line)

    # --- comments

    def story(self) -> str:
        """The comment at the top."""
        lines = []
        for line in self._lines:
            if not line.startswith("#"):
                break
            lines.append(line.lstrip("#").strip())
        return "\n".join(lines).strip()

    def about(self, node: yaml.Node) -> tuple[int, str]:
        """A step's line and its comments, both above it and at line ends."""
        first = node.start_mark.line
        above: list[str] = []
        for line in reversed(self._lines[:first]):
            if not line.lstrip().startswith("#") or line.startswith("#"):
                break
            above.insert(0, line.strip().lstrip("#").strip())
        comments = []
        for value in _values(node):
            end = _end(value)
            after = self._lines[end.line][end.column :]
            if match := re.fullmatch(r"\s+#\s?(.*)", after):
                comments.append(match[1].strip())
        return first + 1, " ".join(above + comments)

    def _remark(self, key: yaml.Node, value: yaml.Node) -> str:
        """The comment after a value, or after its key if the value spans several lines."""
        block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        mark = key.end_mark if block else value.end_mark
        match = re.fullmatch(r":?\s+#\s?(.*)", self._lines[mark.line][mark.column :])
        return match[1].strip() if match else ""

    # --- nodes, read by their tables

    def read(self, takes: Takes, node: yaml.Node, where: str) -> Any:
        """Read a node as a value, a tuple, a mapping, a `Said`, or the nodes of steps.

        Raises `ScenarioError` if the node does not fit `takes`.
        """
        match takes:
            case Kind():
                return self._scalar(takes, node, where)
            case ListOf():
                return self._list(takes, node, where)
            case MapOf():
                return self._map(takes, node, where)
            case Either():
                scalar = isinstance(node, yaml.ScalarNode)
                return self.read(takes.scalar if scalar else takes.mapping, node, where)
            case Steps() | Hops():
                if not isinstance(node, yaml.SequenceNode) or not node.value:
                    found, of = called(node), "steps" if isinstance(takes, Steps) else "hops"
                    self.fail(f"{where}: expected a list of {of}; found {found}", line_of(node))
                return list(node.value)
            case Struct():
                return self._table(takes, node, where)

    def _scalar(self, kind: Kind, node: yaml.Node, where: str) -> Any:
        text = _text(kind, node)
        if text is None:
            self.fail(f"{where}: expected {kind.what}; found {called(node)}", line_of(node))
        try:
            return kind.parse(text)
        except (ValueError, KeyError, OverflowError):
            correction = hint(text, kind.words)
            problem = f"{where}: expected {kind.what}; found {called(node)}{correction}"
            self.fail(problem, line_of(node))

    def _list(self, takes: ListOf, node: yaml.Node, where: str) -> tuple[Any, ...]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not nodes:
            self.fail(f"{where}: expected {takes.kind.what}; found an empty list", line_of(node))
        return tuple(self._scalar(takes.kind, each, where) for each in nodes)

    def _map(self, takes: MapOf, node: yaml.Node, where: str) -> Said:
        said = Said(line_of(node))
        for key, value in self.pairs(node, where):
            meant = self._scalar(takes.key, key, where)
            if meant in said:  # a state has several names
                problem = f"{where}: {key.value!r} names {meant} a second time. Keep one"
                self.fail(problem, line_of(key))
            said[meant] = self.read(takes.value, value, key.value)
            said.lines[str(meant)] = line_of(key)
        return said

    def pairs(self, node: yaml.Node, where: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        """The keys and values of a mapping. Each key must be a word and appear only once."""
        if not isinstance(node, yaml.MappingNode):
            found = called(node)
            self.fail(f"{where}: expected a mapping (key: value); found {found}", line_of(node))
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fail(f"{where}: expected a word as key; found {called(key)}", line_of(key))
            if key.value in lines:
                first = lines[key.value]
                problem = f"{where}: {key.value!r} appears twice, first on line {first}. Keep one"
                self.fail(problem, line_of(key))
            lines[key.value] = line_of(key)
        return list(node.value)

    def _table(self, table: Struct, node: yaml.Node, where: str) -> Said:
        said = Said(line_of(node))
        if table.short and not isinstance(node, yaml.MappingNode):
            field = table.fields[table.short]
            said[field.name or table.short] = self.read(field.takes, node, where)
        for key, value in self.pairs(node, where) if not said else ():
            if key.value not in table.fields:
                correction = hint(key.value, tuple(table.fields))
                known = ", ".join(table.fields) or "nothing"
                problem = f"{where} has no {key.value!r}{correction} It takes: {known}"
                self.fail(problem, line_of(key))
            field = table.fields[key.value]
            said.lines[key.value] = line_of(key)
            if remark := self._remark(key, value):
                said.remarks[key.value] = remark
            said[field.name or key.value] = self.read(field.takes, value, key.value)
        for word, field in table.fields.items():
            if field.required and (field.name or word) not in said:
                meaning = field.doc or _meaning(field.takes)
                self.fail(f"{where} lacks {word!r}: {meaning}", line_of(node))
        return said


def _text(kind: Kind, node: yaml.Node) -> str | None:
    """The text of a scalar, or of a list of them if the kind joins them; None: it has none."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)
    words = node.value if isinstance(node, yaml.SequenceNode) else []
    if kind.joined is None or not words or not all(isinstance(w, yaml.ScalarNode) for w in words):
        return None
    return kind.joined([word.value for word in words])


def _end(node: yaml.Node) -> yaml.Mark:
    """The end of a node. (A block's own end mark is where the next node begins.)"""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return node.end_mark


def line_of(node: yaml.Node) -> int:
    """The line on which a node begins, counted from 1."""
    return int(node.start_mark.line) + 1


def called(node: yaml.Node) -> str:
    """Describe the node that was found."""
    if isinstance(node, yaml.ScalarNode):
        text: str = node.value
        short = text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "..."
        return repr(short) if text else "nothing"
    kind = "list" if isinstance(node, yaml.SequenceNode) else "mapping"
    return f"a {kind}" if node.value else f"an empty {kind}"


def hint(found: str, words: tuple[str, ...]) -> str:
    """End an error's first sentence, with a correction if one of the words comes close."""
    squeezed = {re.sub(r"\W|_", "", word).upper(): word for word in words}
    wanted = re.sub(r"\W|_", "", found).upper()
    close = difflib.get_close_matches(wanted, squeezed, n=1, cutoff=0.6)
    return f". Did you mean {squeezed[close[0]]}?" if close else "."


def _meaning(takes: Takes) -> str:
    match takes:
        case Kind() | Struct() | MapOf():
            return takes.what
        case ListOf():
            return takes.kind.what
        case Either():
            return takes.scalar.what
        case Steps():
            return "a list of steps"
        case Hops():
            return "a list of hops"


def _values(node: yaml.Node) -> list[yaml.Node]:
    """The values of a mapping, or what is none itself."""
    return [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else [node]
