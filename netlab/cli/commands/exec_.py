# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab exec``: runs any command on the client's host of a lab, in front of the terminal."""

from __future__ import annotations

import argparse
import contextlib
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.cli.shared.allowing import add_allow_programs, announce
from netlab.cli.shared.lab_options import add_lab, servers
from netlab.cli.shared.options import Commands, note
from netlab.model.errors import LabError, ScenarioError, Unmet

if TYPE_CHECKING:
    from netlab.scenario.model import AnyStep, HopStep
    from netlab.testbed.net import Net
    from netlab.testbed.program import Program

    Placed = tuple[Path, AnyStep]  # a step, and the file that it is in

EPILOG = """\
examples:
  netlab exec -- sh -c 'curl --max-time 2 http://$NETLAB_BLACKHOLE/'
  netlab exec --serve 'python3 -m http.server 80' --ready 80 -- curl server
  netlab exec --step 'drop: {segment: SYN, to: server}' -- curl -m 2 server
  netlab exec -- go test ./...              whose tests use the addresses below
  netlab exec my-scenario.yaml -- ss -tan   after the steps of a scenario file

in its environment:
  NETLAB_SERVER         the server's host, by name
  NETLAB_BLACKHOLE      host:port where nothing arrives; and in the same way \
NETLAB_REFUSED, UNREACHABLE, NEVER_ACCEPTS, SILENT, RESETS, CLOSES
  NETLAB_CONTROL        a Unix socket that takes orders, HTTP with JSON: \
'curl --abstract-unix-socket netlab http://lab/' lists them
  NETLAB_CONTROL_FILE   the same socket as a path, for languages without abstract names

exit codes: 0 or the command's own, 128 and the number of the signal that ended it,
1 a server was not ready or a step failed, 2 bad usage or a bad step, 3 the lab
could not be built
"""
CONTROL = "NETLAB_CONTROL"
CONTROL_FILE = "NETLAB_CONTROL_FILE"
A_DAY = 86400.0
TYPED = Path("--step")  # where steps are that are in no file


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "exec",
        help="run any command in a lab, whose network misbehaves as you say",
        description="Run a command on the client's host of a lab of its own, without root.",
        epilog=EPILOG,
    )
    command.add_argument(
        "words", nargs="*", metavar="COMMAND",
        help="the command and its arguments, after --; before that, a scenario file (.yaml) whose "
        "steps are done first",
    )  # fmt: skip
    add_lab(command)
    command.otherwise["--fault"] = "--step 'drop: {segment: SYN, to: server}'"
    add_allow_programs(command)
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Build a lab, run the command in it, and return its exit code.

    Raises `ScenarioError` for bad usage or a bad step, and as the lab and the steps do.
    """
    from netlab.model.vocabulary import Family
    from netlab.testbed.lab import Lab
    from netlab.testbed.net import Net

    family = Family.IPV6 if options.ipv6 else Family.IPV4
    line, path = _line(options.words)
    way, steps = _steps(path, options)
    serving = servers(options)
    with Lab(family, forging=_numbered(steps)) as lab, Net(lab) as net:
        if way:
            from netlab.scenario.steps import hops

            hops.lay(lab, way)
        for serve, ready in serving:
            lab.server.start(serve, int(ready) if ready.isdecimal() else ready)
        _do(net, steps, path)
        return _run(net, line)


def _line(words: Sequence[str]) -> tuple[list[str], Path | None]:
    """The command, and the scenario file if one was named before it."""
    file = Path(words[0]) if words and words[0].endswith(".yaml") else None
    line = [*words[file is not None :]]
    if not line:
        raise ScenarioError("no command to run: netlab exec [OPTIONS] -- COMMAND ...")
    return line, file


def _steps(
    file: Path | None, options: argparse.Namespace
) -> tuple[tuple[HopStep, ...], tuple[Placed, ...]]:
    """The hops of the file, and the steps that are done before the command."""
    if file is None and not options.step:
        return (), ()  # without what it takes 40 ms to import
    from netlab.scenario import loader

    files = [loader.load(file)] if file is not None else []
    announce(files, options)
    typed = [(TYPED, loader.step(text, TYPED)) for text in options.step]
    way = tuple(hop for each in files for hop in each.way)
    return way, (*((each.path, step) for each in files for step in each.steps), *typed)


def _numbered(steps: Sequence[Placed]) -> bool:
    if not steps:
        return False
    from netlab.scenario.steps import numbered

    return numbered([step for _, step in steps])


def _do(net: Net, steps: Sequence[Placed], file: Path | None) -> None:
    if not steps:
        return
    from netlab.scenario import acting
    from netlab.scenario.steps.action import Stage

    stage = Stage(net.lab, file.parent if file is not None else Path.cwd())
    for origin, step in steps:
        try:
            acting.perform(stage, step, net.lab.family)
        except (LabError, Unmet) as error:
            error.args = (f"{origin}:{step.line}: {error}",)
            raise


def _run(net: Net, line: list[str]) -> int:
    from netlab.testbed.control import NAME, Control
    from netlab.testbed.net import ADDRESSES

    environment = {f"NETLAB_{name.upper()}": str(getattr(net, name)) for name in ADDRESSES}
    environment |= {"NETLAB_SERVER": net.refused.host, CONTROL: f"@{NAME}"}

    def is_of_it(process: int) -> bool:
        return process in program.processes()

    with contextlib.closing(Control(net, is_of_it)) as control, _passing_on() as passed:
        environment |= {CONTROL_FILE: control.file} if control.file else {}
        program = net.lab.client.run(line, env=environment, foreground=True)

        def look() -> bool | None:
            while passed:
                program.signal(passed.pop())
            return control.asked or program.exit_code is not None or None

        while (code := program.exit_code) is None:
            net.lab.context.wait(look, A_DAY)
            control.answer()
    if code > 0:
        _tell_of_others(net, program)
    return code if code >= 0 else 128 - code


def _tell_of_others(net: Net, command: Program) -> None:
    """Say what became of a server that has failed, too: the command does not know why it did."""
    from netlab.render.program import ended

    for other in net.lab.context.programs:
        if other is not command and other.exit_code:
            note(f"{other} has ended meanwhile: {ended(other.exit_code)}{other.last_words()}")


@contextlib.contextmanager
def _passing_on() -> Iterator[list[int]]:
    """Ctrl-C is the command's own affair; what else asks for an end is passed on to it."""
    passed: list[int] = []
    before = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)
    }
    for number in (signal.SIGTERM, signal.SIGHUP):
        before[number] = signal.signal(number, lambda number, _: passed.append(number))
    try:
        yield passed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
