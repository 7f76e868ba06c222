# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits for tests: each program is played without a fault once, and under all faults that are
asked for at once, whoever asks first.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from netlab.audit import faults as known
from netlab.audit import run
from netlab.audit.plan import CAP, PROMISE, USUAL, AuditPlan
from netlab.linux.privileges import prepare
from netlab.model.auditing import AuditCell
from netlab.model.vocabulary import Family


def faults(servers: bool = False) -> tuple[str, ...]:
    """The names of all faults of clients, or of those of servers, in order."""
    return tuple(known.of_servers() if servers else known.faults())


class Auditor:
    """Plays audits, and keeps what came of them."""

    def __init__(self, family: Family = Family.IPV4) -> None:
        self._family = family
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
    ) -> AuditCell:
        """What a program does under one fault. `program`: a command, or its words, in which
        ``{server}`` and ``{port}`` are filled in; `cap` and `promise` in seconds. ``cell.word`` is
        the verdict, ``cell.why`` the reason, ``cell.sound`` true where nothing is wrong.

        Raises `ScenarioError` for a program that does not work even without a fault.
        """
        words = shlex.split(program) if isinstance(program, str) else program
        at_most = min(PROMISE, cap) if promise is None else promise
        plan = AuditPlan(tuple(words), talks, as_server, server, port, cap, at_most, self._family)
        asked = self.together if fault in self.together else (fault,)
        return next(cell for cell in self.cells(plan, asked) if cell.fault == fault)

    def cells(self, plan: AuditPlan, names: Sequence[str]) -> list[AuditCell]:
        """What a program does under each of these faults, all played at once. Raises as a call."""
        plan.check()
        prepare()
        missing = [name for name in names if (plan, name) not in self._cells]
        for cell in _played(plan, missing) if missing else ():
            self._cells[plan, cell.fault] = cell
        return [self._cells[plan, name] for name in names]


def _played(plan: AuditPlan, names: Sequence[str]) -> list[AuditCell]:
    if plan.as_server:
        chosen = known.chosen_of_servers(names)
        return [*run.audit_server(plan, chosen, run.sound_server(plan))]
    return [*run.audit(plan, known.chosen(names), run.sound(plan))]
