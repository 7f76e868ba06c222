# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest was at when it ended: what the job asks for and it has not sent."""

from __future__ import annotations

from dataclasses import replace

from netlab.atlas import grid
from netlab.kernels.suite import Job
from netlab.kernels.vm.boot import unfinished
from netlab.model.kernel_run import KernelRun, Machine, PlayedRow, Timing
from netlab.model.vocabulary import Family
from tests.build import evidence

NOTHING = KernelRun(Machine("here", "6.12", "#1", "x86_64", 250))
JOB = Job(names=("syn-dropped", "fin-dropped"), timers=("syn", "keepalive", "data"))


def test_scenarios_come_before_time_outs() -> None:
    assert unfinished(NOTHING, JOB) == "; it was at scenario syn-dropped, fin-dropped"
    some = replace(NOTHING, scenarios=(evidence("syn-dropped"),))
    assert unfinished(some, JOB) == "; it was at scenario fin-dropped"
    played = replace(NOTHING, scenarios=(evidence("syn-dropped"), evidence("fin-dropped")))
    assert unfinished(played, JOB) == "; it was at time-out data, keepalive, syn"
    measured = replace(played, timings=(Timing("syn", ""), Timing("data", "")))
    assert unfinished(measured, JOB) == "; it was at time-out keepalive"
    whole = replace(measured, timings=(*measured.timings, Timing("keepalive", "")))
    assert unfinished(whole, JOB) == ""


def test_rows_of_the_table_come_between_them() -> None:
    job = replace(JOB, plays=False, table=True)
    first = job.table_rows()[0].name
    assert unfinished(NOTHING, job).startswith(f"; it was at row {first}, ")
    played = [
        PlayedRow(row.name, family)
        for family in Family
        for row in job.table_rows()
        if row.name != first
    ]
    assert unfinished(replace(NOTHING, rows=tuple(played)), job) == (
        f"; it was at row {first}, {first}"
    )


def test_pairs_of_the_atlas_come_after_them() -> None:
    job = replace(JOB, plays=False, atlas=True)
    tried = tuple(grid.draw({}, {}))
    last = replace(NOTHING, cells=tried[:-1])
    assert unfinished(last, job) == f"; it was at pair {tried[-1].pair}"
    assert unfinished(replace(NOTHING, cells=tried), job).startswith("; it was at time-out ")


def test_of_many_the_first_ones_are_named() -> None:
    assert unfinished(NOTHING, Job()).endswith(" more")
    assert unfinished(NOTHING, Job(plays=False, timers=("syn",))) == "; it was at time-out syn"
