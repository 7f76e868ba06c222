# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab repro``: from a finding of ``netlab diagnose`` to a scenario that recreates it."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli.common import Commands, positive
from netlab.errors import ScenarioError

if TYPE_CHECKING:
    from netlab.model.findings import Finding

EPILOG = """\
examples:
  netlab repro web1.txt                          the first finding, printed
  netlab repro web1.txt 2 --output my-own.yaml   the second one as a file
  netlab run my-own.yaml                         freeze the same pair in a lab, and prove its cause
  netlab freeze my-own.yaml                      and look at it as long as you like

exit codes: 0 written, 2 what was given cannot be read, or has no such finding
"""
#: What scenarios are written with, unless they say otherwise.
PORT, FROM = 5555, 5556
SPDX = "# SPDX-License-Identifier"
FOLDERS = ("atlas/cells/constant", "atlas/cells/crossing")

#: A lab looks for listeners at its own port only; that one listens is so once `listen` is done.
LISTENS = "  - reach: {client: CLOSED, server: LISTEN}"

ACTION = re.compile(r"\b(?P<side>client|server): (?P<action>listen|connect)(?P<rest>$|[ ,}\]])")
MAPPED = re.compile(r"(?P<begin>\{(?:listen|connect|flood): \{)(?![^{}]*\bport:)")
NUMBER = re.compile(r"(?P<begin>\{flood: )(?P<count>\d+)\}")


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "repro",
        help="a scenario that recreates what netlab diagnose has found",
        description="Write a scenario that freezes the connection of a finding in a lab.",
        epilog=EPILOG,
    )
    command.add_argument("file", metavar="FILE", help="what netlab diagnose was given; - likewise")
    command.add_argument(
        "number", metavar="N", nargs="?", type=positive, default=1, help="the n-th finding (1)"
    )
    command.add_argument(
        "--output", "-o", type=Path, metavar="FILE.yaml", help="write it there, not to the terminal"
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Diagnose again, and write the scenario of one finding."""
    from netlab.cli.diagnose import snapshots
    from netlab.diagnosis.rank import diagnose

    found = diagnose(snapshots([options.file])).findings
    if not found:
        raise ScenarioError("nothing is stuck in it, so there is nothing to recreate",
                            Path(options.file))  # fmt: skip
    if options.number > len(found):
        raise ScenarioError(
            f"has {len(found)} finding{'s' * (len(found) > 1)}; there is no finding "
            f"{options.number}",
            Path(options.file),
        )
    text = scenario(found[options.number - 1])
    if options.output is None:
        sys.stdout.write(text)
        return 0
    if options.output.suffix != ".yaml":
        raise ScenarioError("expected a name that ends in .yaml", options.output)
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"cannot be written: {error.strerror}", options.output) from None
    six = "--ipv6 " if "\nfamily: ipv6\n" in text else ""
    print(f"written: {options.output}, to be played with: netlab run {six}{options.output}")
    return 0


def scenario(finding: Finding) -> str:
    """The text of a scenario file: the finding's template with its port and address family."""
    lines = _template(finding.scenario).read_text(encoding="utf-8").splitlines()
    body = [line for line in lines if not line.startswith((SPDX, "name:", "slow:"))]
    story = [line for line in body if line.startswith("#")]
    rest = [line for line in body if not line.startswith("#")]
    port, family = _port(finding), _family(finding)
    if port is not None and any("connect" in line for line in rest):
        rest = [_with_port(line, port) for line in rest if line != LISTENS]
    if family and not any(line.startswith("family:") for line in rest):
        rest.insert(0, f"family: {family}")
    about = [f"# {finding.cause}: {finding.title}.", f"# Found {_where(finding)}."]
    if family:
        about.append("# Play it with --ipv6.")
    return "\n".join([*about, "#", *story, *rest]) + "\n"


def _template(name: str) -> Path:
    """The scenario's own file: one that comes with netlab, or of the atlas."""
    import netlab
    from netlab.scenario import catalogue

    package = Path(netlab.__file__).parent
    for folder in (catalogue.home(), *(package / folder for folder in FOLDERS)):
        for path in folder.rglob(f"{name}.yaml"):
            return path
    raise AssertionError(f"causes.yaml names a scenario that is not there: {name}")


def _port(finding: Finding) -> int | None:
    """The port of the service, where there is one."""
    word = finding.service.rpartition(":")[2].rpartition(" ")[2]
    port = int(word) if word.isdecimal() else 0
    return port if 0 < port < 1 << 16 else None


def _family(finding: Finding) -> str:
    """IPv6 where all of the connections use it: IPv4 is what a scenario is played over."""
    ends = [end for conn in finding.connections for end in (conn.local, conn.remote)]
    return "ipv6" if ends and all(":" in end[0] or end[0] == "*" for end in ends) and any(
        ":" in end[0] for end in ends
    ) else ""  # fmt: skip


def _with_port(line: str, port: int) -> str:
    """One line of a scenario, with another port than the one that scenarios are written with."""
    code, hash_, comment = line.partition(" # ")
    other = FROM if port != FROM else PORT
    code = re.sub(
        rf"\b({PORT}|{FROM})\b", lambda found: str(port if found[0] == str(PORT) else other), code
    )
    code = MAPPED.sub(lambda found: f"{found['begin']}port: {port}, ", code)
    code = NUMBER.sub(lambda found: f"{{flood: {{count: {found['count']}, port: {port}}}}}", code)
    if not code.startswith("  pair"):
        code = ACTION.sub(
            lambda f: f"{f['side']}: {{{f['action']}: {{port: {port}}}}}{f['rest']}", code
        )
    return code + hash_ + comment


def _where(finding: Finding) -> str:
    number = len(finding.connections)
    if not number:
        return "by the counters of a host"
    states = "/".join(str(state) for state in finding.connections[0].states)
    many = f"{number} connections" if number > 1 else "a connection"
    return f"in {many} in {states}, {finding.service}"
