# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab teach``: a scenario walked through step by step, with predictions."""

from __future__ import annotations

import argparse
import difflib
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
  netlab teach                        where you left off; at first, the first lesson
  netlab teach --list                 the lessons, in a good order, and what you have done
  netlab teach synack-dropped         one of them
  netlab teach --from synack-dropped  that one, and then those that follow
  netlab teach --again                the last one once more
  netlab teach --next                 not the one that you left: the next one
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
        "real thing on this kernel, and why. Without a name: the lesson that you left, or the next "
        "one.",
        epilog=EPILOG,
    )
    add_names(command, "?", "a lesson (a scenario's name), or a .yaml file of your own")
    command.add_argument("--list", action="store_true", help="the lessons, and which are done")
    command.add_argument(
        "--next", action="store_true", help="the next lesson that you have not done yet"
    )
    from_ = command.add_argument(
        "--from", metavar="LESSON", dest="from_", help="this lesson, and then those that follow"
    )
    from_.completer = _lessons
    command.add_argument("--again", action="store_true", help="the last lesson once more")
    command.add_argument("--forget", action="store_true", help="forget which lessons you have done")
    add_family(command)
    add_allow_programs(command)
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """List the lessons, or teach one.

    Raises `ScenarioError` for options that exclude each other, and for a scenario that only waits.
    """
    from netlab.teaching.progress import Progress

    progress = Progress()
    ways = {
        "a name": options.names is not None,
        "--list": options.list,
        "--next": options.next,
        "--from": options.from_ is not None,
        "--again": options.again,
        "--forget": options.forget,
    }
    if sum(ways.values()) > 1:
        raise ScenarioError(f"teach takes {', '.join([*ways][:-1])} or --forget: one of them")
    if options.forget:
        return _forget(progress)
    if options.list:
        _list(progress)
        return 0
    if options.names is not None:
        return _named(options, progress)
    if options.from_ is not None:
        return _from(options, progress)
    if options.again:
        return _again(options, progress)
    return _next(options, progress, "" if options.next else progress.left())


def _named(options: argparse.Namespace, progress: Progress) -> int:
    from netlab.scenario import catalogue

    scenario = catalogue.one(options.names, note)
    if scenario.slow and scenario.code is None:
        raise ScenarioError(_only_waits(scenario))
    announce([scenario], options)
    return _teach(options, scenario, progress)


def _lessons(**_: object) -> list[str]:
    from netlab.teaching import lesson

    return [entry.name for entry in lesson.entries()]


def _from(options: argparse.Namespace, progress: Progress) -> int:
    """A lesson and those that follow, done or not, until one is left or does not pass."""
    from netlab.scenario import catalogue

    names = _lessons()
    if options.from_ not in names:
        near = difflib.get_close_matches(options.from_, names, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise ScenarioError(
            f"--from: {options.from_!r} is no lesson: {guess}'netlab teach --list' has them all"
        )
    for name in names[names.index(options.from_) :]:
        try:
            code = _teach(options, catalogue.one(name), progress)
        except NotHere as why:
            print(f"{why}. The next one, then:")
            continue
        if code or progress.left() == name or not sys.stdin or not sys.stdin.isatty():
            return code
    return 0


def _again(options: argparse.Namespace, progress: Progress) -> int:
    """The lesson that was left or finished last. Raises `ScenarioError` where there is none."""
    from netlab.scenario import catalogue

    last = progress.left() or next(reversed([*progress.done()]), "")
    if last not in _lessons():
        raise ScenarioError("--again: no lesson was played so far; 'netlab teach' plays the first")
    return _teach(options, catalogue.one(last), progress)


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

    done, left = progress.done(), progress.left()
    width, style = _width(), Style.of(sys.stdout)
    what = [*wrapped(contents.WHAT, width), ""]
    lessons = [*contents.lessons(done, width, style, left)]
    ending = [*contents.ending(done, width, style, left)]
    scrolls = sys.stdout.isatty() and (
        len(what) + len(lessons) + len(ending) >= shutil.get_terminal_size().lines
    )
    print("\n".join([*lessons, *what, *ending] if scrolls else [*what, *lessons, *ending]))
    if progress.trouble:
        print(style(f"({progress.trouble})", "dim"))


def _next(options: argparse.Namespace, progress: Progress, left: str) -> int:
    """The lesson that was left, or the next one that is not done, if it can be played here. Who
    begins is told what a lesson is.
    """
    from netlab.scenario import catalogue
    from netlab.teaching import contents
    from netlab.teaching.person import wrapped

    done = progress.done()
    if not done and not left:
        print("\n".join([*wrapped(contents.WHAT, _width()), ""]), flush=True)
    while (entry := contents.following(done, left)) is not None:
        try:
            return _teach(options, catalogue.one(entry.name), progress)
        except NotHere as why:
            print(f"{why}. The next one, then:")
            done, left = {**done, entry.name: ""}, ""
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
    except (Quit, KeyboardInterrupt) as leaving:
        _leave(person, scenario, progress)
        if isinstance(leaving, Quit):
            return 0
        raise


def _leave(person: Conversation, scenario: Scenario, progress: Progress) -> None:
    """Remember the lesson that a person has left: 'netlab teach' begins with it."""
    from netlab.teaching import lesson

    if lesson.is_lesson(scenario) and not person.alone:
        progress.leave(scenario.name)
        if progress.trouble:
            person.say(f"({progress.trouble})", "dim")


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
