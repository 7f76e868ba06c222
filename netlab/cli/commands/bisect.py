# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab bisect``: which commit changed what a kernel does."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.cli.shared import kernel_options
from netlab.cli.shared.allowing import add_allow_programs
from netlab.cli.shared.kernel_options import add_guests
from netlab.cli.shared.options import Commands, add_family, add_sysctl, ladder_text, note
from netlab.cli.shared.stopping import Stopped, stopping
from netlab.model import files
from netlab.model.errors import NetlabError, ScenarioError, Unmet, bug
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.kernels.bisect.history import Commit, History, Mark
    from netlab.kernels.bisect.search import Found
    from netlab.kernels.bisect.trial import Trial
    from netlab.kernels.matrix import Plan
    from netlab.kernels.suite import Job
    from netlab.model.evidence import Evidence
    from netlab.model.kernel_run import KernelRun
    from netlab.render.verdicts import Verdict

EPILOG = """\
examples:
  netlab bisect --good v6.12 --bad v6.13 --scenario fin-dropped ~/linux
  netlab bisect --good v6.12 --row rst-in-window/ESTABLISHED   HEAD is bad, in this folder
  netlab bisect --good v6.12 --bad HEAD~3 --timer keepalive
  netlab bisect --good A --scenario mine.yaml --build './my-build'
  git bisect run netlab bisect --step --scenario fin-dropped   git asks, netlab judges

TREE is a git tree with a .config (default: this folder). Both commits are tried first, so that what
they differ in is known; then those between, each built where it is: only what changed. One that
does not build or boot is skipped. The answer is the commit, what happens before and after it packet
by packet, and an entry for netlab's list of known changes, to be finished by hand. The tree is left
as it was found, on its branch, also after Ctrl-C; what was built stays.

With --step, what is checked out is built and judged by itself, with the exit codes that 'git bisect
run' takes: 0 the scenario passes, 1 it fails, 125 it does not build, boot or play, 128 and more:
nothing can be judged here.

exit codes: 0 found, 1 all that is left is skipped, 2 bad usage, or both commits do the same, 3 an
end cannot be judged, or no guest can be booted here, 130 stopped
"""
#: What `kernel_options` asks for, and a bisection always answers alike.
UNASKED: dict[str, Any] = {
    "warp": False, "slow": True, "atlas": False, "table": False, "hold": 0.0,
    "mirror": [], "keyring": [], "refresh": False, "name": "",
}  # fmt: skip
#: What `git bisect run` takes for: skip this one; and for: stop here.
SKIP, STOP = 125, 128


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "bisect",
        help="which commit changed what a kernel does",
        description="Build and play on the commits of a kernel's tree until one is left.",
        epilog=EPILOG,
    )
    command.add_argument(
        "tree", nargs="?", type=Path, metavar="TREE", default=Path(), help="the kernel's git tree"
    )
    what = command.add_argument_group("what is played").add_mutually_exclusive_group()
    what.add_argument("--scenario", metavar="NAME", help="a scenario, or a .yaml file")
    what.add_argument("--row", metavar="NAME", help="a row of netlab conformance, or a pattern")
    what.add_argument("--timer", metavar="NAME", help="a time-out, to its end, in virtual time")
    how = command.add_argument_group("how")
    add_family(how)
    add_sysctl(how)
    add_allow_programs(how)
    commits = command.add_argument_group("the commits")
    commits.add_argument("--good", metavar="COMMIT", help="one from before the change")
    commits.add_argument("--bad", metavar="COMMIT", help="one that has it (default: HEAD)")
    commits.add_argument(
        "--step", action="store_true", help="judge what is checked out, for 'git bisect run'"
    )
    commits.add_argument(
        "--build",
        metavar="COMMAND",
        default=f"make olddefconfig && make -j{os.cpu_count()}",
        help="builds the tree, in a shell (make olddefconfig && make -jN)",
    )
    add_guests(command)
    command.add_argument("--json", action="store_true", help="the answer as one JSON object")
    command.set_defaults(main=main, **UNASKED)


