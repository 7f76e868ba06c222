# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits for tests: each program is played without a fault once, and under all faults that are
asked for at once, whoever asks first.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from netlab.audit import faults as known
from netlab.audit import run
from netlab.audit.plan import CAP, PROMISE, USUAL, AuditPlan
from netlab.audit.shared import SharedCells
from netlab.linux.privileges import prepare
from netlab.model.auditing import NOT_REACHED, AuditCell
from netlab.model.errors import LabError, ScenarioError
from netlab.model.vocabulary import Family


def faults(servers: bool = False) -> tuple[str, ...]:
    """The names of all faults of clients, or of those of servers, in order."""
    return tuple(known.of_servers() if servers else known.faults())


class Auditor:
    """Plays audits, and keeps what came of them; `shared` are the cells of other processes, too."""

    def __init__(
        self,
        family: Family = Family.IPV4,
        shared: SharedCells | None = None,
        skip: Callable[[str], object] = lambda why: None,
    ) -> None:
        """`skip` is called with the reason where a fault was not reached: it may end the test."""
        self._family, self._shared, self._skip = family, shared, skip
        self._useless: dict[AuditPlan, ScenarioError] = {}
        self._cells: dict[tuple[AuditPlan, str], AuditCell] = {}
        #: Faults that are asked for one after the other: they are played at once.
        self.together: tuple[str, ...] = ()

    def __call__(
        self,
        program: str | Sequence[str],
        fault: str,
        talks: str = USUAL,
        server: str = "",
        port: int = 0,
        as_server: bool = False,
        cap: float = CAP,
        promise: float | None = None,
        jobs: int = 0,
        skip: bool = True,
    ) -> AuditCell:
        """What a program does under one fault. `program`: a command, or its words, in which
        ``{server}`` and ``{port}`` are filled in; `cap` and `promise` in seconds; `jobs` labs at
        the same time, where several faults are played (0: as many as can be). ``cell.word`` is the
        verdict, ``cell.why`` the reason, ``cell.sound`` true where nothing is wrong. A test of
        a fault that is not reached is skipped; with ``skip=False`` it gets the cell, whose word is
        ``not reached``.

        Raises `ScenarioError` for a program that does not work even without a fault, and `LabError`
        where it could not be played.
        """
        __tracebackhide__ = True  # a skipped test is told by its own line
        words = shlex.split(program) if isinstance(program, str) else program
        at_most = min(PROMISE, cap) if promise is None else promise
        plan = AuditPlan(
            tuple(words), talks, as_server, server, port, cap, at_most, self._family, jobs=jobs
        )
        asked = self.together if fault in self.together else (fault,)
        cell = next(cell for cell in self.cells(plan, asked) if cell.fault == fault)
        if cell.play.problem:
            raise LabError(cell.play.problem)
        if skip and cell.word == NOT_REACHED:
            self._skip(f"{NOT_REACHED}: {cell.why}")
        return cell

    def cells(self, plan: AuditPlan, names: Sequence[str]) -> list[AuditCell]:
        """What a program does under each of these faults, all played at once. Raises as a call."""
        plan.check()
        prepare()
        if plan in self._useless:
            raise self._useless[plan]
        if not all((plan, name) in self._cells for name in names):
            for cell in self._found(plan, names):
                self._cells[plan, cell.fault] = cell
        return [self._cells[plan, name] for name in names]

    def _found(self, plan: AuditPlan, names: Sequence[str]) -> list[AuditCell]:
        known = [self._cells[plan, name] for name in names if (plan, name) in self._cells]
        missing = [name for name in names if (plan, name) not in self._cells]

        def play() -> list[AuditCell]:
            return [*known, *_played(plan, missing)]

        try:
            return self._shared.of(plan, names, play) if self._shared else play()
        except ScenarioError as error:
            self._useless[plan] = error
            raise


def _played(plan: AuditPlan, names: Sequence[str]) -> list[AuditCell]:
    if plan.as_server:
        chosen = known.chosen_of_servers(names)
        return [*run.audit_server(plan, chosen, run.sound_server(plan))]
    return [*run.audit(plan, known.chosen(names), run.sound(plan))]
