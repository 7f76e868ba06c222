# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab freeze``: hold a pair until Ctrl-C, and say how to look at it oneself."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from netlab.cli.common import Commands, add_family, add_names, seconds
from netlab.cli.run import exit_code
from netlab.errors import ScenarioError
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.scenario.model import Scenario
    from netlab.testbed.host import Host
    from netlab.testbed.lab import Lab

EPILOG = """\
examples:
  netlab freeze synack-dropped            until Ctrl-C
  netlab freeze fin-dropped --for 30s     and then heal it
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "freeze",
        help="hold one pair until Ctrl-C",
        description="Play a scenario up to its pair and hold it there; print the commands that "
        "look at both ends.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_names(command, None, "a scenario's name, or a .yaml file")
    add_family(command)
    command.add_argument(
        "--for", dest="duration", type=seconds, metavar="S", help="heal after that time"
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Freeze, wait, and report how the pair healed."""
    from netlab.render.failure import failure
    from netlab.scenario import catalogue, runner
    from netlab.testbed.words import Family

    scenario = catalogue.one(options.names)
    family = Family.IPV6 if options.ipv6 else scenario.family or Family.IPV4
    style = Style.of(sys.stdout)

    def frozen(lab: Lab, scenario: Scenario) -> None:
        _announce(lab, scenario, style)
        _watch(lab, scenario, options.duration, style)

    how = runner.Options(family=family, frozen=frozen)
    for _, evidence in runner.play_all([scenario], how):
        if evidence.outcome == "skip":
            raise ScenarioError(f"{scenario.name} cannot be played here: {evidence.reason}")
        if evidence.outcome != "pass":
            print(failure(evidence, style))
        elif evidence.healed:
            print(f"healed into {'/'.join(evidence.healed.values())}")
        return exit_code([evidence])
    raise AssertionError("one scenario has one outcome")


def _announce(lab: Lab, scenario: Scenario, style: Style) -> None:
    pair = lab.flow(scenario.expect.of).pair
    print(f"{style(scenario.name, 'bold')} is frozen: {style(str(pair), 'green')}")
    print("look at it from another terminal:" + style(" (Ctrl-C here ends it)", "dim"))
    for host in lab.hosts:
        for tool in ("ss -tanoe", "nft list ruleset"):
            if tool.startswith("ss") or any(f.where.startswith(str(host.side)) for f in lab.faults):
                print(f"  {style(str(host.side), 'cyan')}  {entry(host)} {tool}")
    # tcpdump becomes another user than root, and a user namespace of one user has no other.
    packets = "ip -s link show eth0" if in_user_namespace() else "tcpdump -ni eth0"
    print(f"  both    {entry(lab.client)} {packets}", flush=True)


def entry(host: Host) -> str:
    """The nsenter command that runs a tool inside a host's namespace, from another terminal."""
    process = os.getpid()
    net = f"--net=/proc/{process}/fd/{host.namespace.fd}"
    if in_user_namespace():
        return f"nsenter --user=/proc/{process}/ns/user --preserve-credentials {net}"
    return f"{'' if os.environ.get('SUDO_USER') is None else 'sudo '}nsenter {net}"


def in_user_namespace() -> bool:
    """Whether this process is root of a user namespace of its own only."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split() != ["0", "0", "4294967295"]


def _watch(lab: Lab, scenario: Scenario, duration: float | None, style: Style) -> None:
    """Say what changes, until the time is over or somebody presses Ctrl-C."""
    seen = lab.flow(scenario.expect.of).pair

    def look() -> None:
        nonlocal seen
        pair = lab.flow(scenario.expect.of).pair
        if pair != seen:
            seen = pair
            at = style(f"+{lab.elapsed():.2f} s", "dim")
            print(f"{at} now {pair}, {lab.dropped()} dropped", flush=True)

    lab.wait(look, float("inf") if duration is None else duration)
