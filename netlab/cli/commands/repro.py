# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab repro``: from a finding of ``netlab diagnose`` to a scenario that recreates it."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.cli.shared.options import Commands, positive
from netlab.model import files
from netlab.model.errors import LabError, ScenarioError
from netlab.model.tcp import State
from netlab.model.vocabulary import ExpectedPair, Family
from netlab.scenario.model import AnyStep, Do, DropStep, Reach, Scenario

if TYPE_CHECKING:
    from netlab.model.findings import Finding

EPILOG = """\
examples:
  netlab repro web1.txt                          the first finding, printed
  netlab repro web1.txt 2 --output my-own.yaml   the second one as a file
  netlab repro web1.txt --cause syn-ack-lost     one that it names under 'or'
  netlab run my-own.yaml                         hold the same pair in a lab, and prove it
  netlab freeze my-own.yaml                      and look at it as long as you like

A proof shows that a cause suffices for what was seen. Others may come to the same.

exit codes: 0 written, 2 the input cannot be read, or has no such finding or cause
"""
#: The ports of the templates: the server's, and the client's in those that name it.
PORT, FROM = 5555, 5556
#: Actions that use the server's port unless they name one.
AT_PORT = frozenset({"listen", "connect", "flood", "probe"})


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "repro",
        help="a scenario that recreates what netlab diagnose has found",
        description="Write a scenario that freezes the connection of a finding in a lab.",
        epilog=EPILOG,
    )
    command.add_argument(
        "file", metavar="FILE", help="the input of netlab diagnose; - for standard input"
    )
    command.add_argument(
        "number", metavar="N", nargs="?", type=positive, default=1, help="the n-th finding (1)"
    )
    command.add_argument(
        "--cause", metavar="NAME", help="that cause, of those that the finding names (its first)"
    )
    command.add_argument(
        "--output", "-o", type=Path, metavar="FILE.yaml", help="write it there, not to the terminal"
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Diagnose again, and write the scenario of one finding.

    Raises `ScenarioError` where there is no such finding or cause, and as `files.write`.
    """
    from netlab.cli.shared.snapshots import snapshots
    from netlab.diagnosis.rank import diagnose
    from netlab.scenario import writer

    findings = diagnose(snapshots([options.file])).findings
    if not findings:
        raise ScenarioError("nothing is stuck in it, so there is nothing to recreate",
                            Path(options.file))  # fmt: skip
    if options.number > len(findings):
        raise ScenarioError(
            f"has {len(findings)} finding{'s' * (len(findings) > 1)}; there is no finding "
            f"{options.number}",
            Path(options.file),
        )
    finding = findings[options.number - 1]
    if options.cause is not None:
        finding = of_cause(finding, options.cause, Path(options.file))
    recreating = scenario(finding)
    text = writer.scenario(recreating)
    if options.output is None:
        sys.stdout.write(text)
        return 0
    if options.output.suffix != ".yaml":
        raise ScenarioError("expected a name that ends in .yaml", options.output)
    files.write(options.output, text)
    six = "--ipv6 " if recreating.family is Family.IPV6 else ""
    print(f"written: {options.output}, to be played with: netlab run {six}{options.output}")
    return 0


def of_cause(finding: Finding, name: str, path: Path) -> Finding:
    """The finding with this one of its causes as the first; `path` is where it was found.

    Raises `ScenarioError` where the finding does not name it.
    """
    from netlab.model.findings import Alternative

    first = Alternative(finding.cause, finding.title, finding.scenario)
    causes = {each.cause: each for each in (first, *finding.alternatives)}
    if name not in causes:
        raise ScenarioError(
            f"expected a cause that the finding names, which can be made: {', '.join(causes)}; "
            f"found {name!r}",
            path,
        )
    chosen = causes.pop(name)
    others = tuple(causes.values())
    return replace(
        finding,
        cause=chosen.cause,
        title=chosen.title,
        scenario=chosen.scenario,
        also=tuple(each.cause for each in others),
        alternatives=others,
    )


def scenario(finding: Finding) -> Scenario:
    """A scenario that recreates a finding: a template with its port and address family."""
    from netlab.scenario import loader

    template = loader.load(_template(finding.scenario))
    port, found = finding.port, _family(finding)
    family = template.family or found
    about = [f"{finding.cause}: {finding.title}.", f"Found {_where(finding)}."]
    if family is Family.IPV6:
        about.append("Play it with --ipv6.")
    elif found and found is not family:
        about.append(f"It is made over {family}, which alone has what shows it.")
    about += _caveats(finding)
    story = "\n".join([*about, "", template.story])
    plain = replace(template, story=story, slow=False, family=family)
    connects = any(isinstance(s, Do) and s.action == "connect" for s in _all_steps(template))
    return _at_port(plain, port) if port is not None and connects else plain


def _caveats(finding: Finding) -> Iterator[str]:
    """What a scenario that passes does not show, in lines of a comment."""
    from netlab.diagnosis.rules import rules

    cause = rules().causes.get(finding.cause)
    if cause is not None and cause.stand_in:
        yield ""
        yield "Another fault stands in for it here, and comes to the same states."
    if finding.alternatives:
        names = ", ".join(each.cause for each in finding.alternatives)
        text = f"If it passes, this cause suffices. These may come to the same picture: {names}."
        yield ""
        yield from textwrap.wrap(text, 98)
        yield "netlab repro --cause NAME makes one of them."


def _template(name: str) -> Path:
    """The scenario's file: one of netlab's own scenarios, or of the atlas.

    Raises `LabError` where it cannot be found; a test says that each is there.
    """
    from netlab.scenario import catalogue

    for folder in (catalogue.home(), catalogue.ATLAS):
        for path in folder.rglob(f"{name}.yaml"):
            return path
    raise LabError(f"of netlab's own, {catalogue.home()} has no {name}.yaml that can be read")


def _family(finding: Finding) -> Family | None:
    """IPv6 if all of the connections use it: scenarios are played over IPv4 by default."""
    hosts = [end[0] for conn in finding.connections for end in (conn.local, conn.remote)]
    six = any(":" in host for host in hosts) and all(":" in host or host == "*" for host in hosts)
    return Family.IPV6 if six else None


def _all_steps(template: Scenario) -> tuple[AnyStep, ...]:
    ends = template.expect.ends
    return (*template.steps, *template.expect.heal, *(ends.then if ends else ()))


def _at_port(template: Scenario, port: int) -> Scenario:
    """The template moved to another port."""
    ports = {PORT: port, FROM: PORT if port == FROM else FROM}

    def moved(steps: tuple[AnyStep, ...]) -> tuple[AnyStep, ...]:
        return tuple(_moved(step, ports) for step in steps if not _waits_for_listener(step))

    expect = template.expect
    ends = replace(expect.ends, then=moved(expect.ends.then)) if expect.ends else None
    expect = replace(expect, heal=moved(expect.heal), ends=ends)
    return replace(template, steps=moved(template.steps), expect=expect)


def _waits_for_listener(step: AnyStep) -> bool:
    """A lab sees listeners at its own port only; at another, `listen` is enough."""
    return isinstance(step, Reach) and step.claim == ExpectedPair((State.CLOSED,), (State.LISTEN,))


def _moved(step: AnyStep, ports: Mapping[int, int]) -> AnyStep:
    """A step with other ports, including those inside nft rules and commands."""
    numbers = re.compile(rf"\b({'|'.join(map(str, ports))})\b")

    def in_text(text: str) -> str:
        return numbers.sub(lambda match: str(ports[int(match[0])]), text)

    if isinstance(step, DropStep):
        port = None if step.port is None else ports.get(step.port, step.port)
        return replace(step, port=port, nft=tuple(map(in_text, step.nft)))
    if not isinstance(step, Do):
        return step
    arguments: dict[str, Any] = {"port": PORT} if step.action in AT_PORT else {}
    arguments |= step.arguments
    for name in ("port", "source_port"):
        if name in arguments:
            arguments[name] = ports.get(arguments[name], arguments[name])
    if "command" in arguments:
        arguments["command"] = [in_text(word) for word in arguments["command"]]
    return replace(step, arguments=arguments)


def _where(finding: Finding) -> str:
    number = len(finding.connections)
    if not number:
        return "by the counters of a host"
    states = "/".join(str(state) for state in finding.connections[0].states)
    many = f"{number} connections" if number > 1 else "a connection"
    return f"in {many} in {states}, {finding.service}"
