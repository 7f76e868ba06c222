# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a job on one kernel: boots it in a virtual machine, follows it, and judges its records."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from netlab.atlas import store
from netlab.kernels import bzimage
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.vm import accelerator, bare, image, qemu, vmlinux
from netlab.kernels.vm.qemu import Guest
from netlab.model.errors import LabError
from netlab.model.kernel_run import KernelRun, Machine, gather
from netlab.model.text import some
from netlab.model.vocabulary import Family

if TYPE_CHECKING:
    from netlab.kernels.suite import Job


def play(
    kernel: Kernel,
    job: Job,
    guest: Guest,
    cache: Path,
    heard: Callable[[str], None] = lambda record: None,
) -> KernelRun:
    """Boot a kernel, play the job on it, and return its run.

    The userland is kept in `cache`; `heard` gets each record as it arrives. Every failure of the
    guest, including a hang, is returned as a run with an `error`. Several threads may call this at
    once; each guest dies with the thread that plays it.

    Raises `LabError` where no guest of this kernel can be started: no QEMU, no kernel, or a module
    is missing.
    """
    began = time.monotonic()
    check(kernel.image)
    disk = (image.userland(cache), image.kernel(kernel), image.job(job, kernel.spec, guest.clock))
    told = qemu.follow(started(kernel, guest, cache), disk, completed(guest, kernel), heard)
    try:
        run = gather(told.records)
    except ValueError:  # nothing came
        run = KernelRun(
            Machine(kernel.spec, kernel.release, "", os.uname().machine, hz=0, clock=guest.clock)
        )
    run = replace(run, machine=replace(run.machine, appended=guest.options))
    error = told.error()
    if error and told.begun and (told.played or not told.gave_up):
        error += unfinished(run, job)
    if error and kernel.modules is None and told.gave_up and not told.played:
        error += "; no modules came with this kernel, so all that a lab needs must be built in"
    if error:
        run = replace(run, done=False, error=error, died=told.died, console=told.last_lines())
    else:  # the kernel's warnings are worth a look even where everything passed
        run = replace(run, console=tuple(told.trouble()))
    return replace(run, wall_s=round(time.monotonic() - began, 3))


def unfinished(run: KernelRun, job: Job) -> str:
    """What a guest was at when it ended, as the end of a sentence: scenarios begin in this order, a
    few at a time, then rows of the table, then pairs of the atlas, and time-outs all at once after
    them. "" where nothing was left.
    """
    played = {one.scenario for one in run.scenarios}
    answered = {(one.name, one.family) for one in run.rows}
    rows = [(row.name, family) for family in Family for row in job.table_rows()]
    tried = {cell.pair for cell in run.cells}
    pairs = [str(pair) for pair in store.pairs()] if job.atlas else []
    for kind, names in (
        ("scenario", [one.name for one in job.scenarios() if one.name not in played]),
        ("row", [name for name, family in rows if (name, family) not in answered]),
        ("pair", [pair for pair in pairs if pair not in tried]),
        ("time-out", sorted({*job.timers} - {one.name for one in run.timings})),
    ):
        if names:
            return f"; it was at {kind} {some(names)}"
    return ""


def completed(guest: Guest, kernel: Kernel, first: str = bare.INIT) -> Guest:
    """The guest with the options that boot the userland, whose program `first` is started, and the
    accelerator that works here.
    """
    virtual = guest.clock == "virtual"  # KVM has no virtual clock
    inside = " ".join(f"{name}={value}" for name, value in bare.ENVIRONMENT.items())
    return replace(
        guest,
        accelerator="tcg" if virtual else guest.accelerator or accelerator.best(kernel.image),
        options=f"rdinit={first} {inside} {guest.options}",
    )


def started(kernel: Kernel, guest: Guest, cache: Path) -> Path:
    """What QEMU is given to start. Raises as `vmlinux.of`."""
    return vmlinux.of(kernel.image, cache) if guest.clock == "virtual" else kernel.image


def check(path: Path) -> None:
    """Raises `LabError` where a file is not a kernel that can be booted here, `ScenarioError` where
    it cannot be read.
    """
    head = bzimage.head(path)
    if not bzimage.is_one(head):
        what = " (an ELF file: it wants arch/x86/boot/bzImage)" if bzimage.is_elf(head) else ""
        raise LabError(f"{path} is no image of a kernel that QEMU can boot{what}")
    if not bzimage.is_64_bit(head):
        raise LabError(f"{path} is a kernel for 32 bits: Python here would not run on it")