def main(options: argparse.Namespace) -> int:
    """Search, or judge one commit; the exit code. Raises `ScenarioError` where there is no tree."""
    try:
        if not options.tree.is_dir():
            raise ScenarioError("there is no such folder: expected a kernel's tree", options.tree)
        return _step(options) if options.step else _search(options)
    except Stopped as stopped:
        note("stopped; the tree is as it was found")
        return stopped.exit_code
    except Exception as error:  # Python's own exit code would be git's word for a bad commit
        if not options.step:
            raise
        note(str(error) if isinstance(error, NetlabError) else bug(error))
        return STOP


def for_git(code: int) -> int:
    """The exit code for ``git bisect run``, which takes any below 128 but 0 and 125 for a bad
    commit: a mistake in the command is none.
    """
    return STOP if code not in (0, Unmet.exit_code, SKIP) and code < STOP else code


def _step(options: argparse.Namespace) -> int:
    from netlab.kernels.bisect.history import Commit
    from netlab.kernels.bisect.trial import attempt

    if options.good or options.bad:
        raise ScenarioError("--step judges what is checked out: it takes no --good and no --bad")
    if options.timer:
        raise ScenarioError(
            "--step needs a scenario or a row: a time-out alone is neither good nor bad"
        )
    checked_out = Commit("", "", "what is checked out", "", "")
    with _trying(options) as (plan, check):
        trial = attempt(checked_out, options.tree.absolute(), options.build, plan, check)
    told = _told(trial.run) if trial.run else []
    skipped = [each.why for each in told if each.outcome == "skip"]
    if trial.why or skipped:
        note(trial.why or skipped[0])
        return SKIP
    failed = [each for each in told if each.outcome == "fail"]
    for each in failed:
        print("\n".join(each.details))
    return Unmet.exit_code if failed else 0


def _told(run: KernelRun) -> list[Verdict]:
    from netlab.render.verdicts import of_row, of_scenario

    return [*map(of_scenario, run.scenarios), *map(of_row, run.rows)]


def _search(options: argparse.Namespace) -> int:
    from netlab.kernels.bisect.history import History
    from netlab.kernels.bisect.search import search
    from netlab.kernels.bisect.trial import attempt

    if not options.good:
        raise ScenarioError("--good is missing: a commit from before the change")
    tree = options.tree.absolute()
    history = History(tree)
    good, bad = history.commit(options.good), history.commit(options.bad or "HEAD")
    with _trying(options) as (plan, check):

        def one(commit: Commit) -> Trial:
            return attempt(commit, tree, options.build, plan, check)

        found = search(history, good, bad, one, _Lines(options.json))
    if options.json:
        print(json.dumps(as_json(found), ensure_ascii=False))
    else:
        print("\n".join(_answer(found, history, Style.of(sys.stdout))))
    return 0 if len(found.suspects) == 1 else Unmet.exit_code


@contextmanager
def _trying(options: argparse.Namespace) -> Iterator[tuple[Plan, Callable[[], None]]]:
    """What is played, and a function to call often: it raises where a signal has come.

    Raises `LabError` where no guest can be booted here, before anything is built.
    """
    from netlab.kernels import cache
    from netlab.kernels.vm import qemu

    plan = kernel_options.plan(options, _job(options))
    qemu.program()
    files.prepare(cache.folder("guests"), "NETLAB_CACHE")  # or no commit could be judged
    with stopping() as stop:
        yield plan, stop.check


def _job(options: argparse.Namespace) -> Job:
    """What is played on each kernel, with every packet of it."""
    from netlab.conformance import rows
    from netlab.timers import measure

    if not (options.scenario or options.row or options.timer):
        raise ScenarioError("what is to be played is missing: --scenario, --row or --timer")
    if options.timer and options.timer not in measure.NAMES:
        known = ", ".join(measure.NAMES)
        raise ScenarioError(f"no time-out is called {options.timer!r}; there are {known}")
    names = [options.scenario] if options.scenario else []
    asked = argparse.Namespace(**vars(options), names=names, timers=not names)
    return replace(
        kernel_options.job(asked),
        timers=(options.timer,) if options.timer else (),
        table=bool(options.row),
        row_names=tuple(row.name for row in rows.choose([options.row])) if options.row else (),
        record=True,
    )


