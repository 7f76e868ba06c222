# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a server under one fault: clients misbehave, others ask, and both are seen to the end."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from netlab import scheduler
from netlab.audit import prediction
from netlab.audit.ends import blocked_in, held_sockets, memory_limit
from netlab.audit.faults.clients import ServerFault
from netlab.audit.looking import EVERY, Use, descriptors_of
from netlab.audit.plan import AuditPlan
from netlab.audit.prediction import Limits
from netlab.audit.record import evidence
from netlab.audit.visitor import Visitor
from netlab.linux.confinement import MIB
from netlab.model.auditing import AuditPlay, HeldSocket, Visited
from netlab.model.errors import ActionFailed, NetlabError
from netlab.model.evidence import Evidence
from netlab.model.vocabulary import Side
from netlab.render.program import ended
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import Notebook
from netlab.testbed.program import Program

STARTED = 20.0  # seconds in which it is to listen
#: Seconds in which a server may yet let go of what is over, before its descriptors are counted.
SETTLES = 0.5
#: Seconds in which a server that serves nobody may be seen to be dying.
ENDS = 2.0


def serve(fault: ServerFault, plan: AuditPlan, record: bool = False) -> AuditPlay:
    """Play it once. What keeps it from being played is its `problem`, and nothing is raised."""
    try:
        with Lab(plan.family, record=record) as lab:
            return _Hosting(lab, fault, plan).play()
    except NetlabError as error:
        return AuditPlay(fault.name, 0.0, problem=str(error))


class _Hosting:
    """One server in one lab."""

    def __init__(self, lab: Lab, fault: ServerFault, plan: AuditPlan) -> None:
        self._lab, self._fault, self._plan = lab, fault, plan
        self._notebook = Notebook(lab)
        self._visitor = Visitor(lab, plan.port, plan.partner().opening, plan.cap)
        self._visitor.meanwhile(self._look)
        self._use = Use()
        self._looked = self._free_since = self._lost = 0.0
        self._met = False
        self._over = ""
        self._program: Program

    def play(self) -> AuditPlay:
        """Play it, and note what was seen. Raises `ActionFailed` where it does not serve even
        without a fault.
        """
        began = scheduler.now()
        host = self._lab.server.address
        self._program = self._lab.server.start(
            self._plan.line(host), self._plan.port, STARTED, env=self._plan.environment(host)
        )
        if self._lab.recorder:
            self._lab.client.expect_strangers()  # who resets at once is seen all the same
        # Who holds which of hundreds of connections is nobody's question, and takes seconds.
        self._lab.context.flows.holders = dict.fromkeys(Side, _nobody)
        with contextlib.closing(self._visitor):
            usual, why = self._visitor.ask()
            if usual is None:
                raise ActionFailed(f"without any fault it does not answer: {why}")
            self._visitor.wait(SETTLES)
            before, self._lost = self._descriptors(), self._lab.context.lost()
            reached = scheduler.now()
            self._met = True
            visit = self._visited(Visited(usual))
            if self._fault.lets_go and not visit.refusal:
                self._free_since = scheduler.now()
                left = reached + self._plan.cap - scheduler.now()
                self._lab.context.wait(self._has_let_go, left)
            if visit.refusal:
                self._lab.context.wait(self._has_ended, ENDS)
            return self._seen(visit, before, began, reached)

    def _visited(self, visit: Visited) -> Visited:
        try:
            self._fault.misbehave(self._visitor)
        except OSError as error:
            return replace(visit, refusal=f"{error.strerror}, already to the first")
        served, why = self._visitor.ask()
        left = self._visitor.unanswered(self._plan.promise - (served or 0.0))
        self._visitor.leave()
        if served is not None and left > len(self._visitor.asking) / 2:
            many = f"{left} of {len(self._visitor.asking)}"
            served, why = None, f"{many} who asked have no answer within {self._plan.promise:g} s"
        return replace(visit, served=served, refusal=why)

    def _seen(self, visit: Visited, before: int, began: float, reached: float) -> AuditPlay:
        at, waited = scheduler.now() - began, scheduler.now() - reached
        own, rows = self._program.own, self._visitor.held()
        ports = {client.port for client in self._visitor.clients}
        sockets = tuple(held_sockets(self._lab.server, own, self._plan.port))
        clients = held_sockets(self._lab.client, None, self._plan.port)
        held = tuple(each for each in sockets if each.held and each.remote[1] in ports)
        blocked = tuple(blocked_in(own, rows, sockets, self._use))
        limits = Limits.of(self._lab.server.namespace)
        until = prediction.until(at, waited, blocked, held, limits, self._fault.answers)
        code = self._program.exit_code
        kept = max(0, self._descriptors() - before - len(held))
        gone = "" if code is None or self._over else ended(code)
        return AuditPlay(
            fault=self._fault.name,
            seconds=round(at, 3),
            ended=code is not None,
            exit_code=code,
            reached_at=round(reached - began, 3),
            output=self._program.output,
            errors=self._program.errors,
            cpu=round(self._use.cpu, 3),
            spun=self._use.spun,
            busy=self._use.busy,
            disturbed=round(max(self._use.waited, self._lab.context.lost() - self._lost), 3),
            over=self._over,
            sockets=sockets,
            peers=tuple(each for each in clients if each.held),
            blocked=blocked,
            until=until if held and self._fault.lets_go else None,
            visit=replace(
                visit,
                held=tuple(map(_line, held)),
                overdue=bool(held) and self._fault.lets_go and until.seconds is None,
                kept=kept,
                gone=gone,
            ),
            evidence=self._evidence(),
        )

    def _evidence(self) -> Evidence | None:
        """The record of the last one who misbehaved."""
        ports = [self._plan.port, *(client.port for client in self._visitor.clients)]
        return evidence(self._lab, self._notebook, self._fault.name, ports[-1])

    def _has_let_go(self) -> bool | None:
        """True once it has none of their connections any more, and takes no more of them."""
        self._visitor.step()
        if self._visitor.held() and self._program.exit_code is None:
            self._free_since = scheduler.now()
        return True if scheduler.now() - self._free_since > SETTLES else None

    def _has_ended(self) -> bool | None:
        self._visitor.step()
        return None if self._program.exit_code is None else True

    def _descriptors(self) -> int:
        return sum(len([*descriptors_of(process)]) for process in self._program.own)

    def _look(self) -> None:
        if scheduler.now() - self._looked < EVERY or self._program.exit_code is not None:
            return
        self._looked = scheduler.now()
        self._use.look(self._program.own, counts=self._met)
        if self._use.memory > memory_limit():
            self._over = f"it took more than {self._use.memory // MIB} MiB, and netlab ended it"
            self._program.kill()


def _nobody(inode: int) -> None:
    """Nobody asks who holds the socket of this number."""


def _line(sock: HeldSocket) -> str:
    return f"{sock.state} with port {sock.remote[1]}"
