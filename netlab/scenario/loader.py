# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenario files to frozen data. Every complaint names file, line, what was expected and found.

YAML is read down to its nodes only: they know their lines, keep duplicate keys, and leave ``on``
a word and ``10:30`` a text. What they mean is in `language`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from netlab.errors import ScenarioError
from netlab.scenario import language
from netlab.scenario.language import ACTIONS, Either, Kind, ListOf, MapOf, Steps, Table, Takes
from netlab.scenario.model import (
    LAST,
    Do,
    Drop,
    Ending,
    Expectation,
    Hold,
    Lift,
    Look,
    Range,
    Reach,
    Scenario,
    Step,
)
from netlab.tcp import why_unreachable
from netlab.testbed.words import REJECTS, Claim, Family, Hook, Side

#: A scenario is a page; whatever is larger is something else.
LARGEST = 64 * 1024
DEEPEST = 20

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path: Path) -> Scenario:
    """Read one scenario file. Raises `ScenarioError`, and nothing else, whatever is in it."""
    return parse(_text(path), path)


def parse(text: str, path: Path) -> Scenario:
    """Read a scenario from text; `path` is for its name and for complaints."""
    return _Reader(path, text).scenario()


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise ScenarioError("is a directory, and a scenario is a file ending in .yaml", path)
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ScenarioError("no such file. 'netlab list' shows the scenarios", path) from None
    except OSError as error:
        raise ScenarioError(f"cannot be read: {error.strerror}", path) from None
    if len(data) > LARGEST:
        raise ScenarioError(f"is larger than {LARGEST // 1024} KiB: this is no scenario", path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ScenarioError("is not UTF-8 text: this is no scenario", path, line) from None


class _Reader:
    """One file. Methods read nodes; what they raise has the node's line."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._text = text
        self._names: dict[str, int] = {}

    def _fail(self, problem: str, line: int | None) -> NoReturn:
        raise ScenarioError(problem, self._path, line)

    # --- the whole file

    def scenario(self) -> Scenario:
        said = self._read(language.SCENARIO, self._compose(), "the scenario")
        name = said.get("name", self._path.stem)
        if name != self._path.stem:
            line = self._line_of("name")
            self._fail(
                f"name is {name!r}, and the file is {self._path.name!r}: name the file for the "
                f"fault and leave 'name' out, or make them equal",
                line,
            )
        expect: Expectation = said["expect"]
        steps: tuple[Step, ...] = said["steps"]
        self._check_names(steps, expect)
        self._check_cause(steps, expect)
        return Scenario(
            name=name,
            path=self._path,
            story=self._story(),
            source=said["source"],
            steps=steps,
            expect=expect,
            differs=said.get("differs", ""),
            slow=said.get("slow", False),
            family=said.get("family", self._family(steps)),
            needs=said.get("needs", ()),
        )

    def _compose(self) -> yaml.Node:
        try:
            depth = 0
            for event in yaml.parse(self._text, Loader=_Loader):
                if isinstance(event, yaml.CollectionStartEvent):
                    depth += 1
                elif isinstance(event, yaml.CollectionEndEvent):
                    depth -= 1
                elif isinstance(event, yaml.AliasEvent):
                    self._fail("aliases (*) are not used in scenarios", event.start_mark.line + 1)
                if depth > DEEPEST:
                    self._fail("is nested too deeply", event.start_mark.line + 1)
            node = yaml.compose(self._text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._fail(f"is not YAML: {error.problem}", mark.line + 1 if mark else None)
        except yaml.YAMLError as error:
            position = getattr(error, "position", 0)
            line = self._text.count("\n", 0, position) + 1
            self._fail(f"is not YAML: {getattr(error, 'reason', error)}", line)
        except ValueError as error:  # a surrogate, a wrong \\x escape
            self._fail(f"is not YAML: {error}", None)
        if node is None:
            self._fail("is empty: expected a mapping with source, steps and expect", 1)
        return node

    def _story(self) -> str:
        """The comment at the top: what the two stacks believe."""
        lines = []
        for line in self._lines:
            if not line.startswith("#"):
                break
            lines.append(line.lstrip("#").strip())
        return "\n".join(lines).strip()

    def _comment(self, node: yaml.Node) -> str:
        """The comment above a step, or at the end of its line."""
        first, last = node.start_mark.line, node.end_mark.line
        above = []
        for line in reversed(self._lines[:first]):
            if not line.lstrip().startswith("#"):
                break
            above.insert(0, line.strip().lstrip("#").strip())
        beside = [
            match[1].strip()
            for line in self._lines[first : max(last, first + 1)]
            if (match := re.search(r"\s#\s?(.*)$", line)) and not line.lstrip().startswith("#")
        ]
        return " ".join(above + beside)

    def _line_of(self, key: str) -> int:
        return next(
            (n for n, line in enumerate(self._lines, 1) if line.startswith(f"{key}:")), 1
        )

    # --- checks across the file

    def _check_names(self, steps: tuple[Step, ...], expect: Expectation) -> None:
        """Names that are used must have been given."""
        connections, faults = {LAST, "probe"}, set()
        for step in (*steps, *expect.heal):
            match step:
                case Do():
                    self._known("connection", step.on, connections, step.line)
                    connections.add(str(step.arguments.get("name", LAST)))
                case Drop() | Hold():
                    if step.name in faults:
                        self._fail(f"a fault called {step.name!r} is there already", step.line)
                    faults.add(step.name)
                case Lift(name=str(name)):
                    self._known("fault", name, faults, step.line)
                case Reach():
                    self._known("connection", step.of, connections, step.line)
        self._known("connection", expect.of, connections, expect.line)
        for name in expect.dropped:
            if name is not None:
                self._known("fault", name, faults, expect.line)

    def _known(self, what: str, name: str, names: set[str], line: int) -> None:
        if name not in names:
            known = ", ".join(sorted(names - {LAST})) or "none; give one with 'as:'"
            self._fail(f"no {what} is called {name!r} by then. Known: {known}", line)

    def _check_cause(self, steps: tuple[Step, ...], expect: Expectation) -> None:
        """A pair has a cause that can be taken away, or says why it has none."""
        if expect.healed is None and not expect.cause:
            self._fail(
                "expect needs 'healed' (the pair after the fault is lifted), or 'cause' "
                "(why there is nothing to lift)",
                expect.line,
            )
        if expect.heal and expect.healed is None:
            self._fail("expect says 'heal', and not 'healed': the pair it leads to", expect.line)
        if expect.dropped and not any(isinstance(step, Drop) for step in steps):
            self._fail("expect says 'dropped', and no step drops anything", expect.line)

    def _family(self, steps: tuple[Step, ...]) -> Family | None:
        """A reject that only one family's ICMP can say makes the scenario one of that family."""
        for step in steps:
            if isinstance(step, Drop) and step.reject and REJECTS[step.reject].only is not None:
                return REJECTS[step.reject].only
        return None

    # --- nodes by their tables

    def _read(self, takes: Takes, node: yaml.Node, where: str) -> Any:
        match takes:
            case Kind():
                return self._scalar(takes, node, where)
            case ListOf():
                nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
                if not nodes:
                    self._fail(f"{where}: expected {takes.kind.what}; found an empty list", _line(node))
                return tuple(self._scalar(takes.kind, each, where) for each in nodes)
            case MapOf():
                return {
                    self._scalar(takes.key, key, where): self._read(takes.value, value, key.value)
                    for key, value in self._pairs(node, where)
                }
            case Either():
                scalar = isinstance(node, yaml.ScalarNode)
                return self._read(takes.scalar if scalar else takes.mapping, node, where)
            case Steps():
                return self._steps(node, where)
            case Table():
                said = self._table(takes, node, where)
        if takes is language.EXPECT:
            return self._expectation(said, node)
        if takes is language.LOOK:
            return Look(timer=said.pop("timer", None), numbers=said)
        if takes.fields.keys() >= language.PAIR.fields.keys():
            if takes in (language.PAIR, language.REACH, language.ENDS):
                return self._claimed(takes, said, node)
            return {Side(side): value for side, value in said.items()}
        return said

    def _scalar(self, kind: Kind, node: yaml.Node, where: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            self._fail(f"{where}: expected {kind.what}; found {_called(node)}", _line(node))
        try:
            return kind.parse(node.value)
        except (ValueError, KeyError):
            found = repr(node.value) if node.value else "nothing"
            hint = _hint(node.value, kind.words)
            self._fail(f"{where}: expected {kind.what}; found {found}{hint}", _line(node))

    def _pairs(self, node: yaml.Node, where: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        """The keys and values of a mapping, each key a word and there once."""
        if not isinstance(node, yaml.MappingNode):
            self._fail(f"{where}: expected a mapping (key: value); found {_called(node)}", _line(node))
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._fail(f"{where}: expected a word as key; found {_called(key)}", _line(key))
            if key.value in lines:
                first = lines[key.value]
                self._fail(
                    f"{where}: {key.value!r} is said twice, first in line {first}. Keep one",
                    _line(key),
                )
            lines[key.value] = _line(key)
        return list(node.value)

    def _table(self, table: Table, node: yaml.Node, where: str) -> dict[str, Any]:
        if table.short and isinstance(node, yaml.ScalarNode | yaml.SequenceNode):
            field = table.fields[table.short]
            return {field.name or table.short: self._read(field.takes, node, where)}
        said: dict[str, Any] = {}
        for key, value in self._pairs(node, where):
            field = table.fields.get(key.value)  # type: ignore[assignment]
            if field is None:
                known = ", ".join(table.fields) or "nothing"
                hint = _hint(key.value, tuple(table.fields))
                self._fail(f"{where} has no {key.value!r}{hint} It takes: {known}", _line(key))
            said[field.name or key.value] = self._read(field.takes, value, key.value)
        for key, field in table.fields.items():
            if field.required and (field.name or key) not in said:
                self._fail(f"{where} lacks {key!r}: {field.doc or _what(field.takes)}", _line(node))
        return said

    def _claimed(self, table: Table, said: dict[str, Any], node: yaml.Node) -> Any:
        claim = Claim(said["client"], said["server"])
        for client in claim.client:
            for server in claim.server:
                why = why_unreachable(client, server)
                if why:
                    self._fail(f"{client}/{server} cannot be: {why}", _line(node))
        if table is language.ENDS:
            return Ending(_line(node), claim, said["after"], said.get("counters", {}))
        if table is language.REACH:
            return Reach(
                *self._about(node),
                claim=claim,
                within=said.get("within"),
                hold=said.get("hold", 0.0),
                of=said.get("of", LAST),
            )
        return claim

    def _expectation(self, said: dict[str, Any], node: yaml.Node) -> Expectation:
        dropped = said.pop("dropped", None)
        if dropped is not None and not isinstance(dropped, dict):
            dropped = {None: dropped}
        pair = next(value for key, value in node.value if key.value == "pair")
        return Expectation(
            line=_line(pair), claim=said.pop("pair"), dropped=dropped or {}, **said
        )

    # --- steps

    def _steps(self, node: yaml.Node, where: str) -> tuple[Step, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._fail(f"{where}: expected a list of steps; found {_called(node)}", _line(node))
        return tuple(self._step(each) for each in node.value)

    def _about(self, node: yaml.Node) -> tuple[int, str, str]:
        """Where a step stands, how it is written, and what its comment says."""
        first, last = node.start_mark, node.end_mark
        text = self._text[first.index : last.index] if first.buffer else ""
        if not text:  # libyaml's marks know lines and columns only
            lines = self._lines[first.line : max(last.line, first.line + 1)]
            text = " ".join(re.sub(r"(^|\s)#.*$", "", line).strip() for line in lines)
        return first.line + 1, " ".join(text.split()).removeprefix("- "), self._comment(node)

    def _step(self, node: yaml.Node) -> Step:
        pairs = self._pairs(node, "a step")
        kinds = [key for key, _ in pairs if key.value not in language.MODIFIERS]
        known = (*(str(side) for side in Side), *language.STEPS)
        if not kinds:
            self._fail(f"a step does one of: {', '.join(known)}", _line(node))
        for key in kinds:
            if key.value not in known:
                hint = _hint(key.value, known)
                self._fail(f"no step is called {key.value!r}{hint} Known: {', '.join(known)}", _line(key))
        if len(kinds) > 1:
            both = " and ".join(repr(key.value) for key in kinds)
            self._fail(f"a step does one thing, and this does {both}: make it two", _line(kinds[1]))
        word = kinds[0].value
        values = {key.value: value for key, value in pairs}
        modifiers = {
            name: self._read(field.takes, values[name], name)
            for name, field in language.MODIFIERS.items()
            if name in values
        }
        about = self._about(node)
        if word in language.STEPS:
            if modifiers:
                self._fail(f"'{next(iter(modifiers))}' goes with what a side does, not with '{word}'", about[0])
            return self._other_step(word, values[word], about)
        return self._do(Side(word), values[word], modifiers, about)

    def _do(
        self, side: Side, node: yaml.Node, modifiers: dict[str, Any], about: tuple[int, str, str]
    ) -> Do:
        if isinstance(node, yaml.ScalarNode):
            word, value = node, None
        else:
            pairs = self._pairs(node, str(side))
            if len(pairs) != 1:
                self._fail(f"{side} does one thing a step; found {len(pairs)}", _line(node))
            word, value = pairs[0]
        action = word.value.replace("-", "_")
        table = ACTIONS.get(action)
        if table is None:
            hint = _hint(word.value, tuple(ACTIONS))
            self._fail(
                f"{side} cannot {word.value!r}{hint} It can: {', '.join(ACTIONS)}", _line(word)
            )
        arguments: Mapping[str, Any] = {}
        if value is not None:
            arguments = self._read(table, value, action)
        elif isinstance(table, MapOf) or any(f.required for f in table.fields.values()):
            needed = "a mapping" if isinstance(table, MapOf) else table.short
            self._fail(f"{action} needs {needed}: {action}: ...", _line(word))
        if action in ("send", "read") and len(arguments) != 1:
            self._fail(f"{action} needs a text or a number of bytes", _line(word))
        if "on" in modifiers and action not in language.ON_CONNECTION:
            self._fail(f"'on' goes with what concerns a connection, not with {action}", about[0])
        fails = modifiers.get("fails", {})
        if isinstance(fails, str):
            fails = dict.fromkeys(Family, fails)
        elif fails:
            fails = {Family[name.upper()]: error for name, error in fails.items()}
        return Do(*about, side, action, arguments, fails, modifiers.get("on", LAST))

    def _other_step(self, word: str, node: yaml.Node, about: tuple[int, str, str]) -> Step:
        said = self._read(language.STEPS[word].takes, node, word)
        match word:
            case "drop" | "reject":
                return self._fault(word, said, node, about)
            case "hold":
                sides = said.get("sides", tuple(Side))
                return Hold(*about, sides=sides, name=said.get("name", self._free("hold")))
            case "lift" | "release":
                return Lift(*about, name=None if said == "all" else said, holds=word == "release")
        reach: Reach = said
        return replace(reach, line=about[0], text=about[1], comment=about[2])

    def _fault(
        self, word: str, said: dict[str, Any], node: yaml.Node, about: tuple[int, str, str]
    ) -> Drop:
        line = _line(node)
        if ("to" in said) == ("at" in said):
            self._fail(
                f"{word} needs one place: 'to: client' loses it on the wire, "
                "'at: server output' is a firewall at the sender",
                line,
            )
        matching = {"segments", "nft"} & said.keys()
        if len(matching) != 1:
            self._fail(f"{word} needs either 'segment' or 'nft'", line)
        if "nft" in said and said.keys() - {"nft", "to", "at", "name"}:
            self._fail("a match in nft's own language says everything itself", line)
        if said.get("first") and said.get("after"):
            self._fail("'first' and 'after' are two faults: make it two steps", line)
        side, hook = said.pop("at", None) or (said.pop("to"), Hook.INPUT)
        name = said.pop("name", None) or self._free(word)
        return Drop(*about, name=name, side=side, hook=hook, **said)

    def _free(self, kind: str) -> str:
        self._names[kind] = self._names.get(kind, 0) + 1
        return f"{kind}-{self._names[kind]}"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _called(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value) if node.value else "nothing"
    kind = "list" if isinstance(node, yaml.SequenceNode) else "mapping"
    return f"a {kind}" if node.value else f"an empty {kind}"


def _what(takes: Takes) -> str:
    match takes:
        case Kind() | Table() | MapOf():
            return takes.what
        case ListOf():
            return takes.kind.what
        case Either():
            return takes.scalar.what
    return "a list of steps"


def _hint(found: str, words: tuple[str, ...]) -> str:
    squeezed = {re.sub(r"\W", "", word).upper(): word for word in words}
    close = difflib.get_close_matches(re.sub(r"\W", "", found).upper(), squeezed, n=1, cutoff=0.6)
    return f". Did you mean {squeezed[close[0]]}?" if close else "."


__all__ = ["Range", "load", "parse"]
