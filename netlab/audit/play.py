# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a program under one fault, in a lab of its own, and notes what is seen of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace

from netlab import scheduler
from netlab.audit import prediction
from netlab.audit.cures import Cure
from netlab.audit.ends import blocked_in, end_the_silent, held_sockets, is_tcp, memory_limit, taken
from netlab.audit.faults.base import AuditFault
from netlab.audit.looking import (
    EVERY,
    Use,
    descriptors_of,
    named,
    sockets_of,
)
from netlab.audit.plan import AuditPlan
from netlab.audit.prediction import Limits
from netlab.audit.record import evidence
from netlab.audit.scene import Scene
from netlab.linux.confinement import MIB
from netlab.model.auditing import AuditPlay
from netlab.model.errors import LabError, NetlabError
from netlab.model.tcp import State
from netlab.model.vocabulary import Side
from netlab.testbed.lab import Lab
from netlab.testbed.launch import MOST
from netlab.testbed.notebook import Notebook
from netlab.testbed.program import Program

#: Seconds that what a program leaves behind may live on: who is left after `LEFT` was left behind.
LINGER, LEFT = 1.0, 0.4
#: Seconds in which what it has sent, or what acknowledges a reply, may still arrive after its end.
REST = 1.0
#: Seconds that a connection may be over, and held beside a newer one.
DEAD = 0.5
#: Where time jumps while nothing happens, looks are all that costs: there is one when something has
#: stirred, one so many seconds later, and then after this share of the time since then.
SOON, SHARE = 0.02, 0.04
#: The states of a connection whose other end is gone or has closed.
OVER = (State.CLOSE_WAIT, State.CLOSED)


def play(
    fault: AuditFault, plan: AuditPlan, cure: Cure | None = None, record: bool = False
) -> AuditPlay:
    """Play it once. What keeps it from being played is its `problem`, and nothing is raised."""
    try:
        with Lab(plan.family, record=record) as lab:
            return _Audition(lab, fault, plan, cure).play()
    except NetlabError as error:
        return AuditPlay(fault.name, 0.0, problem=str(error))


