# SPDX-License-Identifier: GPL-2.0-or-later
"""What is played on a kernel, here or in a guest: the same code, so that records are comparable."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from netlab import scheduler
from netlab.atlas import grid
from netlab.conformance import play as conformance
from netlab.conformance import rows
from netlab.conformance.rows import TableRow
from netlab.linux import scratch, sysctl
from netlab.linux.namespace import Namespace
from netlab.linux.nstat import Counters
from netlab.model.evidence import Evidence
from netlab.model.kernel_run import Clock, Machine, line
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, runner
from netlab.scenario.model import Scenario
from netlab.testbed.lab import Lab
from netlab.timers import measure

#: The sysctls that decide what TCP does, recorded from a fresh namespace.
SYSCTLS = ("net/ipv4/tcp_*", "net/ipv4/ip_local_port_range", "net/core/somaxconn")
#: ``linux/time.h``. This clock moves once a tick, so its resolution shows CONFIG_HZ.
CLOCK_MONOTONIC_COARSE = 6
#: Labs at a time under a virtual clock. There, waiting costs nothing but work takes time, so open
#: labs must not keep each other from being sampled.
VIRTUAL_JOBS = 4

Emit = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What to play."""

    plays: bool = True  # whether scenarios are played at all
    names: tuple[str, ...] = ()  # of scenarios, as netlab run takes them; none: all
    #: The user's own scenario files, as (path, text): a guest does not see the user's disk.
    own: tuple[tuple[str, str], ...] = ()
    mine: tuple[str, ...] = ()  # which of those are played, by name; none: all
    slow: bool = False  # also those that take minutes
    #: Of all these, only those that end soon, or only those that take minutes.
    which: Literal["all", "soon", "slow"] = "all"
    only: tuple[str, ...] = ()  # of all these, only scenarios and rows of these names; none: all
    atlas: bool = False  # every pair of states
    timers: tuple[str, ...] = ()  # of measure.NAMES: time-outs that are waited for until they end
    table: bool = False  # the conformance table, over both families
    row_names: tuple[str, ...] = ()  # of the table, by name; none: all
    ipv6: bool = False
    hold: float = 0.0  # seconds, where that is longer than the scenario's own
    sysctls: Mapping[str, str] = field(default_factory=dict)  # set at both hosts of every lab
    record: bool = False  # every packet of the scenarios and rows

    @property
    def family(self) -> Family:
        """The internet protocol of all labs."""
        return Family.IPV6 if self.ipv6 else Family.IPV4

    def halves(self) -> list[Job]:
        """Two jobs that take about as long, for two guests: scenarios that end soon, and the rest;
        the job itself if there is nothing of one of them. Raises as `written`.
        """
        slow = {scenario.slow for scenario in self.scenarios()}
        soon = replace(self, which="soon", table=False, atlas=False, timers=())
        rest = replace(self, which="slow", plays=True in slow)
        whole = False in slow and (rest.plays or self.table or self.atlas or self.timers)
        return [soon, rest] if whole else [self]

    def scenarios(self) -> list[Scenario]:
        """What is to be played, to be counted or named: the user's own files are gone by then.
        Raises as `written`.
        """
        with self.folder() as folder:
            return self.written(folder)

    def folder(self) -> contextlib.AbstractContextManager[Path]:
        """Where the user's own files are written, and none where there are none: it goes with this
        process, also where that is killed. Raises as `scratch.made`.
        """
        return scratch.folder("own") if self.own else contextlib.nullcontext(Path())

    def written(self, folder: Path) -> list[Scenario]:
        """The scenarios to play; the user's own are written below `folder`, in which their programs
        begin. Raises `ScenarioError` for one that is missing or wrong.
        """
        if not self.plays:
            return []
        named = catalogue.choose(self.names, self.slow) if self.names or not self.own else []
        for path, (_, text) in zip(self._places(folder), self.own, strict=True):
            path.parent.mkdir()
            path.write_text(text)
            own = catalogue.choose([str(path)], self.slow)
            named += [one for one in own if not self.mine or one.name in self.mine]
        if self.which != "all":
            named = [one for one in named if one.slow == (self.which == "slow")]
        return [one for one in named if not self.only or one.name in self.only]

    def _places(self, folder: Path) -> list[Path]:
        """Where each of the user's own files is written: two may have the same name."""
        return [folder / str(number) / Path(own).name for number, (own, _) in enumerate(self.own)]

    def told(self, run: Evidence, folder: Path) -> Evidence:
        """A record that names the user's own file, and not what was written below `folder`."""
        for place, (own, _) in zip(self._places(folder), self.own, strict=True):
            if run.path == str(place):
                return replace(run, path=own, reason=run.reason.replace(str(place), own))
        return run

    def table_rows(self) -> list[TableRow]:
        """The rows of the conformance table to play, over both families. Raises `ScenarioError`
        for one that is missing.
        """
        named = rows.choose(self.row_names) if self.table else []
        return [row for row in named if not self.only or row.name in self.only]


def machine(spec: str, clock: Clock, job: Job, distribution: str = "") -> Machine:
    """The kernel that runs here, with its tick rate in Hz."""
    name = os.uname()
    return Machine(
        spec=spec,
        release=name.release,
        version=name.version,
        architecture=name.machine,
        hz=round(1 / time.clock_getres(CLOCK_MONOTONIC_COARSE)),
        clock=clock,
        distribution=distribution,
        changed=dict(job.sysctls),
    )


def play(job: Job, about: Machine, emit: Emit, meanwhile: Callable[[], None]) -> None:
    """Play it all on this kernel. `emit` gets each record as a line, as soon as there is one;
    `meanwhile` is called now and then.

    Raises `LabError` where no lab can be built here at all, `ScenarioError` as `Job.written`.
    """
    began = time.monotonic()
    scheduler.LEAPS.on = about.clock == "virtual"
    emit(line("machine", about))
    for kind, value in _records(job, about, meanwhile):
        emit(line(kind, value))
    emit(line("done", {"wall_s": round(time.monotonic() - began, 3)}))


def _records(
    job: Job, about: Machine, meanwhile: Callable[[], None]
) -> Iterator[tuple[str, object]]:
    with Lab(job.family) as lab:
        yield "sysctls", _sysctls(lab.client.namespace)
        yield "counters", _counters(lab.client.namespace)
    options = runner.Options(
        family=job.family,
        hold=job.hold,
        jobs=VIRTUAL_JOBS if about.clock == "virtual" else runner.JOBS,
        record=job.record,
        sysctls=job.sysctls,
    )
    with job.folder() as folder:
        for _, run in runner.play_all(job.written(folder), options, meanwhile):
            yield "scenario", job.told(run, folder)
    if job.table:
        for family in Family:
            for answered in conformance.play(
                job.table_rows(), family, job.sysctls, meanwhile, job.record
            ):
                yield "row", answered
    if job.atlas:
        for cell in grid.cell_by_cell(grid.scenarios(), options, meanwhile):
            yield "cell", cell
    if job.timers:
        for timing in measure.run(job.timers, job.family, job.sysctls, meanwhile):
            yield "timing", timing


def _sysctls(namespace: Namespace) -> dict[str, str]:
    """Values by names as sysctl(8) writes them, without those that this user may not read."""
    with namespace:
        return sysctl.matching(SYSCTLS)


def _counters(namespace: Namespace) -> tuple[str, ...]:
    with namespace:
        counters = Counters()
    names = tuple(sorted(counters.read()))
    counters.close()
    return names
