# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab baseline``: record what a kernel does, and check later that it still does."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli.shared import kernel_options
from netlab.cli.shared.comparison import counted
from netlab.cli.shared.guest_progress import watching
from netlab.cli.shared.kernel_options import add_archives, add_guests, add_what
from netlab.cli.shared.options import Commands, add_names, note
from netlab.cli.shared.verdict_options import add_verdicts, prepare_junit, write_junit
from netlab.model import files
from netlab.model.errors import LabError, ScenarioError, Unmet
from netlab.model.text import some
from netlab.model.vocabulary import Family
from netlab.render.ktap import nested
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.kernels.compare.baseline import Checked
    from netlab.kernels.compare.behaviour import KernelProfile
    from netlab.kernels.suite import Job
    from netlab.model.kernel_run import KernelRun, Machine

EPILOG = """\
examples:
  netlab baseline record -o 6.18.yaml              play everything here, and keep the results
  netlab baseline check 6.18.yaml                  play it again, and report what differs
  netlab baseline check 6.18.yaml --kernel ./vmlinuz          on a kernel that was just built
  netlab baseline check 6.18.yaml --sysctl tcp_abort_on_overflow=1     with a sysctl changed
  netlab baseline check 6.18.yaml 'syn*' --kernel debian:sid  some of it (names come before options)
  netlab baseline check 6.18.yaml --kernel . --name fix-2     a build, kept for netlab compare
  netlab baseline check 6.18.yaml --run run.jsonl  compare a stored run, play nothing
  netlab baseline record --run run.jsonl           make a baseline from one

A baseline holds what a kernel does every time, and nothing about how fast it did it. It is a text
file for version control. Of a kernel that is booted it has everything, in virtual time, where hours
are seconds; of the host what takes no minutes, and with --warp what takes no quarter of an hour. A
check plays what the baseline holds. What only this run has is noted on standard error, and so is
what takes too long here; what was recorded and could not be played is exit code 3.

exit codes: 0 as recorded; 1 it behaves otherwise, or panics or hangs on what was recorded;
2 bad usage or no baseline; 3 something recorded could not be played, and nothing else differs
"""
RECORD_EPILOG = """\
examples:
  netlab baseline record -o 6.18.yaml        play everything here, and keep the results
  netlab baseline record --run run.jsonl     from a stored run, printed; nothing is played
  netlab baseline record 'syn*' -o syn.yaml  of some scenarios (names come before options)
  netlab baseline record -o mine.yaml --kernel . --append tcp_debug=1  of one just built
  netlab baseline record -o sid.yaml --kernel debian:sid  of another kernel

exit codes: 0 recorded, 2 bad usage, 3 something could not be played, and nothing is recorded
"""
CHECK_EPILOG = """\
examples:
  netlab baseline check 6.18.yaml                     play it again, and report what differs
  netlab baseline check 6.18.yaml --run run.jsonl     compare a stored run, play nothing
  netlab baseline check 6.18.yaml --kernel ./vmlinuz  on a kernel that was just built
  netlab baseline check 6.18.yaml --junit out.xml     a test for each thing that was recorded
  netlab baseline check 6.18.yaml --json              a line of JSON for each difference
  netlab baseline check 6.12.yaml --kernel debian:sid --ignore-known  what nobody knows of

exit codes: 0 as recorded; 1 it behaves otherwise, or panics or hangs on what was recorded;
2 bad usage or no baseline; 3 something recorded could not be played, and nothing else differs
"""


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "baseline",
        help="record what a kernel does, and check that it still does",
        description="Record what TCP does on a kernel, and check another run against it.",
        epilog=EPILOG,
    )
    actions = command.add_subparsers(metavar="ACTION", required=True)
    record = actions.add_parser(
        "record",
        help="write a baseline",
        description="Play scenarios, or take a stored run, and write what the kernel did.",
        epilog=RECORD_EPILOG,
    )
    record.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the file (default: standard output)"
    )
    record.set_defaults(main=main_record)
    check = actions.add_parser(
        "check",
        help="compare with a baseline",
        description="Play scenarios, or take a stored run, and compare it with a baseline.",
        epilog=CHECK_EPILOG,
    )
    check.add_argument("file", type=Path, metavar="FILE", help="a file that baseline record wrote")
    check.add_argument(
        "--ignore-missing",
        action="store_true",
        help="what the baseline has and the run does not is no difference",
    )
    check.add_argument(
        "--ignore-known",
        action="store_true",
        help="what a known change of Linux explains is told, and is no difference",
    )
    check.set_defaults(main=main_check)
    add_verdicts(check, "one JSON object for each difference, and one for all")
    check.add_argument(
        "--output", type=Path, metavar="DIR", help="also write the run there, as netlab matrix does"
    )
    for each in (record, check):
        _add_playing(each)