class _Lines:
    """One line when a commit is built, and one when it is judged."""

    def __init__(self, quiet: bool) -> None:
        self._stream = sys.stderr if quiet else sys.stdout
        self._style = Style.of(self._stream)
        self._number = 0

    def trying(self, commit: Commit, left: int) -> None:
        self._number += 1
        more = f", about {left} more" if left else ""
        head = self._style(f"step {self._number}{more}:", "dim")
        print(f"{head} {commit}", file=self._stream, flush=True)

    def tried(self, trial: Trial, mark: Mark) -> None:
        colours = {"good": "green", "bad": "red", "skip": "yellow"}
        times = f"built in {trial.build_s:.0f} s"
        if trial.run:
            times += f", played on in {trial.play_s:.0f} s"
        why = f" ({trial.why})" if trial.why else ""
        said = f"  {self._style(mark, colours[mark])}, {times}{why}"
        print(said, file=self._stream, flush=True)


def _answer(found: Found, history: History, style: Style) -> Iterator[str]:
    from netlab.kernels.bisect.draft import draft
    from netlab.kernels.compare.sentences import sentence

    first, *others = found.suspects
    yield ""
    if others:
        yield style("all of these that are left to be tried are skipped; it is one of", "yellow")
        yield from (f"  {commit}" for commit in reversed(found.suspects))
    else:
        yield f"{style(str(first), 'bold')} is the first bad commit"
        yield style(f"{first.id}, {first.author}, {first.day}", "dim")
    ends = found.before.commit.short, found.after.commit.short
    told = dict.fromkeys(sentence([each], *ends) for each in found.differences)
    yield from (f"  {each}" for each in told)
    for word, trial in (("before", found.before), ("after", found.after)):
        for run in _recorded(trial):
            yield f"\n{style(f'{word}: {trial.commit}', 'bold')}"
            yield ladder_text(run) if run.recording else f"  {run.outcome}: {run.reason}"
    if not others:
        yield f"\n{style('for changes.yaml, to be finished by hand:', 'bold')}\n"
        since = history.first_release(first) or _series(found.after)
        yield draft(first, since, found.differences).rstrip()
    yield f"\n{_times(found)}"


def _recorded(trial: Trial) -> Iterator[Evidence]:
    """What crossed the wire: of the scenario, or of each row over IPv4, or else over IPv6."""
    from netlab.conformance import rows, telling

    if trial.run is None:
        return
    yield from trial.run.scenarios
    shown = set()
    for one in trial.run.rows:
        if one.name not in shown:
            shown.add(one.name)
            (row,) = rows.choose([one.name])
            yield telling.evidence(row, one, trial.run.machine.release)


def _series(trial: Trial) -> str:
    """``6.12`` of the release 6.12.117-mine."""
    release = trial.run.machine.release if trial.run else ""
    return ".".join(release.split("-")[0].split(".")[:2])


def _times(found: Found) -> str:
    number = len(found.trials)
    build, play = (
        sum(times) / number
        for times in zip(*((one.build_s, one.play_s) for one in found.trials), strict=True)
    )
    return (
        f"{number} steps, {build + play:.0f} s each: {build:.0f} s to build, {play:.0f} s to play"
    )


def as_json(found: Found) -> dict[str, Any]:
    """The answer as plain data: suspects from the last one on, and all that was tried."""
    return {
        "found": found.suspects[0].id if len(found.suspects) == 1 else None,
        "suspects": [{"id": each.id, "subject": each.subject} for each in found.suspects],
        "differences": [
            {"topic": each.topic, "subject": each.subject, "aspect": each.aspect,
             "before": each.before, "after": each.after}
            for each in found.differences
        ],
        "trials": [
            {"id": each.commit.id, "skipped": each.why,
             "build_s": round(each.build_s, 3), "play_s": round(each.play_s, 3)}
            for each in found.trials
        ],
    }  # fmt: skip
