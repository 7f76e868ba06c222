# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab teach``: a scenario walked through step by step, with predictions."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from netlab.cli.shared.allowing import add_allow_programs, announce
from netlab.cli.shared.exit_codes import of_runs
from netlab.cli.shared.options import Commands, add_family, add_names, note
from netlab.model.errors import ScenarioError
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.model.evidence import Evidence
    from netlab.model.vocabulary import Family
    from netlab.scenario.model import Scenario
    from netlab.teaching.person import Conversation
    from netlab.teaching.progress import Progress

EPILOG = """\
examples:
  netlab teach                    the lessons, in a good order, and what you have done
  netlab teach --next             the next of them
  netlab teach synack-dropped     one of them
  printf '\\n\\nSYN_SENT\\nSYN_RECV\\n' | netlab teach synack-dropped  with the answers from a pipe

exit codes: 0 walked through or left, 1 a pair was not held, 2 bad usage or no such lesson,
3 the lab could not be built
"""
#: Seconds of reading after which the kernel's timers may have ended the pair.
LONG = 20.0
WIDTH = 80  # columns


class NotHere(ScenarioError):
    """A lesson that cannot be played on this kernel, or over this family."""


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
    command.add_argument(
        "--next", action="store_true", help="the next lesson that you have not done yet"
    )
    command.add_argument("--forget", action="store_true", help="forget which lessons you have done")
    add_family(command)
    add_allow_programs(command)
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """List the lessons, or teach one.

    Raises `ScenarioError` for options that exclude each other, and for a scenario that only waits.
    """
    from netlab.scenario import catalogue
    from netlab.teaching.progress import Progress

    progress = Progress()
    if (options.names is not None) + options.next + options.forget > 1:
        raise ScenarioError("teach takes a name, --next or --forget: one of them")
    if options.forget:
        return _forget(progress)
    if options.next:
        return _next(options, progress)
    if options.names is None:
        _list(progress)
        return 0
    scenario = catalogue.one(options.names, note)
    if scenario.slow and scenario.code is None:
        raise ScenarioError(_only_waits(scenario))
    announce([scenario], options)
    return _teach(options, scenario, progress)


def _only_waits(scenario: Scenario) -> str:
    from netlab.teaching import lesson

    name = scenario.path.stem
    if name in {entry.name for entry in lesson.entries()}:
        return f"{scenario.name} only waits; its lesson is 'netlab teach {name}'"
    return f"{scenario.name} only waits, and is no lesson; 'netlab run --slow' plays it"


def _forget(progress: Progress) -> int:
    """Begin anew. Raises `ScenarioError` if that fails: the failure must be seen."""
    forgotten = progress.forget()
    if progress.trouble:
        raise ScenarioError(progress.trouble)
    print("Every lesson counts as new again." if forgotten else "There was nothing to forget.")
    return 0


def _width() -> int:
    """Columns of the terminal, or 80: longer lines are hard to read."""
    return min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH


def _list(progress: Progress) -> None:
    """The explanation comes first, or, where the list scrolls, after it: where the screen ends."""
    from netlab.teaching import contents
    from netlab.teaching.person import wrapped

    done, width, style = progress.done(), _width(), Style.of(sys.stdout)
    what = [*wrapped(contents.WHAT, width), ""]
    lessons = [*contents.lessons(done, width, style)]
    ending = [*contents.ending(done, width, style)]
    scrolls = sys.stdout.isatty() and (
        len(what) + len(lessons) + len(ending) >= shutil.get_terminal_size().lines
    )
    print("\n".join([*lessons, *what, *ending] if scrolls else [*what, *lessons, *ending]))
    if progress.trouble:
        print(style(f"({progress.trouble})", "dim"))


def _next(options: argparse.Namespace, progress: Progress) -> int:
    """The next lesson that is not done and that can be played here."""
    from netlab.scenario import catalogue
    from netlab.teaching import contents

    done = progress.done()
    while (entry := contents.following(done)) is not None:
        try:
            return _teach(options, catalogue.one(entry.name), progress)
        except NotHere as why:
            print(f"{why}. The next one, then:")
            done = {**done, entry.name: ""}
    print("\n".join(contents.ending(done, _width(), Style.of(sys.stdout))))
    return 0


