# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab audit --clients``: all clients of a list under every fault, and the table of them."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from netlab.cli.shared.options import note
from netlab.cli.shared.progress import Shown
from netlab.cli.shared.stopping import Stopped, stopping
from netlab.model import files
from netlab.model.auditing import NOT_PLAYED
from netlab.model.errors import LabError, ScenarioError, Unmet

if TYPE_CHECKING:
    from netlab.audit.clients import StockClient
    from netlab.audit.faults.base import AuditFault
    from netlab.audit.plan import AuditPlan
    from netlab.cli.shared.stopping import Stop
    from netlab.model.auditing import ClientCell

Alone = Callable[["AuditPlan", argparse.Namespace], int]


def main(options: argparse.Namespace, plan: AuditPlan, alone: Alone) -> int:
    """Play the clients that are asked for, and tell; one that is `alone` is told in all detail.

    Raises `ScenarioError` for a list or a name that is none, `LabError` where there is no lab.
    """
    from netlab.audit import clients, faults
    from netlab.linux import privileges, scratch

    for option in ("as_server", "server", "port", "report", "pcap", "junit", "cures"):
        if getattr(options, option):
            raise ScenarioError(f"--{option.replace('_', '-')} is for one program, not for a list")
    way = options.way or ("" if options.table else clients.DEFAULTS)
    with scratch.folder("built") as built:
        listed = clients.load(options.clients, plan, built)
        some = clients.chosen(listed, options.words, way)
        if len(some) == 1 and not (options.table or options.resume or options.json):
            why = some[0].lacks or some[0].built()
            if why:
                raise ScenarioError(f"{some[0].name}: {why}")
            return alone(some[0].plan, options)
        wanted = faults.chosen(options.fault)
        for file, option in ((options.table, "--table"), (options.resume, "--resume")):
            if file:
                files.prepare(file.absolute().parent, option)
        privileges.prepare()
        return _ClientList(some, wanted, options).play()


class _ClientList:
    """Clients that are played, and what is told of them."""

    def __init__(
        self, clients: list[StockClient], faults: list[AuditFault], options: argparse.Namespace
    ) -> None:
        self._clients, self._faults, self._options = clients, faults, options
        self._cells: list[ClientCell] = []
        self._began = time.monotonic()
        pairs = [(client, fault) for client in clients for fault in faults]
        self._left = {_name(each.name, each.way, fault.name) for each, fault in pairs}
        self._shown = Shown(sorted(self._left))
        self._stop: Stop

    def play(self) -> int:
        """Play them, and return the exit code."""
        from netlab.audit import many

        known = many.read(self._options.resume) if self._options.resume else []
        playing = many.Many(self._clients, self._faults, known, self._meanwhile)
        old = {*known}
        with stopping() as self._stop:
            try:
                with _kept(self._options.resume) as file:
                    for cell in playing.cells():
                        self._keep(cell, None if cell in old else file)
            except Stopped:
                pass
            finally:
                self._shown.take_away()
                for text in [] if self._options.json else self._told():
                    self._shown.line(text)
                self._shown.finish(lambda: self._stop.asked)
        if self._stop.asked:
            note(f"stopped: {len(self._left)} cells are not played")
            return self._stop.exit_code
        if self._options.table:
            self._write()
        return self._code()

    def _keep(self, cell: ClientCell, file: TextIO | None) -> None:
        from netlab.audit import many

        self._cells.append(cell)
        if self._options.json:
            self._shown.line(many.line(cell))
        if file is not None and cell.fault:
            file.write(f"{many.line(cell)}\n")
            file.flush()
        faults = [cell.fault] if cell.fault else [each.name for each in self._faults]
        for fault in faults:
            name = _name(cell.client, cell.way, fault)
            self._left.discard(name)
            self._shown.ended(name)

    def _meanwhile(self) -> None:
        self._shown.go_on(self._stop)

    @property
    def _ordered(self) -> list[ClientCell]:
        clients = [(each.name, each.way) for each in self._clients]
        faults = ["", *(each.name for each in self._faults)]
        return sorted(
            self._cells,
            key=lambda each: (clients.index((each.client, each.way)), faults.index(each.fault)),
        )

    def _told(self) -> Iterator[str]:
        from netlab.render import clients_page

        yield from clients_page.lines(self._ordered)
        yield ""
        played = sum(bool(cell.fault) for cell in self._cells)
        spent = time.monotonic() - self._began
        yield f"{played} cells in {spent:.0f} s (kernel {os.uname().release})"

    def _write(self) -> None:
        from netlab.render.clients_page import page

        options, path = self._options, self._options.table
        faults = {each.name: each.does for each in self._faults}
        kernel = ".".join(os.uname().release.split(".")[:2])
        plan = self._clients[0].plan
        limits = f"--cap {plan.cap:g}s --promise {plan.promise:g}s"
        command = f"netlab audit --clients {options.clients} {limits} --table {path}"
        text = page(self._ordered, faults, kernel, plan.cap, plan.promise, command)
        files.write(path, text, "--table")
        print(f"written: {path}", file=sys.stderr if options.json else sys.stdout)

    def _code(self) -> int:
        if any(cell.fault and cell.word == NOT_PLAYED for cell in self._cells):
            return LabError.exit_code
        if not any(cell.fault for cell in self._cells):
            return ScenarioError.exit_code  # nobody could be played
        return 0 if all(cell.sound for cell in self._cells) else Unmet.exit_code


def _name(client: str, way: str, fault: str) -> str:
    return f"{client} ({way}): {fault}"


@contextlib.contextmanager
def _kept(path: Path | None) -> Iterator[TextIO | None]:
    """The file to which cells are added, if one is asked for."""
    if path is None:
        yield None
        return
    with files.writing(path, "--resume"), path.open("a") as file:
        yield file