def _add_playing(command: argparse.ArgumentParser) -> None:
    add_names(command, "*", "scenarios: a name, a pattern, a folder or a .yaml file (default: all)")
    command.add_argument("--run", type=Path, metavar="RUNFILE", help="a stored run; play nothing")
    add_what(command)
    kernels = command.add_argument_group("the kernel")
    kernels.add_argument(
        "--kernel", metavar="SPEC", default="host", help="as for netlab matrix (default: this one)"
    )
    add_archives(kernels)
    add_guests(command)
    kernel_options.add_name(command)


def main_record(options: argparse.Namespace) -> int:
    """Play, or read a stored run, and write its baseline.

    Raises `LabError` (exit code 3) for a run in which not everything could be played, and as
    `files.write` where the file cannot be written.
    """
    from netlab.kernels.compare import baseline
    from netlab.kernels.compare.behaviour import behaviour

    run = obtain_run(options, to_record)
    if run.error:
        raise LabError(f"{run.machine.name}: {run.error}; an incomplete run is not recorded")
    if broken := [play.scenario for play in run.scenarios if play.outcome == "error"]:
        note(f"could not be played, which a check will not count as a difference: {some(broken)}")
    text = baseline.text(behaviour(run))
    if options.output is None:
        sys.stdout.write(text)
        return 0
    files.write(options.output, text)
    holds = [counted(len(run.scenarios), "scenario")]
    holds += [counted(len(run.rows), "row")] if run.rows else []
    holds += [counted(len(run.timings), "time-out")] if run.timings else []
    print(f"baseline of {run.machine.name}: {options.output} ({', '.join(holds)})")
    return 0


def main_check(options: argparse.Namespace) -> int:
    """Play, compare, and print each difference; return 1 if there is one.

    Return 3 if something of the baseline could not be compared, and nothing else differs. Raises
    `LabError` (the same code) where nothing of it was played, also where something may be missing.
    """
    from netlab.kernels.compare import baseline
    from netlab.kernels.compare.behaviour import behaviour
    from netlab.kernels.compare.tested import verdicts
    from netlab.kernels.matrix import file_name
    from netlab.render.junit import JunitSuite

    whole_record = baseline.read(options.file)
    recorded = whole_record if options.run else in_good_time(whole_record, options)
    if options.output is not None:
        files.prepare(options.output)
    prepare_junit(options)
    began = datetime.now().astimezone()
    run = obtain_run(options, partial(to_check, recorded))
    if options.output is not None:
        run.write(options.output / file_name(run))
    # What is named, and time-outs alone, are a part of the baseline on purpose.
    whole = not (options.ignore_missing or options.names or options.timers)
    now = behaviour(run)
    checked = baseline.check(recorded, now, whole)
    if options.ignore_known:
        checked = checked.without_known()
    names = _both(run.machine, recorded.machine)
    nothing = not (checked.open or checked.otherwise or baseline.in_common(recorded, now))
    if nothing:
        raise LabError(f"{names}: nothing of the baseline was played, so nothing was compared")
    tests = verdicts(whole_record, now, checked, run.wall_s)
    remarks = (*checked.notes, *(f"the kernel said: {line}" for line in _trouble(run)))
    if options.json:
        _print_json(checked, run.machine, recorded.machine)
    elif options.ktap:
        print("\n".join(nested({f"baseline {options.file.stem}": tests})))
    else:
        _print(checked, remarks, names)
        remarks = ()
    _print_remarks(remarks)
    about = {**asdict(run.machine), "baseline": recorded.machine.name}
    known = tuple((name, str(value)) for name, value in about.items() if value)
    suite = JunitSuite("netlab baseline", tests, run.wall_s, known)
    trouble = write_junit(options, [suite], began)
    for error in trouble:
        note(str(error))
    if checked.otherwise:
        return Unmet.exit_code
    return LabError.exit_code if checked.open or trouble else 0


