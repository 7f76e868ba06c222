# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab teach``: a scenario walked through step by step, with predictions."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from netlab.cli.common import Commands, add_family, add_names
from netlab.cli.run import exit_code
from netlab.errors import ScenarioError
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.evidence import Evidence
    from netlab.scenario.model import Scenario
    from netlab.teaching.person import Person
    from netlab.testbed.words import Family

EPILOG = """\
examples:
  netlab teach                    the lessons, in a good order
  netlab teach synack-dropped     one of them
  printf '\\n\\nSYN_SENT\\nSYN_RECV\\n' | netlab teach synack-dropped  with the answers from a pipe

exit codes: 0 walked through or left, 1 a pair was not held, 2 bad usage or no such lesson,
3 the lab could not be built
"""
#: Who has read for longer than this may have lost a pair to the kernel's timers.
LONG = 20.0


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "teach",
        help="walk through a scenario: predict the pair, do it, look, why",
        description="Walk through a scenario step by step: what will happen, your prediction, the "
        "real thing on this kernel, and why. Without a name: the lessons, in a good order.",
        epilog=EPILOG,
    )
    add_names(command, "?", "a lesson (a scenario's name), or a .yaml file of your own")
    add_family(command)
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """List the lessons, or teach one."""
    style = Style.of(sys.stdout)
    if options.names is None:
        _list(style)
        return 0
    from netlab.scenario import catalogue
    from netlab.teaching.person import Person, Typed
    from netlab.testbed.words import Family

    scenario = catalogue.one(options.names)
    if scenario.slow:
        raise ScenarioError(
            f"{scenario.name} only waits; its lesson is 'netlab teach {scenario.path.stem}'"
        )
    family = Family.IPV6 if options.ipv6 else scenario.family or Family.IPV4
    echo = sys.stdin is None or not sys.stdin.isatty()
    person = Person(Typed(sys.stdin), sys.stdout, style, echo)
    try:
        return taught(person, scenario, family)
    except EOFError:
        person.say("You have left the lesson; nothing is left behind.", "dim")
        return 0


def _list(style: Style) -> None:
    from netlab.teaching import lesson

    width = max(len(entry.name) for entry in lesson.entries())
    for part in lesson.parts():
        print(style(part.title, "bold"))
        for entry in part.entries:
            print(f"  {style(entry.name.ljust(width), 'cyan')}  {entry.title}")
        print()
    print(f"{len(lesson.entries())} lessons. 'netlab teach NAME' begins one.")


def taught(person: Person, scenario: Scenario, family: Family) -> int:
    """Play the lesson, and again where the kernel's timers were faster than a reader."""
    from netlab.teaching.play import Gone

    while True:
        person.waited = 0.0
        try:
            evidence = _play(person, scenario, family)
        except Gone as now:
            code = 0
            person.line()
            person.say(
                f"While you were reading, the pair has become {now}. The kernel's timers run on "
                f"while one reads, and no state that waits for an answer lasts for ever.", "yellow"
            )  # fmt: skip
        else:
            code = exit_code([evidence])
            if code != 1 or person.waited < LONG:
                return code
            person.say(
                f"You have read for {person.waited:.0f} s, and the kernel's timers did not wait: "
                "that can be why. It is not your fault.", "yellow"
            )  # fmt: skip
        if not person.ask("Play it again? [y/N] ").lower().startswith("y"):
            return code


def _play(person: Person, scenario: Scenario, family: Family) -> Evidence:
    from netlab.render.failure import failure
    from netlab.scenario import runner
    from netlab.teaching import lesson
    from netlab.teaching.person import look_for
    from netlab.teaching.play import Walk

    walk = Walk(person, lesson.of(scenario), scenario, family)
    record = _can_record(family)
    how = runner.Options(family=family, record=record, frozen=walk.frozen, step=walk.step)
    try:
        ((_, evidence),) = runner.play_all([scenario], how)
    finally:
        person.look_for = look_for  # the lab, which had its own way, is closed
    if evidence.outcome == "skip":
        raise ScenarioError(f"{scenario.name} cannot be played here: {evidence.reason}")
    if evidence.outcome == "pass":
        walk.end(evidence)
    else:
        person.line(failure(evidence, person.style))
    return evidence


def _can_record(family: Family) -> bool:
    """Whether packets can be shown here; a lesson is worth taking without them too."""
    from netlab.errors import LabError
    from netlab.testbed.lab import Lab

    try:
        with Lab(family, record=True):
            return True
    except LabError:
        return False
