# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab search``: which packets a program cannot do without."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli.shared.options import Commands, add_family, note, positive, seconds
from netlab.cli.shared.progress import Shown
from netlab.cli.shared.stopping import Stopped, stopping
from netlab.model import files
from netlab.model.errors import ScenarioError, Unmet
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.model.evidence import Evidence
    from netlab.search.cases import Case
    from netlab.search.hunt import Hunt
    from netlab.search.judge import Judged
    from netlab.search.trial import Setup

EPILOG = """\
examples:
  netlab search --server 'python3 -m http.server 80' --ready 80 -- curl server
  netlab search --server ./shop --ready 80 --pairs -- ./client {server} {port}
  netlab search --server ./shop --ready 80 --only drop --random 200 -- ./client
  netlab search --server ./shop --ready 80 --fails-when ./check -- ./client
  netlab search --talks redis -- redis-cli -h {server} -p {port} PING
  netlab search --server ./shop --ready 80 --output found -- ./client
                    each failure as found/NAME.yaml, with its ladder

The command is run on a healthy network first, twice. Then each of its packets is lost, the wire
cut from it on, doubled, and overtaken by the next: each trial in a lab of its own, with a server of
its own, side by side. A packet is named by what it is: which connection, where it begins in the
sequence or what it acknowledges, how often it was sent. A trial has failed

  error     another exit code than on a healthy network; after a cut, that is fine
  hangs     it has not come back at the cap
  short, differs    it writes a part, or something else, with the same exit code
  dies      of a signal

or, with --fails-when, if that command succeeds, and only then. Server, command and check find
NETLAB_FOLDER in their environment, a folder of the trial's own; the check NETLAB_EXIT_CODE, too,
and in the folder what the two wrote: output, server.

exit codes: 0 nothing fails, 1 something does, 2 bad usage, or it fails on a healthy network, too,
3 a lab could not be built
"""
MOST = 100


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "search",
        help="lose each packet of an exchange, and see what a program does",
        description="Find the packets that a program cannot do without.",
        epilog=EPILOG,
    )
    command.add_argument(
        "command", nargs="*", metavar="COMMAND",
        help="the client, after --; {server} and {port} are filled in",
    )  # fmt: skip
    command.add_argument(
        "--server", "--serve", metavar="COMMAND", help="what it talks with, as yourself"
    )
    command.add_argument(
        "--talks", metavar="PROTOCOL",
        help="or a small server of netlab's: http, redis, ... ('netlab audit --list'), or a FILE",
    )  # fmt: skip
    command.add_argument(
        "--ready", "--port", metavar="PORT",
        help="where the server listens when it is ready, or a text that it has written",
    )  # fmt: skip
    command.add_argument(
        "--cap", type=seconds, default=8.0, metavar="8s", help="who takes longer hangs (8s)"
    )
    command.add_argument(
        "--fails-when", default="", metavar="COMMAND",
        help="a shell command that decides: a trial has failed if it succeeds",
    )  # fmt: skip
    command.add_argument(
        "--only", action="append", choices=("drop", "cut", "double", "overtake"), metavar="FATE",
        help="drop, cut, double or overtake; may be repeated (default: all)",
    )  # fmt: skip
    command.add_argument("--pairs", action="store_true", help="then lose two packets, every pair")
    command.add_argument(
        "--random",
        type=positive,
        default=0,
        metavar="N",
        help="then so many cases of up to 4 packets",
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="another one, other random cases (0)"
    )
    command.add_argument(
        "--jobs", type=positive, metavar="N", help="labs at the same time, at most (60)"
    )
    command.add_argument("--first", action="store_true", help="stop at the first failure")
    command.add_argument(
        "--most", type=positive, default=MOST, metavar="N", help=f"packets of one exchange ({MOST})"
    )
    command.add_argument(
        "--output", type=Path, metavar="DIR", help="write each failure there, with its ladder"
    )
    command.add_argument("--json", action="store_true", help="one JSON object a trial")
    add_family(command)
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Search, and tell what was found.

    Raises `ScenarioError` for bad usage, and where the command fails on a healthy network.
    """
    from netlab.search import cases
    from netlab.search.hunt import AT_ONCE, Hunt

    setup = _setup(options)
    kinds = [word for word in cases.KINDS if word in (options.only or cases.KINDS)]
    if options.output is not None:
        files.prepare(options.output, "--output")
    began, shown = time.monotonic(), Shown([])
    with stopping() as stop:
        hunt = Hunt(setup, lambda: shown.go_on(stop), options.jobs or AT_ONCE)
        try:
            _search(hunt, kinds, options, shown)
        except Stopped:
            pass
        finally:
            shown.take_away()
            if not options.json and hunt.judged:
                for line in _told(hunt, kinds, options, time.monotonic() - began):
                    shown.line(line)
            shown.finish(lambda: stop.asked)
    if stop.asked:
        note(f"stopped after {len(hunt.judged)} trials")
        return stop.exit_code
    if options.output is not None and hunt.failures:
        _write(hunt, options)
    return Unmet.exit_code if hunt.failures else 0


def _setup(options: argparse.Namespace) -> Setup:
    from netlab.model.vocabulary import Family
    from netlab.search.trial import Setup

    if not options.command:
        raise ScenarioError("no command to run: netlab search [OPTIONS] -- COMMAND ...")
    if options.talks is not None:
        _stand(options)
    if options.server is None or options.ready is None:
        raise ScenarioError(
            "a search needs a server that the command talks with: --server 'python3 -m "
            "http.server 80' --ready 80, or --talks http"
        )
    ready = int(options.ready) if options.ready.isdecimal() else options.ready
    family = Family.IPV6 if options.ipv6 else Family.IPV4
    return Setup(options.command, options.server, ready, options.cap, options.fails_when, family)


def _stand(options: argparse.Namespace) -> None:
    """Have the server be one of netlab's. Raises `ScenarioError` for a protocol that it has not."""
    from netlab.audit.partners import standing

    if options.server is not None:
        raise ScenarioError("--talks has a server of its own: not both it and --server")
    standing.protocol(options.talks)
    options.ready = options.ready or str(standing.usual_port(options.talks))
    if not options.ready.isdecimal():
        raise ScenarioError(f"--talks listens at a port: --ready is one; found {options.ready!r}")
    options.server = standing.line(options.talks, int(options.ready))