def _print_remarks(remarks: Iterable[str]) -> None:
    for remark in remarks:
        print(f"{Style.of(sys.stderr)('note', 'dim')} {remark}", file=sys.stderr)


def _print(checked: Checked, remarks: Iterable[str], names: str) -> None:
    """What a check found, for people."""
    style = Style.of(sys.stdout)
    for sentence in checked.differences:
        print(f"{style('DIFFERENT', 'red')} {sentence}")
    for sentence in checked.known:
        print(f"{style('KNOWN', 'dim')} {sentence}")
    for sentence in checked.uncompared:
        print(f"{style('NOT COMPARED', 'yellow')} {sentence}")
    sys.stdout.flush()  # what stands between is on standard error
    _print_remarks(remarks)
    if checked.otherwise:
        number = counted(len(checked.otherwise), "difference")
        print(f"\n{style(number, 'red')} ({names})")
    elif checked.open:
        print(f"\n{style('not everything could be compared', 'yellow')} ({names})")
    elif checked.known:
        print(f"\n{style('as recorded, but for known changes', 'green')} ({names})")
    else:
        print(f"{style('as recorded', 'green')} ({names})")


def _print_json(checked: Checked, now: Machine, recorded: Machine) -> None:
    """What a check found, in lines of JSON: the last one is about all of it."""
    for word, some_found in (
        ("different", checked.otherwise),
        ("known", checked.explained),
        ("not compared", checked.open),
    ):
        for one in some_found:
            about = [{"topic": topic, "name": name} for topic, name in one.about]
            print(json.dumps({"result": word, "says": one.sentence, "about": about,
                              "change": one.change}))  # fmt: skip
    result = "not compared" if checked.open else "as recorded"
    print(json.dumps({
        "result": "different" if checked.otherwise else result, "kernel": now.name,
        "baseline": recorded.name, "differences": len(checked.otherwise),
        "known": len(checked.explained), "not_compared": len(checked.open),
    }))  # fmt: skip


def _both(now: Machine, recorded: Machine) -> str:
    """The kernel that was played and that of the baseline, with their builds where it takes them to
    tell which is which.
    """
    names = [now.name, recorded.name]
    if names[0] == names[1] and now.build != recorded.build:
        names = [f"{one.name} {one.build}" for one in (now, recorded)]
    return f"{names[0]}, baseline {names[1]}"


def _trouble(run: KernelRun) -> tuple[str, ...]:
    """What a kernel wrote about its own faults, and went on."""
    return run.console if run.done else ()


def obtain_run(
    options: argparse.Namespace, to_play: Callable[[argparse.Namespace], Job]
) -> KernelRun:
    """Return the run that the options ask for: stored, or played now, here or in a virtual machine;
    then it is what `to_play` makes of the options.
    """
    from netlab.model import kernel_run

    run = kernel_run.read(options.run) if options.run else _played(options, to_play(options))
    return replace(run, machine=replace(run.machine, label=options.name or run.machine.label))


def _played(options: argparse.Namespace, job: Job) -> KernelRun:
    from netlab.kernels import matrix
    from netlab.kernels.sources import spec

    if options.append and options.kernel == "host":
        raise ScenarioError(kernel_options.RUNS_ALREADY)
    with watching([options.kernel], len(job.scenarios())) as watcher:
        plan = kernel_options.plan(options, job)
        try:
            runs = matrix.play([spec.parse(options.kernel)], plan, watcher)
        except matrix.Unkept as error:  # nothing here needs what is in the cache
            note(str(error))
            runs = [*error.runs]
    return runs[0]


