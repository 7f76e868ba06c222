# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab audit``: what a program does when the network dies under it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import __version__, extras
from netlab.cli.shared.guest_kernel import one_kernel
from netlab.cli.shared.kernel_options import LIMIT
from netlab.cli.shared.options import Commands, add_wide, ladder_text, note, positive, room, seconds
from netlab.cli.shared.progress import Shown
from netlab.cli.shared.stopping import Stopped, stopping
from netlab.cli.shared.verdict_options import prepare_junit, stopped, write_junit
from netlab.model import files
from netlab.model.errors import LabError, ScenarioError, Unmet
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
  netlab audit --fault 'half-*' --fault refused --cap 15s -- ./client {server}   a table of those
  netlab audit --jobs 4 -- ./client {server} {port}      four labs at a time, on a shared machine
  netlab audit --talks redis -- redis-cli -h {server} -p {port} PING
  netlab audit --server 'nginx -c my.conf' --port 80 -- ./client {server} {port}
  netlab audit --virtual -- curl -sS http://{server}:{port}/    to the very end
  netlab audit --list                 the faults, and what each is
  netlab audit --clients clients.yaml --table table.md --resume cells.jsonl

The program is a client that does its work and ends. {server} and {port} in its words are where it
is to connect, NETLAB_SERVER and NETLAB_PORT in its environment the same; the server's name is known
to it. What it talks with is a small server of netlab's (--talks), or one of your own (--server,
--port). It runs as you do, once without a fault and once under each, all side by side.

verdicts: fine, error (it says in time that it did not work); and what is wrong: late (after
--promise), hangs (until when, by the kernel's own timers, or for ever), sent twice (a request that
may not be), short (exit code 0 with a part of the data), leaks, spins, dies. A fault that the
program never met is 'not reached', which is neither.

