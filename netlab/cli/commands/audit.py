# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab audit``: what a program does when the network dies under it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import __version__, extras
from netlab.cli.shared.options import Commands, add_wide, ladder_text, note, room, seconds
from netlab.cli.shared.progress import Shown
from netlab.cli.shared.stopping import Stopped, stopping
from netlab.cli.shared.verdict_options import prepare_junit, stopped, write_junit
from netlab.model import files
from netlab.model.errors import LabError, Unmet
from netlab.render.style import Style
from netlab.render.table import stopped_line

if TYPE_CHECKING:
    from netlab.audit.plan import AuditPlan
    from netlab.cli.shared.stopping import Stop
    from netlab.model.auditing import AuditCell

EPILOG = """\
examples:
  netlab audit -- curl -sS http://{server}:{port}/
  netlab audit --fault syn-lost -- ./client     one fault in detail, and its packets
  netlab audit --fault 'half-*' --cap 15s --promise 5s -- ./client {server}
  netlab audit --talks redis -- redis-cli -h {server} -p {port} PING
  netlab audit --server 'nginx -c my.conf' --port 80 -- ./client {server} {port}
  netlab audit --list                 the faults, and what each is

The program is a client that does its work and ends. {server} and {port} in its words are where it
is to connect, NETLAB_SERVER and NETLAB_PORT in its environment the same; the server's name is known
to it. What it talks with is a small server of netlab's (--talks), or one of your own (--server,
--port). It runs as you do, once without a fault and once under each, all side by side.

verdicts: fine, error (it says in time that it did not work); and what is wrong: late (after
--promise), hangs (until when, by the kernel's own timers, or for ever), sent twice (a request that
may not be), short (exit code 0 with a part of the data), leaks, spins, dies. A fault that the
program never met is 'not reached', which is neither.

exit codes: 0 nothing is wrong, 1 something is, 2 bad usage, or a program that does not work even
without a fault, 3 a lab could not be built
"""
PAGE = "audit.html"
BASE = "without a fault"


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "audit",
        help="what a program does when the network dies under it",
        description="Play a program under every fault of a network, each in a lab of its own, and "
        "say what it does: does it come back, and when, and has it done the work once?",
        epilog=EPILOG,
    )
    command.add_argument(
        "words", nargs="*", metavar="PROGRAM", help="the program and its arguments, after --"
    )
    command.add_argument(
        "--talks", default="http", metavar="PROTOCOL",
        help="what it talks: http (default), redis, line, ...; --list has them all",
    )  # fmt: skip
    command.add_argument(
        "--as-server", action="store_true",
        help="the program is a server, which listens at --port; clients of it misbehave",
    )  # fmt: skip
    command.add_argument(
        "--server", default="", metavar="COMMAND",
        help="or the server that it talks with, which listens at --port, or at {port} in its words",
    )  # fmt: skip
    command.add_argument(
        "--port", type=_port, default=0, metavar="N",
        help="where the server is to be found (default: the protocol's usual port)",
    )  # fmt: skip
    command.add_argument(
        "--cap", type=seconds, default=40.0, metavar="T", help="wait so long for it (default: 40s)"
    )
    command.add_argument(
        "--promise", type=seconds, metavar="T",
        help="later than so is late (default: 10s, or the cap if that is less)",
    )  # fmt: skip
    command.add_argument(
        "--fault", action="append", default=[], metavar="NAME",
        help="only this fault, or those that a pattern fits; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--cures", action="store_true",
        help="play what hangs once more for each remedy, and tell which would have helped",
    )  # fmt: skip
    command.add_argument("-6", "--ipv6", action="store_true", help="over IPv6 instead of IPv4")
    command.add_argument("--list", action="store_true", help="print the faults, and play nothing")
    command.add_argument("--json", action="store_true", help="one JSON object a fault")
    command.add_argument(
        "--junit", type=Path, metavar="FILE", help="also write it as XML for a CI (JUnit)"
    )
    command.add_argument(
        "--report", type=Path, metavar="DIR", help=f"also write a page: DIR/{PAGE}"
    )
    add_wide(command)
    command.set_defaults(main=main)


def _port(text: str) -> int:
    """An option that is a TCP port. Raises `ArgumentTypeError` for anything else."""
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535; found {text!r}")
    return int(text)


def main(options: argparse.Namespace) -> int:
    """List, or play and tell. Raises `ScenarioError` for bad usage, and for a program that does not
    work even without a fault.
    """
    from netlab.audit import faults
    from netlab.linux import privileges

    if options.list:
        return _list()
    plan = _plan(options)
    plan.check()
    if options.report:
        extras.require("report", "--report")
        files.prepare(options.report, "--report")
    prepare_junit(options)
    privileges.prepare()
    if options.as_server:
        names = [each.name for each in faults.chosen_of_servers(options.fault)]
        return _ServerAudit(plan, names, options).play()
    return _ClientAudit(plan, [each.name for each in faults.chosen(options.fault)], options).play()


def _list() -> int:
    from netlab.audit import faults
    from netlab.audit.partners import protocols

    width = max(map(len, {**faults.faults(), **faults.of_servers()}))
    print("for clients")
    for name, fault in faults.faults().items():
        print(f"  {name:<{width}}  {fault.does}")
    print("for servers (--as-server)")
    for name, each in faults.of_servers().items():
        print(f"  {name:<{width}}  {each.does}")
    print("--talks")
    for name, protocol in protocols().items():
        print(f"  {name:<{width}}  port {protocol.port}: {protocol.does}")
    return 0


