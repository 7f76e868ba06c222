# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a job on one kernel: booted in a virtual machine, followed, and judged by what it told."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from netlab.kernels.getting.kernel import Kernel
from netlab.kernels.guests import accelerator, image, qemu
from netlab.kernels.record import Clock, KernelRun, Machine, gather
from netlab.kernels.suite import Job
from netlab.model.errors import LabError


@dataclass(frozen=True, slots=True)
class How:
    """How guests are booted."""

    cache: Path  # where the userland is kept
    clock: Clock = "virtual"
    accelerator: qemu.Accelerator | None = None  # None: the best there is
    memory: int = 512  # MiB
    limit: float = 600.0  # seconds that a guest may take in all
    silence: float = 180.0  # seconds without a record or a line on the console: it hangs
    options: str = ""  # more for the kernel's command line
    stop: threading.Event = field(default_factory=threading.Event)  # set: end the guest now


def play(
    kernel: Kernel, job: Job, how: How, heard: Callable[[str], None] = lambda record: None
) -> KernelRun:
    """Boot a kernel, play the job on it, and return what came of it.

    `heard` gets each record as it arrives. Whatever a guest does, also hang, ends in a run with an
    `error`. Several threads may call this at once; each guest dies with the thread that plays it.

    Raises `LabError` where no guest of this kernel can be started: no QEMU, no kernel, a module
    that is missing.
    """
    began = time.monotonic()
    check(kernel.image)
    told = qemu.follow(_setup(kernel, job, how), heard)
    try:
        run = gather(told.records)
    except ValueError:  # nothing came
        run = KernelRun(
            Machine(kernel.spec, kernel.release, "", os.uname().machine, hz=0, clock=how.clock)
        )
    error = told.error()
    if error and kernel.modules is None:
        error += " (no modules came with this kernel)"
    if error:
        run = replace(run, done=False, error=error, console=told.last_lines())
    else:  # what a kernel complains of is worth a look even where everything passed
        run = replace(run, console=tuple(told.trouble()))
    return replace(run, wall_s=round(time.monotonic() - began, 3))


def _setup(kernel: Kernel, job: Job, how: How) -> qemu.Setup:
    virtual = how.clock == "virtual"  # KVM cannot do that
    inside = " ".join(f"{name}={value}" for name, value in image.ENVIRONMENT.items())
    return qemu.Setup(
        image=kernel.image,
        disk=(
            image.userland(how.cache),
            image.kernel(kernel),
            image.job(job, kernel.spec, how.clock),
        ),
        options=f"rdinit={image.INIT} {inside} {how.options}",
        clock=how.clock,
        accelerator="tcg" if virtual else how.accelerator or accelerator.best(kernel.image),
        memory=how.memory,
        limit=how.limit,
        silence=how.silence,
        stop=how.stop,
    )


def check(path: Path) -> None:
    """Raise `LabError` where a file is no kernel that can be booted here.

    A kernel's image for x86 has "HdrS" at byte 514, and in the word at 566 a bit for 64 bits
    (Documentation/arch/x86/boot.rst).
    """
    try:
        with path.open("rb") as file:
            head = file.read(600)
    except OSError as error:
        raise LabError(f"the kernel's image cannot be read: {path}: {error.strerror}") from None
    if head[514:518] != b"HdrS":
        what = "an ELF file: it wants arch/x86/boot/bzImage" if head[:4] == b"\x7fELF" else "none"
        raise LabError(f"{path} is no image of a kernel that QEMU can boot ({what})")
    if not head[566] & 1:
        raise LabError(f"{path} is a kernel for 32 bits: Python here would not run on it")