--clients plays all clients of a list (examples/audit/clients.yaml says what that has), or those
that are named, and tells how often each does what; one of them alone is told as any other program.

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
        help="what it talks: http (default), redis, line, ...; --list has them all; or a FILE that "
        "says what is expected and sent in turn",
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
        "--cap", type=seconds, metavar="T",
        help="wait so long for it (default: 40s, with --virtual three hours)",
    )  # fmt: skip
    command.add_argument(
        "--promise", type=seconds, metavar="T",
        help="later than so is late (default: 10s, or the cap if that is less)",
    )  # fmt: skip
    command.add_argument(
        "--fault", action="append", default=[], metavar="NAME",
        help="only this fault, or those that a pattern fits; may be repeated",
    )  # fmt: skip
    command.add_argument(
        "--jobs", type=positive, default=0, metavar="N",
        help="labs at the same time, for a machine that others share (default: as many as can be)",
    )  # fmt: skip
    command.add_argument(
        "--cures", action="store_true",
        help="play what hangs once more for each remedy, and tell which would have helped",
    )  # fmt: skip
    command.add_argument(
        "--virtual", action="store_true",
        help="play each fault to its very end, in a guest whose time jumps while nothing happens",
    )  # fmt: skip
    command.add_argument(
        "--kernel", metavar="SPEC", help="with --virtual: the kernel, as 'netlab warp' takes it"
    )
    command.add_argument(
        "--with", dest="more", nargs="+", action="extend", metavar="FILE", default=[],
        help="with --virtual: files that the program needs besides what its words name",
    )  # fmt: skip
    command.add_argument(
        "--clients", type=Path, metavar="FILE",
        help="play the clients of this list, or those of it that are named",
    )  # fmt: skip
    command.add_argument(
        "--way", choices=("defaults", "recommended"), default="",
        help="with their defaults, or as their documentation recommends (--clients)",
    )  # fmt: skip
    command.add_argument(
        "--table", type=Path, metavar="FILE", help="write what they do as a page, both ways"
    )
    command.add_argument(
        "--resume", type=Path, metavar="FILE",
        help="keep each cell there, and play none again that is (--clients)",
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
    command.add_argument(
        "--pcap", type=Path, metavar="DIR",
        help="also write a capture file (pcapng) of each fault there",
    )  # fmt: skip
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
    if options.list:
        return _list()
    plan = planned(options)
    if options.clients:
        from netlab.cli.shared import client_list

        return client_list.main(options, plan, play)
    for option in ("way", "table", "resume"):
        if getattr(options, option):
            raise ScenarioError(f"--{option} is for a list of clients: it needs --clients FILE")
    return play(plan, options)


def play(plan: AuditPlan, options: argparse.Namespace) -> int:
    """Play one program, and tell. Raises as `main`."""
    from netlab.audit import faults
    from netlab.linux import privileges

    plan.check()
    if options.report:
        extras.require("report", "--report")
        files.prepare(options.report, "--report")
    if options.pcap:
        files.prepare(options.pcap, "--pcap")
    prepare_junit(options)
    if options.virtual:
        names = [each.name for each in faults.chosen(options.fault)]
        return _VirtualAudit(plan, names, options).play()
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


def planned(options: argparse.Namespace) -> AuditPlan:
    """What these options ask for. Raises `ScenarioError` where they do not go together."""
    from netlab.audit.plan import CAP, PROMISE, TO_THE_END, AuditPlan
    from netlab.model.vocabulary import Family

    cap = (TO_THE_END if options.virtual else CAP) if options.cap is None else options.cap
    promise = min(PROMISE, cap) if options.promise is None else options.promise
    if options.virtual and (options.as_server or options.server or options.cures):
        raise ScenarioError(
            "--virtual plays a client with a server of netlab's own (--talks): leave out "
            "--as-server, --server and --cures"
        )
    if not options.virtual and (options.kernel or options.more):
        raise ScenarioError("--kernel and --with are for --virtual: a guest has them")
    return AuditPlan(
        command=tuple(options.words),
        talks=options.talks,
        as_server=options.as_server,
        server=options.server,
        port=options.port,
        cap=cap,
        virtual=options.virtual,
        guest=_guest(options),
        jobs=options.jobs,
        promise=promise,
        family=Family.IPV6 if options.ipv6 else Family.IPV4,
    )


def _guest(options: argparse.Namespace) -> tuple[str, ...]:
    """The words that ask for the same guest again."""
    kernel = ["--kernel", options.kernel] if options.kernel else []
    return (*kernel, *(word for file in options.more for word in ("--with", file)))


class _Audit:
    """One audit, and what is shown of it."""

    def __init__(self, plan: AuditPlan, names: Sequence[str], options: argparse.Namespace) -> None:
        self._plan, self._names, self._options = plan, names, options
        self._shown = Shown([BASE, *self._names])
        self._cells: dict[str, AuditCell] = {}
        self._when, self._began = datetime.now().astimezone(), time.monotonic()
        self._one = len(names) == 1
        self._record = self._one or bool(options.report or options.pcap)
        self._kernel = os.uname().release
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
            self._shown.line(json.dumps(plain(cell, self._kernel)))

    def _meanwhile(self) -> None:
        self._shown.go_on(self._stop)

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
        closing = audit.closing_line(cells, spent, style, self._kernel)
        return [*table.head(), *map(table.row, cells), "", closing]

    def _write(self) -> bool:
        """Write the files that are asked for; return whether that went wrong, which is said."""
        from netlab.render.junit import JunitSuite
        from netlab.render.verdicts import of_audit

        left = len(self._names) - len(self._cells)
        told = [*map(of_audit, self._ordered), *stopped(left, len(self._names))]
        spent = time.monotonic() - self._began
        suite = JunitSuite(f"netlab {self._kernel}", told, spent)
        trouble = write_junit(self._options, [suite], self._when)
        for error in trouble:
            note(str(error))
        if self._options.report and self._cells:
            self._write_page(self._options.report / PAGE)
        if self._options.pcap:
            self._write_captures(self._options.pcap)
        return bool(trouble)

    def _write_page(self, path: Path) -> None:
        from netlab.render.audit_page import page

        plan, kernel = self._plan, self._kernel
        program = shlex.join(plan.command)
        text = page(self._ordered, program, __version__, kernel, plan.cap, plan.promise)
        files.write(path, text, "--report")
        print(f"report: {path}", file=sys.stderr if self._options.json else sys.stdout)

    def _write_captures(self, folder: Path) -> None:
        from netlab import report

        recorded = [
            (cell.fault, cell.play.evidence) for cell in self._ordered if cell.play.evidence
        ]
        number = sum(report.write_capture(folder, run, name, "--pcap") for name, run in recorded)
        said = f"captures: {folder} ({'1 file' if number == 1 else f'{number} files'})"
        print(said, file=sys.stderr if self._options.json else sys.stdout)

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
        for cell in run.audit(plan, chosen, base, self._meanwhile, self._record):
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
        for cell in run.audit_server(self._plan, chosen, base, self._meanwhile, self._record):
            self._keep(cell)


class _VirtualAudit(_Audit):
    """That of a client in a guest, whose time jumps."""

    def _play(self) -> None:
        from netlab.kernels.vm.qemu import Guest
        from netlab.kernels.warp.audition import Audition

        audition = Audition(self._plan, self._names, self._options.more, self._record)
        kernel = one_kernel(self._options.kernel)
        self._kernel = kernel.release
        guest = Guest(limit=LIMIT, silence=LIMIT, stop=_Asked(self._stop))
        try:
            audition.play(kernel, guest, lambda: self._shown.ended(BASE), self._hear)
        finally:
            self._stop.check()  # where that has ended the guest, it is all that went wrong

    def _hear(self, cell: AuditCell) -> None:
        self._keep(cell)
        self._meanwhile()


class _Asked(threading.Event):
    """Is set once a signal has come."""

    def __init__(self, stop: Stop) -> None:
        super().__init__()
        self._stop = stop

    def is_set(self) -> bool:
        """Whether one has."""
        return self._stop.asked


def plain(cell: AuditCell, kernel: str) -> dict[str, object]:
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
        "after_s": round(cell.play.after, 3), "kernel": kernel, **found,
    }  # fmt: skip


LONGEST = 2000  # characters of each stream in JSON
