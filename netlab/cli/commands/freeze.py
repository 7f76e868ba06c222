# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab freeze``: hold a pair and look at it: live on a terminal, else with commands for
another terminal, until Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from netlab import extras
from netlab.cli.shared.allowing import add_allow_programs, announce
from netlab.cli.shared.exit_codes import of_runs
from netlab.cli.shared.from_outside import commands
from netlab.cli.shared.options import Commands, add_family, add_names, note, seconds
from netlab.model.errors import ScenarioError
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.model.evidence import Evidence
    from netlab.packets.sightings import Packet
    from netlab.render.packet import Parts
    from netlab.scenario.model import Scenario
    from netlab.testbed.lab import Lab

EPILOG = """\
examples:
  netlab freeze synack-dropped            see both ends live, and act on them, until q
  netlab freeze fin-dropped --for 30s     and then heal it
  netlab freeze fin-dropped --plain       commands for another terminal, until Ctrl-C

exit codes: 0 it was held and healed, or you changed the pair yourself; 1 it was not held, or did
not heal; 2 bad usage or a bad scenario; 3 the lab could not be built
"""


MOST = 20  # packets printed per look: a flood is not for reading
ENDLESS = 1000  # columns of a line that is not cut
PACKET_COLOURS = {"again": ("bold",), "lost": ("red",)}


class Unfrozen(Exception):
    """The person at the keys changed the pair: there is no healing to prove."""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "freeze",
        help="hold one pair and look at it",
        description="Play a scenario up to its pair and hold it there: both ends live, with keys "
        "that act on them. Without a terminal, or with --plain, print the commands that look at "
        "both ends.",
        epilog=EPILOG,
    )
    add_names(command, None, "a scenario's name, or a .yaml file")
    add_family(command)
    command.add_argument(
        "--for", dest="duration", type=seconds, metavar="S", help="heal after that time"
    )
    command.add_argument(
        "--plain", action="store_true", help="print commands and changes instead of a full screen"
    )
    add_allow_programs(command)
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Freeze, wait, and report how the pair healed."""
    # Everything is imported now: a Ctrl-C during an import makes Python end as if it were not
    # caught.
    from netlab.live import terminal
    from netlab.model.vocabulary import Family
    from netlab.render.packet import parts
    from netlab.scenario import catalogue, runner

    scenario = catalogue.one(options.names, note)
    announce([scenario], options)
    family = Family.IPV6 if options.ipv6 else scenario.family or Family.IPV4
    style = Style.of(sys.stdout)
    live = not options.plain and terminal.fits()
    if live:
        extras.require("live", "the live view (--plain does without)")

    def frozen(lab: Lab, scenario: Scenario) -> None:
        if live:
            _look(lab, scenario, options.duration)
        else:
            _announce(lab, scenario, style)
            _watch(
                lab, scenario, options.duration, lambda packet: _line(parts(packet, ENDLESS), style)
            )

    how = runner.Options(family=family, tape=True, frozen=frozen)
    try:
        return _report(runner.play_all([scenario], how), scenario, style)
    except Unfrozen as left:
        print(left)
        return 0


def _report(outcomes: Iterator[tuple[int, Evidence]], scenario: Scenario, style: Style) -> int:
    from netlab.render.failure import failure

    for _, evidence in outcomes:
        if evidence.outcome == "skip":
            raise ScenarioError(f"{scenario.name} cannot be played here: {evidence.reason}")
        if evidence.outcome != "pass":
            print(failure(evidence, style))
        elif evidence.healed:
            print(f"healed into {evidence.healed}")
        return of_runs([evidence])
    raise AssertionError("one scenario has one outcome")


def _look(lab: Lab, scenario: Scenario, duration: float | None) -> None:
    """Show the live view. Raises `Unfrozen` if keys have changed anything."""
    from netlab.live import terminal
    from netlab.live.controller import Controller
    from netlab.live.session import Session

    controller = Controller(lab, Session(scenario))
    written = terminal.show(controller, f"freeze {scenario.name}", lambda: commands(lab), duration)
    for name in written:
        print(f"written: {name}, to be played with: netlab run {name}")
    if controller.session.deeds:
        keys = len(controller.session.deeds)
        raise Unfrozen(
            f"left as {controller.flow.pair}, after {keys} step{'s' * (keys > 1)} of your own"
        )
    if scenario.expect.healed is not None:
        print("removing the fault: the pair heals when a timer fires next", flush=True)


def _announce(lab: Lab, scenario: Scenario, style: Style) -> None:
    pair = lab.flow(scenario.expect.of).pair
    print(f"{style(scenario.name, 'bold')} is frozen: {style(str(pair), 'green')}")
    print("look at it from another terminal:" + style(" (Ctrl-C here ends it)", "dim"))
    for where, command in commands(lab):
        pad = " " * (8 - len(where))
        print(f"  {where if where == 'both' else style(where, 'cyan')}{pad}{command}", flush=True)


def _watch(
    lab: Lab, scenario: Scenario, duration: float | None, line: Callable[[Packet], str]
) -> None:
    """Print changes and packets, until `duration` seconds are over or Ctrl-C is pressed."""
    seen = lab.flow(scenario.expect.of).pair
    told = 0

    def look() -> None:
        nonlocal seen, told
        told = _tell_packets(lab, told, line)
        pair = lab.flow(scenario.expect.of).pair
        if pair != seen:
            seen = pair
            print(f"+{lab.elapsed():.2f} s now {pair}, {lab.dropped()} dropped", flush=True)

    if lab.tape is None:
        print(f"packets are not shown: {lab.no_tape}", flush=True)
    lab.wait(look, float("inf") if duration is None else duration)


def _tell_packets(lab: Lab, told: int, line: Callable[[Packet], str]) -> int:
    """Print each packet once it has crossed or been dropped; return the number of the next one."""
    tape = lab.tape
    if tape is None:
        return told
    ready = [
        (number, packet)
        for number, packet in tape.since(told)
        if number < tape.settled or packet.arrived or packet.dropped
    ]
    if not ready:
        return told
    if (more := ready[-MOST:][0][0] - told) > 0:
        print(f"({more} more packets, before)", flush=True)
    for _, packet in ready[-MOST:]:
        print(f"+{packet.at:.2f} s{line(packet)}", flush=True)
    return ready[-1][0] + 1


def _line(parts: Parts, style: Style) -> str:
    return "".join(style(text, *PACKET_COLOURS.get(kind, ())) for kind, text in parts[1:])
