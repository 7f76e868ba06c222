# SPDX-License-Identifier: GPL-2.0-or-later
"""Loads scenario files as frozen data, and checks that they make sense.

Every mistake raises `ScenarioError` with file, line, what was expected and what was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from netlab.model.tcp import why_unreachable
from netlab.model.text import printable
from netlab.model.vocabulary import ExpectedPair, Family, Side
from netlab.model.way import OnTheWay, problem
from netlab.scenario import language
from netlab.scenario.document import Document, Said, called, hint, line_of
from netlab.scenario.kinds import ADDRESS, OTHERWISE
from netlab.scenario.model import (
    LAST,
    AnyStep,
    ByKernel,
    Do,
    Ending,
    Exit,
    Expectation,
    FaultStep,
    Healing,
    HopOrder,
    HopStep,
    Look,
    Range,
    Reach,
    Remove,
    Scenario,
    Step,
    in_force,
)
from netlab.scenario.shapes import ListOf, MapOf, Struct
from netlab.scenario.steps import ACTIONS, FAULTS, kind_of
from netlab.scenario.steps.fault import FaultKind, StepContext
from netlab.scenario.steps.hops import HOPS, ORDERS, needs_of

DEFAULT_HOLD = 1.0  # seconds
REACH_OPTIONS = ("within", "hold", "of")
PATIENCE = 10.0  # seconds that a program may take


def load(path: Path) -> Scenario:
    """Read one scenario file. Raises `ScenarioError`, and nothing else, whatever it contains."""
    return _Loader(Document.open(path)).scenario()


def parse(text: str, path: Path) -> Scenario:
    """Read a scenario from text; `path` gives its name, and is named in errors.

    Raises `ScenarioError` for the first mistake.
    """
    return _Loader(Document(path, text)).scenario()


def step(text: str, path: Path) -> AnyStep:
    """Read one step from text; `path` stands for its place in errors. Raises `ScenarioError`."""
    document = Document(path, text)
    return _Loader(document).step(document.root())


class _Loader:
    """One document on its way to a `Scenario`."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._fail = document.fail
        self._unnamed: dict[str, int] = {}
        self._forged = False  # a segment by now, after which both ends need not agree

    def scenario(self) -> Scenario:
        path = self._document.path
        said: Said = self._document.read(language.SCENARIO, self._document.root(), "the scenario")
        if said.get("name", path.stem) != path.stem:
            self._fail(
                f"name is {said['name']!r}, and the file is {path.name!r}: name the file for the "
                "fault and leave 'name' out, or make them equal",
                said.lines["name"],
            )
        way = tuple(map(self._hop, said.get("path", [])))
        steps = self._steps(said["steps"])
        expect = self._expectation(said["expect"])
        self._check_way(way)
        self._check_names((*way, *steps), expect, said["expect"].lines)
        self._check_cause((*way, *steps), expect, said["expect"].lines)
        return Scenario(
            name=printable(path.stem),
            path=path,
            story=self._document.story(),
            source=said["source"],
            steps=steps,
            expect=expect,
            differs=said.get("differs", ""),
            slow=said.get("slow", False),
            family=said.get("family", _only_family(steps)),
            needs=(*said.get("needs", ()), *_needed(way)),
            way=way,
        )

    # --- what is expected

    def _expectation(self, said: Said) -> Expectation:
        dropped = said.get("dropped", {})
        healed, ends = said.get("healed"), said.get("ends")
        return Expectation(
            line=said["pair"].line,
            claim=self._claim(said["pair"]),
            of=said.get("of", LAST),
            hold=said.get("hold", DEFAULT_HOLD),
            within=said.get("within"),
            dropped=dropped if isinstance(dropped, dict) else {None: dropped},
            rows={Side(side): _look(look) for side, look in said.get("rows", {}).items()},
            sockets=_by_side(said.get("sockets", {})),
            info=_by_side(said.get("info", {})),
            reads=_by_side(said.get("reads", {})),
            counters=self._counters(said),
            path=_by_side(said.get("path", {})),
            tracked=dict(said.get("tracked", {})),
            program=_exit(said.get("program")),
            cause=said.get("cause", ""),
            heal=self._steps(said.get("heal", [])),
            healed=self._healing(healed) if healed else None,
            ends=self._ending(ends) if ends else None,
            lines=dict(_lines(said)),
            remarks=said.remarks,
        )

    def _healing(self, said: Said) -> Healing:
        return Healing(self._claim(said), self._counters(said), _exit(said.get("program")))

    def _ending(self, said: Said) -> Ending:
        after = self._number_of(said["after"], said.lines["after"])
        then = self._steps(said.get("then", []))
        return Ending(said.line, self._claim(said), after, self._counters(said), then)

    def _counters(self, said: Said) -> dict[Side, dict[str, Range]]:
        return {
            Side(side): {
                name: self._number_of(number, asked.lines[name]) for name, number in asked.items()
            }
            for side, asked in said.get("counters", {}).items()
        }

    def _number_of(self, said: Range | Said, line: int) -> Range:
        """A number that is the same on every kernel, or one that depends on the kernel."""
        if isinstance(said, Range):
            return said
        cases = dict(said)
        otherwise = cases.pop(OTHERWISE, None)
        if otherwise is None or not cases:
            self._fail(
                f"what depends on the kernel needs a case and '{OTHERWISE}': "
                f"{{tcp_syn_linear_timeouts: 10, {OTHERWISE}: 6}}",
                line,
            )
        return ByKernel.of(cases, otherwise)

    def _claim(self, said: Said) -> ExpectedPair:
        claim = ExpectedPair(said["client"], said["server"])
        for client in claim.client:
            for server in claim.server:
                why = "" if self._forged else why_unreachable(client, server)
                if why:
                    self._fail(f"{client}/{server} cannot be: {why}", said.line)
        return claim

    # --- steps

    def _steps(self, nodes: list[yaml.Node]) -> tuple[AnyStep, ...]:
        return tuple(self.step(node) for node in nodes)

    def step(self, node: yaml.Node) -> AnyStep:
        pairs = self._document.pairs(node, "a step")
        about = StepContext(*self._document.about(node))
        kinds = [key for key, _ in pairs if key.value not in language.MODIFIERS]
        known = (*(str(side) for side in Side), *FAULTS, *language.STEPS, *ORDERS)
        for key in kinds:
            if key.value in language.FORMER:
                now = language.FORMER[key.value]
                self._fail(f"{key.value!r} is called {now!r} now: write '{now}:'", line_of(key))
            if key.value not in known and key.value in ACTIONS:
                ends = " or ".join(_of_an_end(key.value, side) for side in Side)
                self._fail(f"{key.value!r} is what an end does: write {ends}", line_of(key))
            if key.value not in known:
                correction = hint(key.value, known)
                problem = f"no step is called {key.value!r}{correction} Known: {', '.join(known)}"
                self._fail(problem, line_of(key))
        if not kinds:
            self._fail(f"a step does one of: {', '.join(known)}", line_of(node))
        if len(kinds) > 1:
            both = " and ".join(repr(key.value) for key in kinds)
            self._fail(f"a step does one thing, and this does {both}: make it two", about[0])
        word = kinds[0].value
        values = {key.value: value for key, value in pairs}
        modifiers = {
            name: self._document.read(field.takes, values[name], name)
            for name, field in language.MODIFIERS.items()
            if name in values
        }
        if word not in FAULTS and word not in language.STEPS and word not in ORDERS:
            return self._do(Side(word), values[word], modifiers, about)
        if modifiers:
            first = next(iter(modifiers))
            self._fail(f"'{first}' goes with what a side does, not with '{word}'", about[0])
        if word in FAULTS:
            return self._fault(FAULTS[word], values[word], about)
        if word in ORDERS:
            given = dict(self._document.read(ORDERS[word].takes, values[word], word))
            return HopOrder(*about, hop=given.pop("hop"), word=word, values=given)
        said = self._document.read(language.STEPS[word].takes, values[word], word)
        if word == "reach":
            said.line = about[0]
            options = {key: said[key] for key in REACH_OPTIONS if key in said}
            options["tracked"] = dict(said.get("tracked", {}))
            return Reach(*about, claim=self._claim(said), **options)
        return Remove(*about, name=None if said == "all" else said)

    def _do(self, side: Side, node: yaml.Node, modifiers: dict[str, Any], about: StepContext) -> Do:
        self._check_beside(side, node)
        word, value = self._action(side, node)
        self._check_beside(side, value)
        action = ACTIONS.get(word.value.replace("_", "-"))
        if action is None:
            correction = hint(word.value, tuple(ACTIONS))
            can = ", ".join(ACTIONS)
            self._fail(f"{side} cannot {word.value!r}{correction} It can: {can}", line_of(word))
        takes, name = action.takes, action.word
        if value is None and _is_needed(takes):
            self._fail(f"{name} needs arguments: {name}: {{...}}", line_of(word))
        arguments = {} if value is None else self._document.read(takes, value, name)
        self._forged = self._forged or action.numbered
        if isinstance(
            takes, MapOf
        ):  # a mapping has no order: sort, so that equal files compare equal
            arguments = dict(sorted(arguments.items()))
        if complaint := action.complaint(arguments):
            self._fail(f"{name} {complaint}", line_of(word))
        if "of" in modifiers and not action.on_connection:
            self._fail(f"'of' goes with what concerns a connection, not with {name}", about[0])
        fails = modifiers.get("fails", {})
        if isinstance(fails, str):
            fails = {"ipv4": fails, "ipv6": fails}
        wanted = {Family[name.upper()]: error for name, error in fails.items()}
        return Do(*about, side, name, dict(arguments), wanted, modifiers.get("of", LAST))

    def _check_beside(self, side: Side, node: yaml.Node | None) -> None:
        """What is said of an action stands beside it, and not in it."""
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value in language.MODIFIERS:
                self._fail(
                    f"'{key.value}' stands beside '{side}:', as another key of the same step, and "
                    f"not in it: {{{side}: ..., {key.value}: ...}}",
                    line_of(key),
                )

    def _action(self, side: Side, node: yaml.Node) -> tuple[yaml.ScalarNode, yaml.Node | None]:
        """A side's action and the node of its arguments."""
        if isinstance(node, yaml.ScalarNode):
            return node, None
        pairs = self._document.pairs(node, str(side))
        if len(pairs) > 1 and isinstance(node, yaml.MappingNode):
            pairs = _together(node)
        if len(pairs) != 1:
            found = len(pairs) or called(node)
            self._fail(f"{side} does one thing in a step; found {found}", line_of(node))
        return pairs[0]

    def _fault(self, kind: FaultKind[Any], node: yaml.Node, about: StepContext) -> FaultStep:
        said = dict(self._document.read(kind.takes, node, kind.word))
        name = said.pop("name", None) or self._number(kind.word)
        try:
            step: FaultStep = kind.read(about, name, said)
        except ValueError as error:
            self._fail(f"{kind.word} {error}", about.line)
        return step

    def _hop(self, node: yaml.Node) -> HopStep:
        """One hop: its word, or its word and what it is told."""
        about = StepContext(*self._document.about(node))
        value: yaml.Node | None = None
        if isinstance(node, yaml.ScalarNode):
            word = node
        else:
            pairs = self._document.pairs(node, "a hop")
            if len(pairs) != 1:
                self._fail(f"a hop is one thing; found {len(pairs)}", about.line)
            ((word, value),) = pairs
        if word.value not in HOPS:
            correction = hint(word.value, tuple(HOPS))
            known = ", ".join(HOPS)
            problem = f"no hop is called {word.value!r}{correction} Known: {known}"
            self._fail(problem, line_of(word))
        kind = HOPS[word.value]
        missing = [key for key, field in kind.takes.fields.items() if field.required]
        if value is None and missing:
            self._fail(f"{kind.word} needs {missing[0]!r}: {kind.word}: {{...}}", about.line)
        said = {} if value is None else dict(self._document.read(kind.takes, value, kind.word))
        return kind.read(about, said.pop("name", kind.word), said)

    def _number(self, kind: str) -> str:
        """A name for a fault without one: drop-1, drop-2, ..."""
        self._unnamed[kind] = self._unnamed.get(kind, 0) + 1
        return f"{kind}-{self._unnamed[kind]}"

    # --- consistency across the file

    def _check_way(self, way: tuple[HopStep, ...]) -> None:
        """Hops must go together."""
        standing = [OnTheWay(step.name, step.hosted, step.servers) for step in way]
        if way and (why_not := problem(standing)):
            self._fail(f"path: {why_not}", way[-1].line)

    def _check_names(
        self, steps: tuple[AnyStep, ...], expect: Expectation, lines: dict[str, int]
    ) -> None:
        """Every name must be given before it is used."""
        sockets = {side: {LAST} for side in Side}
        faults, added = set[str](), set[Side]()
        hops = {step.name: step for step in steps if isinstance(step, HopStep)}
        services = {name: hop for name, hop in hops.items() if hop.servers}
        addresses = {*map(str, Side), *services}.union(*(hop.servers for hop in hops.values()))
        then = expect.ends.then if expect.ends else ()
        for step in (*steps, *expect.heal, *then):
            match step:
                case Do():
                    self._known(f"connection of the {step.side}", step.of, sockets[step.side], step)
                    sockets[step.side].add(str(step.arguments.get("name", LAST)))
                    if step.action == "add-address":
                        added.add(step.side)
                    for name in _named_addresses(ACTIONS[step.action].takes, step.arguments):
                        self._known("address", name, addresses, step)
                    if "added" in step.arguments and step.side not in added:
                        self._fail(f"no address was added to the {step.side} by then", step.line)
                case FaultStep():
                    if step.name in faults:
                        self._fail(f"there is already a fault called {step.name!r}", step.line)
                    faults.add(step.name)
                case Remove(name=str(name)):
                    self._known("fault", name, faults, step)
                case Reach():
                    self._known("connection", step.of, set.union(*sockets.values()), step)
                    self._tracked(step.tracked, hops, step.line)
                case HopOrder():
                    known = set(services if step.word == "update" else hops)
                    self._known("hop", step.hop, known, step)
                    for name in _named_addresses(ORDERS[step.word].takes, step.values):
                        self._known("address", name, addresses, step)
        self._known("connection", expect.of, set.union(*sockets.values()), lines.get("of", 0))
        self._tracked(expect.tracked, hops, lines.get("tracked", 0))
        for fault in expect.dropped:
            if fault is not None:
                self._known("fault", fault, faults, expect.line_of("dropped", fault))
        healed = expect.healed.program if expect.healed else None
        for program, where in (expect.program, ("program",)), (healed, ("healed", "program")):
            self._check_program(program, steps, expect.line_of(*where))

    def _check_program(self, program: Exit | None, steps: tuple[AnyStep, ...], line: int) -> None:
        sides = {step.side for step in steps if isinstance(step, Do) and step.starts}
        if program is None or program.at in sides or (sides and program.at is None):
            return
        where = f" at the {program.at}" if program.at else ""
        self._fail(f"expect has 'program', but no step starts one{where}", line)

    def _tracked(self, tracked: Mapping[str, str], hops: Mapping[str, HopStep], line: int) -> None:
        remember = {name for name, hop in hops.items() if hop.tracks}
        for name in tracked:
            self._known("hop that remembers connections", name, remember, line)

    def _known(self, what: str, name: str, names: set[str], where: Step | int) -> None:
        if name not in names:
            known = ", ".join(sorted(names - {LAST})) or "none; give one with 'as:'"
            line = where.line if isinstance(where, Step) else where
            self._fail(f"no {what} is called {name!r} by then. Known: {known}", line)

    def _check_cause(
        self, steps: tuple[AnyStep, ...], expect: Expectation, lines: dict[str, int]
    ) -> None:
        """A pair must have a cause that can be removed, or state why it has none."""
        if expect.healed is None and not expect.cause:
            self._fail(
                "expect needs 'healed' (the pair once the fault is removed, or after 'heal'), or "
                "'cause' (why there is nothing to remove)",
                expect.line,
            )
        shown = any(look.waiting for look in expect.rows.values())
        found = any(isinstance(step, Do) for step in expect.heal)
        counted = expect.healed is not None and expect.healed.counters
        if expect.heals_into_itself and not (shown or found or counted):
            self._fail(
                "'healed' is the pair itself, so nothing shows that it healed. Add what waits and "
                "is undone, 'rows: {client: {timer: retransmit, tx_queue: 5}}', or what is found "
                "then, 'heal: [remove: all, server: {read: hello}]'",
                lines["healed"],
            )
        if expect.heal and expect.healed is None:
            problem = "expect has 'heal' but not 'healed', the pair it leads to"
            self._fail(problem, lines["heal"])
        faults = [step for step in steps if isinstance(step, FaultStep)]
        counting = any(isinstance(each, HopStep) or kind_of(each).counts(each) for each in faults)
        if expect.dropped and not counting:
            self._fail("expect has 'dropped', but no step drops anything", lines["dropped"])
        if expect.healed is not None and not expect.heal and not in_force(steps):
            self._fail(
                "expect has 'healed', but no fault is in force by then that could be removed. Say "
                "what heals it, 'heal: [server: accept]', or why nothing does, 'cause'",
                lines["healed"],
            )