def _teach(options: argparse.Namespace, scenario: Scenario, progress: Progress) -> int:
    from netlab.model.vocabulary import Family
    from netlab.teaching.person import Conversation, Quit, Typed

    family = Family.IPV6 if options.ipv6 else scenario.family or Family.IPV4
    echo = sys.stdin is None or not sys.stdin.isatty()
    person = Conversation(Typed(sys.stdin), sys.stdout, Style.of(sys.stdout), echo, _width())
    words = ["netlab", "teach", *(["--ipv6"] if options.ipv6 else []),
             options.names or scenario.name]  # fmt: skip
    try:
        return taught(
            person, scenario, family, shlex.join(words), lambda: _end(person, scenario, progress)
        )
    except Quit:
        return 0


def _end(person: Conversation, scenario: Scenario, progress: Progress) -> None:
    """Remember a lesson that was walked to its end, and say which is next."""
    from netlab.teaching import lesson

    walked = lesson.is_lesson(scenario) and not person.alone
    if walked:
        progress.add(scenario.name)
    done = {*progress.done(), *([scenario.name] if walked else [])}
    order = lesson.entries()
    person.line()
    if walked:
        person.say(f"Done: {sum(entry.name in done for entry in order)} of {len(order)} lessons.")
    if progress.trouble:
        person.say(f"({progress.trouble})", "dim")
    after = lesson.following(scenario.name, {*done, scenario.name})
    if after is not None:
        person.line(f"Next: {person.style(f'netlab teach {after.name}', 'cyan')}")
        person.say(after.title, "dim", indent=6)
    else:
        person.say("That was the last lesson.")


def taught(
    person: Conversation,
    scenario: Scenario,
    family: Family,
    command: str = "",
    ended: Callable[[], None] = lambda: None,
) -> int:
    """Play the lesson, and again if the kernel's timers were faster than the reader.

    `command` begins it again; `ended` is called when it was walked to its end. Raises `Quit`,
    after a message, if the person leaves.
    """
    from netlab.teaching.person import Quit
    from netlab.teaching.play import PairEnded

    while True:
        person.waited = 0.0
        try:
            evidence = _play(person, scenario, family, command)
        except PairEnded as now:
            code = 0
            person.line()
            person.say(
                f"While you were reading, the pair became {now}. The kernel's timers run on "
                f"meanwhile, and no state that waits for an answer lasts for ever.", "yellow"
            )  # fmt: skip
        else:
            if evidence.outcome == "pass":
                ended()
            code = of_runs([evidence])
            if code != 1 or person.waited < LONG:
                return code
            person.say(
                f"You read for {person.waited:.0f} s, and the kernel's timers did not wait: "
                "that may be why. It is not your fault.", "yellow"
            )  # fmt: skip
        try:
            again = person.agrees("Play it again?")
        except Quit:
            again = False
        if not again:
            return code


def _play(person: Conversation, scenario: Scenario, family: Family, command: str) -> Evidence:
    from netlab.render.failure import failure
    from netlab.scenario import runner
    from netlab.teaching import lesson
    from netlab.teaching.person import Quit, look_for
    from netlab.teaching.play import LessonSession

    walk = LessonSession(person, lesson.of(scenario), scenario, family)
    record = _can_record(family)
    how = runner.Options(family=family, record=record, frozen=walk.frozen, step=walk.step)
    try:
        ((_, evidence),) = runner.play_all([scenario], how)
    except (Quit, KeyboardInterrupt) as leaving:
        if isinstance(leaving, KeyboardInterrupt):
            person.line()
        ahead = f" Still to come: {ahead}." if (ahead := walk.left()) else ""
        person.say(f"You have left {scenario.name}.{ahead} The lab is gone, and nothing is left "
                   f"behind. To begin it again:", "dim")  # fmt: skip
        person.line(f"  {person.style(command, 'cyan')}")
        raise
    finally:
        person.look_for = look_for  # the lab, which had its own way of waiting, is closed
    if evidence.outcome == "skip":
        raise NotHere(f"{scenario.name} cannot be played here: {evidence.reason}")
    if evidence.outcome == "pass":
        walk.end(evidence)
    else:
        person.line(failure(evidence, person.style))
    return evidence


def _can_record(family: Family) -> bool:
    """Whether packets can be shown here; a lesson is worth taking without them too."""
    from netlab.model.errors import LabError
    from netlab.testbed.lab import Lab

    try:
        with Lab(family, record=True):
            return True
    except LabError:
        return False