def to_record(options: argparse.Namespace) -> Job:
    """What is played for a baseline, if nothing is named: all that does not take minutes here."""
    from netlab.timers import measure

    if options.names or options.timers or options.warp:
        return kernel_options.job(options)
    if _is_virtual(options):
        return kernel_options.job(argparse.Namespace(**{**vars(options), "warp": True}))
    note("what takes minutes in real time is left out: --warp plays that, too")
    return replace(kernel_options.job(options), timers=measure.QUICK)


def in_good_time(recorded: KernelProfile, options: argparse.Namespace) -> KernelProfile:
    """What a baseline holds, without what was seen in virtual time and takes minutes in real time;
    what takes minutes can be asked for, and what takes hours cannot.
    """
    from netlab.kernels.compare.behaviour import name_in
    from netlab.scenario import catalogue
    from netlab.timers import measure

    if _is_virtual(options) or recorded.machine.clock == "real":
        return recorded
    asked = options.names or options.slow or options.timers or options.warp
    slow = {each.name for each in catalogue.choose((), slow=True) if each.slow and not asked}
    timers = {*measure.NAMES} - {*measure.HOURS} if asked else {*measure.QUICK}
    family = str(Family.IPV6 if options.ipv6 else Family.IPV4)
    scenarios = {n: v for n, v in recorded.scenarios.items() if name_in(family, n) not in slow}
    # A counter may have moved at both ends of each scenario that is left out, and nowhere else.
    gone = 2 * (len(recorded.scenarios) - len(scenarios))
    kept = replace(
        recorded,
        scenarios=scenarios,
        counters={n: max(many - gone, min(many, 1)) for n, many in recorded.counters.items()},
        timers={n: v for n, v in recorded.timers.items() if n in timers},
    )
    if kept != recorded and not asked:
        note("what takes minutes in real time is left out: --warp plays that, too")
    return kept


def _is_virtual(options: argparse.Namespace) -> bool:
    """Whether time-outs are waited for in virtual time, where hours are seconds."""
    return bool(options.kernel != "host" and options.clock != "real")


def to_check(recorded: KernelProfile, options: argparse.Namespace) -> Job:
    """What is played of what a baseline holds; the rest could not be compared.

    What is named may be of the user's own; if nothing is named, it is whatever the baseline has,
    wherever one stands. Raises `ScenarioError` if nothing is left.
    """
    from netlab.kernels.compare.behaviour import name_in
    from netlab.scenario import catalogue

    names = options.names
    if not names and not options.timers:
        family = str(Family.IPV6 if options.ipv6 else Family.IPV4)
        recorded_names = (name_in(family, name) for name in recorded.scenarios)
        names = sorted({*filter(None, recorded_names)} & {*catalogue.names()})
    job = kernel_options.job(argparse.Namespace(**{**vars(options), "names": names}))
    return _held(job, recorded, options)


def _held(job: Job, recorded: KernelProfile, options: argparse.Namespace) -> Job:
    """Reduce a job to what the baseline holds."""
    from netlab.kernels.compare.behaviour import name_in
    from netlab.timers import measure

    named, family = bool(options.names), str(job.family)
    names = tuple(filter(None, (name_in(family, name) for name in recorded.scenarios)))
    rows = tuple(name.partition(" (")[0] for name in recorded.rows)
    job = replace(job, slow=True, only=(*names, *rows))
    job = replace(job, plays=job.plays and bool(names and job.scenarios()))
    wants_timers = options.timers or options.warp or not named
    job = replace(
        job,
        table=bool(recorded.rows) and (job.table if named else not options.timers),
        atlas=bool(recorded.cells) and (options.atlas or not (named or options.timers)),
        timers=tuple(one for one in measure.NAMES if wants_timers and one in recorded.timers),
    )
    if not (job.plays or job.table or job.atlas or job.timers):
        has = ", ".join(list(recorded.scenarios)[:3]) or "no scenario"
        problem = f"holds nothing of what was asked for; it has {has}"
        if names and not named:
            problem = f"holds only scenarios of your own, such as {has}: name their files, too"
        elif recorded.scenarios and not names:
            problem += f": it was recorded {'without' if options.ipv6 else 'with'} --ipv6"
        raise ScenarioError(problem, options.file)
    return job