class _Audition:
    """One program in one lab."""

    def __init__(self, lab: Lab, fault: AuditFault, plan: AuditPlan, cure: Cure | None) -> None:
        self._lab, self._fault, self._plan, self._cure = lab, fault, plan, cure
        self._notebook = Notebook(lab)
        self._protocol = plan.partner()
        self._scene = Scene(lab, self._protocol, fault, plan.at)
        self._host = str(Side.SERVER) if lab.context.names() else lab.server.address
        self._program: Program | None = None
        self._main = 0
        self._began = self._ended_at = 0.0
        self._end_of_main: int | None = None  # can be read once that has ended
        self._looked = self._lost = 0.0
        self._use = Use()
        self._over = ""
        self._left: dict[int, tuple[float, str]] = {}  # processes after its end: since when, who
        self._seen: dict[int, float] = {}  # connections, and since when
        self._tcp: dict[int, bool] = {}  # sockets that no table has: whether they are TCP's
        self._dead_since: dict[int, float] = {}
        self._dead: dict[int, str] = {}
        self._cured: set[int] = set()
        self._crowd = _Crowd()

    def play(self) -> AuditPlay:
        """Play it, and note what was seen."""
        with (
            contextlib.closing(self._scene),
            contextlib.closing(self._protocol),
            contextlib.closing(self),
        ):
            self._protocol.start(self._lab)
            self._scene.begin()
            self._start()
            again = self._next_look if self._plan.virtual else None
            self._lab.context.wait(self._turn, self._plan.cap, again)
            if self._ended_at:
                self._lab.context.wait(self._hear_the_rest, REST)
            return self._seen_so_far()

    def close(self) -> None:
        """Let go of what was followed."""
        if self._end_of_main is not None:
            os.close(self._end_of_main)

    def _start(self) -> None:
        environment = {
            **self._plan.environment(self._host),
            **self._protocol.environment,
            **(self._cure.environment if self._cure else {}),
        }
        if self._cure is not None:
            self._cure.prepare(self._lab.client)
        line = self._plan.line(self._host)
        self._began = scheduler.now()
        folder = self._plan.folder or None
        self._program = self._lab.client.run(line, env=environment, cwd=folder, linger=LINGER)
        self._main = next(iter(self._program.own), 0)
        if self._plan.virtual and self._main:
            self._end_of_main = os.pidfd_open(self._main)
            scheduler.STIRS.follow(self._end_of_main)

    # --- while it runs

    def _next_look(self) -> float:
        now = scheduler.now()
        pause = max(SOON, SHARE * (now - max(self._began, scheduler.STIRS.last)))
        return min([now + pause, *(due for due in self._scene.dues() if due > now)])

    def _turn(self) -> bool | None:
        """Serve, and look; True once it has ended."""
        assert self._program is not None
        self._scene.step()
        if self._program.exit_code is not None:
            self._ended_at = self._ended_at or scheduler.now()
            return True
        if not os.path.exists(f"/proc/{self._main}"):
            self._ended_at = self._ended_at or scheduler.now()
            self._note_left(self._program.own)
            return None
        if self._cure is not None:
            self._apply(self._program.own)
        passed = scheduler.now() - self._began
        pause = SHARE * passed if self._plan.virtual else min(EVERY, passed / 10)
        if scheduler.now() - self._looked >= pause:
            self._looked = scheduler.now()
            self._look(self._program.own)
        return True if self._over else None

    def _hear_the_rest(self) -> bool | None:
        """Serve what is under way; True once nothing is."""
        self._scene.step()
        return True if all(talk.over for talk in self._scene.conversations) else None

    def _look(self, own: tuple[int, ...]) -> None:
        self._use.look(own, counts=self._scene.bitten is not None)
        if self._use.memory > memory_limit():
            self._end(f"it took more than {self._use.memory // MIB} MiB of memory")
        self._note_dead(own)
        silence = self._cure.silence if self._cure else None
        if silence is not None:
            end_the_silent(self._lab.client, own, self._plan.at, silence)

    def _end(self, why: str) -> None:
        assert self._program is not None
        self._over = f"{why}, and netlab ended it"
        self._program.kill()

    def _note_left(self, own: tuple[int, ...]) -> None:
        for process in own:
            if process not in self._left and (name := named(process)):
                self._left[process] = scheduler.now(), name

    def _note_dead(self, own: tuple[int, ...]) -> None:
        """Note which connections are over that it holds, although it has opened another since."""
        rows = {row.inode: row for row in self._scene.rows(*State) if row.inode}
        now, held = scheduler.now(), sockets_of(own)
        self._crowd.note(sum(inode in held for inode in rows), now)
        for inode in (*rows, *self._closed(own, held - rows.keys())):
            if inode not in self._seen:
                self._seen[inode] = now
                self._use.begin_anew()
        for inode, since in self._seen.items():
            is_over = inode not in rows or rows[inode].state in OVER
            newer = any(began > since for began in self._seen.values())
            if inode in held and is_over and newer:
                self._dead_since.setdefault(inode, now)
                if now - self._dead_since[inode] >= DEAD:
                    self._dead[inode] = str(inode)
            else:
                self._dead_since.pop(inode, None)

    def _closed(self, own: tuple[int, ...], untold: set[int]) -> Iterator[int]:
        """Those of TCP among the sockets that are in no table: they were reset, or never opened."""
        for process in own if untold - self._tcp.keys() else ():
            for number, inode in descriptors_of(process):
                if inode in untold and inode not in self._tcp:
                    self._tcp[inode] = is_tcp(process, number)
        return (inode for inode in untold if self._tcp.get(inode))

    def _apply(self, own: tuple[int, ...]) -> None:
        assert self._cure is not None
        for process in own:
            for number, inode in descriptors_of(process):
                if inode not in self._cured:
                    self._cured.add(inode)
                    _treat(process, number, self._cure)

    # --- afterwards

    def _seen_so_far(self) -> AuditPlay:
        program, scene = self._program, self._scene
        assert program is not None
        ended = program.exit_code is not None or bool(self._ended_at)
        seconds = (self._ended_at or scheduler.now()) - self._began
        own = () if ended else program.own
        sockets = tuple(held_sockets(self._lab.client, own, self._plan.at))
        blocked = tuple(blocked_in(own, self._scene.rows(*State), sockets, self._use))
        peers = tuple(held_sockets(self._lab.server, None, self._plan.at))
        limits = Limits.of(self._lab.client.namespace)
        bitten = scene.bitten
        waited = 0.0 if bitten is None else scheduler.now() - bitten
        predicted = self._fault.until(scene, seconds) or prediction.until(
            seconds, waited, blocked, sockets, limits, self._fault.answers, peers
        )
        if len(program.output.encode()) + len(program.errors.encode()) >= MOST:
            self._over = self._over or f"it wrote more than {MOST // MIB} MiB, and netlab ended it"
        seen = AuditPlay(
            fault=self._fault.name,
            seconds=round(seconds, 3),
            ended=ended,
            exit_code=self._exit_code(),
            reached_at=None if bitten is None else round(max(0.0, bitten - self._began), 3),
            output=program.output,
            errors=program.errors,
            asked=scene.asked(self._began),
            connections=self._connections(),
            newest=round(max(self._seen.values(), default=self._began) - self._began, 3),
            cpu=round(self._use.cpu, 3),
            spun=self._use.spun,
            busy=self._use.busy,
            disturbed=round(max(self._use.waited, self._lab.context.lost() - self._lost), 3),
            over=self._over,
            left=tuple(
                name for since, name in self._left.values() if scheduler.now() - since > LEFT
            ),
            at_once=scene.at_once,
            held=self._crowd.lasting,
            dead=tuple(self._dead.values()),
            sockets=sockets,
            peers=peers,
            blocked=blocked,
            until=None if ended else predicted,
            evidence=evidence(self._lab, self._notebook, self._fault.name, self._plan.at),
        )
        return replace(seen, queued=scene.queued(self._began))

    def _exit_code(self) -> int | None:
        assert self._program is not None
        return self._program.exit_code

    def _connections(self) -> int:
        try:
            return self._scene.connections()
        except LabError:  # so many that the kernel could not keep them
            return 1 << 16


def _treat(process: int, descriptor: int, cure: Cure) -> None:
    """Apply a cure to a socket of a program, unless that has closed it meanwhile."""
    with contextlib.suppress(OSError), taken(process, descriptor) as sock:
        cure.treat(sock)


class _Crowd:
    """How many there were at the same time, for `DEAD` seconds at least."""

    def __init__(self) -> None:
        self.lasting = 0
        self._since: list[float] = []  # by number, less one: since when there are so many

    def note(self, number: int, now: float) -> None:
        """There are so many now, at this time in seconds."""
        del self._since[number:]
        self._since += [now] * (number - len(self._since))
        self.lasting = max([self.lasting, *self._lasting(now)])

    def _lasting(self, now: float) -> list[int]:
        return [n for n, since in enumerate(self._since, 1) if now - since >= DEAD]