def _plan(options: argparse.Namespace) -> AuditPlan:
    from netlab.audit.plan import PROMISE, AuditPlan
    from netlab.model.vocabulary import Family

    promise = options.promise or min(PROMISE, options.cap)
    return AuditPlan(
        command=tuple(options.words),
        talks=options.talks,
        as_server=options.as_server,
        server=options.server,
        port=options.port,
        cap=options.cap,
        promise=promise,
        family=Family.IPV6 if options.ipv6 else Family.IPV4,
    )


class _Audit:
    """One audit, and what is shown of it."""

    def __init__(self, plan: AuditPlan, names: Sequence[str], options: argparse.Namespace) -> None:
        self._plan, self._names, self._options = plan, names, options
        self._shown = Shown([BASE, *self._names])
        self._cells: dict[str, AuditCell] = {}
        self._when, self._began = datetime.now().astimezone(), time.monotonic()
        self._one = len(names) == 1
        self._stop: Stop

    def play(self) -> int:
        """Play all of it, and return the exit code."""
        with stopping() as self._stop:
            try:
                self._play()
            except Stopped:
                pass
            finally:
                self._shown.take_away()
                if not self._options.json:
                    for text in self._told():
                        self._shown.line(text)
                self._shown.finish(lambda: self._stop.asked)
        return self._code(self._write())

    def _play(self) -> None:
        raise NotImplementedError

    def _keep(self, cell: AuditCell, told: bool = True) -> None:
        """Keep a cell, and tell it where it is the last word on it."""
        self._cells[cell.fault] = cell
        self._shown.ended(cell.fault)
        if self._options.json and told:
            self._shown.line(json.dumps(plain(cell)))

    def _meanwhile(self) -> None:
        self._stop.check()
        if self._shown.output.gone:
            raise BrokenPipeError  # as with `| head`: the rest has no reader
        self._shown.meanwhile()

    @property
    def _ordered(self) -> list[AuditCell]:
        return [self._cells[name] for name in self._names if name in self._cells]

    def _told(self) -> list[str]:
        from netlab.render import audit

        cells, style = self._ordered, Style.of(sys.stdout)
        if not cells:
            return []
        if self._one:
            texts = [audit.explained(cells[0], style)]
            if cells[0].play.evidence is not None:
                texts += ["", ladder_text(cells[0].play.evidence)]
            return texts
        table = audit.AuditTable(self._names, style, room(self._options.wide))
        spent = time.monotonic() - self._began
        closing = audit.closing_line(cells, spent, style, os.uname().release)
        return [*table.head(), *map(table.row, cells), "", closing]

    def _write(self) -> bool:
        """Write the files that are asked for; return whether that went wrong, which is said."""
        from netlab.render.junit import JunitSuite
        from netlab.render.verdicts import of_audit

        left = len(self._names) - len(self._cells)
        told = [*map(of_audit, self._ordered), *stopped(left, len(self._names))]
        spent = time.monotonic() - self._began
        suite = JunitSuite(f"netlab {os.uname().release}", told, spent)
        trouble = write_junit(self._options, [suite], self._when)
        for error in trouble:
            note(str(error))
        if self._options.report and self._cells:
            self._write_page(self._options.report / PAGE)
        return bool(trouble)

    def _write_page(self, path: Path) -> None:
        from netlab.render.audit_page import page

        plan, kernel = self._plan, os.uname().release
        program = shlex.join(plan.command)
        text = page(self._ordered, program, __version__, kernel, plan.cap, plan.promise)
        files.write(path, text, "--report")
        print(f"report: {path}", file=sys.stderr if self._options.json else sys.stdout)

    def _code(self, trouble: bool) -> int:
        if self._stop.asked:
            left = len(self._names) - len(self._cells)
            print(f"netlab: {stopped_line(left, len(self._names), Style(False))}", file=sys.stderr)
            return self._stop.exit_code
        if trouble or any(cell.play.problem for cell in self._cells.values()):
            return LabError.exit_code
        return 0 if all(cell.sound for cell in self._cells.values()) else Unmet.exit_code


class _ClientAudit(_Audit):
    """That of a client, which is played without a fault first."""

    def _play(self) -> None:
        from netlab.audit import faults, run

        plan, options, chosen = self._plan, self._options, faults.chosen(self._names)
        base = run.sound(plan, self._meanwhile)
        self._shown.ended(BASE)
        recorded = self._one or options.report is not None
        for cell in run.audit(plan, chosen, base, self._meanwhile, recorded):
            self._keep(cell, told=not options.cures)
        if options.cures:
            for cell in run.cured(plan, chosen, self._ordered, base, self._meanwhile):
                self._keep(cell)


class _ServerAudit(_Audit):
    """That of a server."""

    def _play(self) -> None:
        from netlab.audit import faults, run

        base = run.sound_server(self._plan, self._meanwhile)
        self._shown.ended(BASE)
        chosen = faults.chosen_of_servers(self._names)
        for cell in run.audit_server(self._plan, chosen, base, self._meanwhile):
            self._keep(cell)


def plain(cell: AuditCell) -> dict[str, object]:
    """A cell as JSON has it, without what a program wrote beyond its last lines."""
    play = dataclasses.replace(cell.play, evidence=None)
    found = dataclasses.asdict(dataclasses.replace(cell, play=play))
    record = found["play"]
    for stream in ("output", "errors"):
        record[stream] = record[stream][-LONGEST:]
    for sock in (*record["sockets"], *record["peers"]):
        sock["state"], sock["timer"] = str(sock["state"]), str(sock["timer"])
    return {
        "fault": cell.fault, "verdict": cell.word, "why": cell.why, "sound": cell.sound,
        "after_s": round(cell.play.after, 3), "kernel": os.uname().release, **found,
    }  # fmt: skip


LONGEST = 2000  # characters of each stream in JSON