def _search(hunt: Hunt, kinds: Sequence[str], options: argparse.Namespace, shown: Shown) -> None:
    from netlab.search import cases

    packets = hunt.healthy.trial.packets
    if len(packets) > options.most:
        note(f"--most {options.most} of the exchange's {len(packets)} packets are tried")
        packets = packets[: options.most]
    if hunt.healthy.output is None:
        note("the command writes something else each time: only its exit code is compared")
    if _try(hunt, cases.singles(packets, kinds), options, shown):
        return
    if options.pairs:
        seen = [(case, each.trial.packets) for case, each in hunt.judged.items()]
        failed = [each.case for each in hunt.failures]
        if _try(hunt, cases.pairs(seen, failed), options, shown):
            return
    if options.random:
        drawn = cases.chosen(packets, options.random, options.seed, kinds)
        _try(hunt, drawn, options, shown)


def _try(hunt: Hunt, some: Sequence[Case], options: argparse.Namespace, shown: Shown) -> bool:
    """Try these cases; True if nothing more is asked for."""
    from netlab.search.cases import named
    from netlab.search.telling import plain

    shown.more(map(named, some))
    left = [*some]
    while left:  # once, but for a first failure that was chance
        failed: list[Judged] = []
        for judged in hunt.try_all(left):
            shown.ended(named(judged.case))
            if options.json:
                shown.line(json.dumps(plain(judged)))
            if judged.verdict.is_failure:
                failed.append(judged)
                if options.first:
                    break
        for judged in failed:
            if len(judged.case) > 1:
                hunt.shrunk(judged)
        if options.first and hunt.failures:
            return True
        left = [case for case in left if case not in hunt.judged] if failed else []
    return False


def _told(
    hunt: Hunt, kinds: Sequence[str], options: argparse.Namespace, elapsed: float
) -> Iterator[str]:
    from netlab.search import telling

    style, found = Style.of(sys.stdout), hunt.failures
    packets = hunt.healthy.trial.packets[: options.most]
    yield from telling.table(hunt, packets, kinds, style)
    yield from telling.failures(hunt, found, hunt.setup, style)
    yield ""
    yield telling.counted(hunt, found, elapsed)


def _write(hunt: Hunt, options: argparse.Namespace) -> None:
    """Write each failure as a scenario, and play it for its ladder."""
    from netlab.render.ladder import WIDEST, ladder
    from netlab.scenario import loader, runner
    from netlab.search.written import Writer, name_of

    with files.writing(options.output, "--output"):
        writer = Writer(hunt.setup, hunt.healthy, options.output)
    paths = [options.output / f"{name_of(each.case)}.yaml" for each in hunt.failures]
    for path, judged in zip(paths, hunt.failures, strict=True):
        files.write(path, writer.text(judged), "--output")
    told = sys.stderr if options.json else sys.stdout
    asked = runner.Options(hunt.setup.family, record=True)
    scenarios = [loader.load(path) for path in paths]
    for number, run in sorted(runner.play_all(scenarios, asked), key=lambda each: each[0]):
        path = paths[number]
        files.write(path.with_suffix(".txt"), f"{ladder(run, WIDEST, Style(False))}\n", "--output")
        seen = "" if run.outcome == "pass" else f" (not seen again there: {_why(run)})"
        print(f"written: {path}, {path.with_suffix('.txt').name}{seen}", file=told)


def _why(run: Evidence) -> str:
    return run.failure.summary if run.failure else run.reason