def _is_needed(takes: Struct | MapOf) -> bool:
    """Whether what takes this may not stand alone."""
    return isinstance(takes, MapOf) or any(field.required for field in takes.fields.values())


def _of_an_end(action: str, side: Side) -> str:
    """``'client: {forge: {...}}'``."""
    done = f"{{{action}: {{...}}}}" if _is_needed(ACTIONS[action].takes) else action
    return f"'{side}: {done}'"


def _together(node: yaml.MappingNode) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """An action with its further arguments beside it, ``{start: nginx, ready: 80}``, as one whose
    arguments are all its own, ``{start: {command: nginx, ready: 80}}``. Anything else as it is.
    """
    acting = [pair for pair in node.value if pair[0].value.replace("_", "-") in ACTIONS]
    if len(acting) != 1:
        return list(node.value)
    word, value = acting[0]
    takes = ACTIONS[word.value.replace("_", "-")].takes
    if not isinstance(takes, Struct) or not takes.short or isinstance(value, yaml.MappingNode):
        return list(node.value)
    others = [pair for pair in node.value if pair is not acting[0]]
    short = yaml.ScalarNode(word.tag, takes.short, word.start_mark, word.end_mark)
    whole = yaml.MappingNode(node.tag, [(short, value), *others], node.start_mark, node.end_mark)
    return [(word, whole)]


def _lines(said: Said, around: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    """The line of every key of a mapping, however deeply nested."""
    for word, line in said.lines.items():
        yield (*around, word), line
    for word, value in said.items():
        if isinstance(value, Said):
            yield from _lines(value, (*around, str(word)))


def _by_side(said: dict[str, Any]) -> dict[Side, Any]:
    return {Side(side): value for side, value in said.items()}


def _exit(said: Said | None) -> Exit | None:
    if said is None:
        return None
    rest = {key: said[key] for key in ("says", "at", "takes") if key in said}
    return Exit(said["exits"], said.get("within", PATIENCE), **rest)


def _look(said: Said) -> Look:
    numbers = {key: value for key, value in said.items() if key != "timer"}
    return Look(said.get("timer"), numbers)


def _named_addresses(takes: Struct | MapOf, given: Mapping[str, Any]) -> Iterator[str]:
    """The names of addresses on the way that a step uses."""
    for key, field in takes.fields.items() if isinstance(takes, Struct) else ():
        value = given.get(field.name or key, ())
        kind = field.takes.kind if isinstance(field.takes, ListOf) else field.takes
        if kind is ADDRESS:
            yield from [value] if isinstance(value, str) else value


def _needed(way: tuple[HopStep, ...]) -> tuple[str, ...]:
    """What hops need of this machine."""
    needs = {needs_of(step) for step in way}
    return tuple(f"path:{need}" for need in sorted(needs) if need)


def _only_family(steps: tuple[AnyStep, ...]) -> Family | None:
    """The only family whose ICMP can send a reject's answer, if there is such a reject."""
    for step in steps:
        if isinstance(step, FaultStep) and (family := kind_of(step).only(step)) is not None:
            return family
    return None
