# SPDX-License-Identifier: GPL-2.0-or-later
"""Many kernels: each is fetched, booted and played on, as many at a time as this machine can. What
goes wrong with one is recorded in its run, and does not stop the others.
"""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import queue
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from netlab import extras
from netlab.kernels import cache, suite
from netlab.kernels.sources import fetch
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.sources.select import NoSuite
from netlab.kernels.sources.spec import Spec
from netlab.kernels.vm import accelerator, boot, qemu
from netlab.model import kernel_run
from netlab.model.errors import LabError, NetlabError, ScenarioError, bug
from netlab.model.kernel_run import Clock, KernelRun, Machine, gather
from netlab.timers import measure

HOST = "host"
#: MiB that QEMU needs in addition to the guest's memory.
BESIDE = 256
MIB = 1 << 20
LOOK_S = 0.1  # seconds
LONGEST_NAME = 200  # bytes of a file's name, which may have 255


class Watcher(Protocol):
    """Is notified of progress."""

    def fetching(self, spec: str, what: str, done: int, total: int) -> None:
        """`done` of `total` bytes are there; `total` 0: the size is unknown."""

    def remark(self, spec: str, text: str) -> None:
        """A sentence on a kernel that its user should read, whatever comes of it."""

    def heard(self, spec: str, line: str) -> None:
        """A guest sent a record; the line is JSON."""

    def ended(self, run: KernelRun) -> None:
        """A kernel's run is over: no more calls for it will follow."""

    def meanwhile(self) -> None:
        """Called ten times a second."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played, and how."""

    job: suite.Job
    guest: qemu.Guest
    clock: Clock | None = None  # of guests; None: real where KVM works
    jobs: int | None = None  # guests at a time; None: as many as cores and memory allow
    mirrors: Mapping[str, str] = field(default_factory=dict)
    keyrings: tuple[Path, ...] = ()
    refresh: bool = False
    name: str = ""  # what the run is called, where only one kernel is played


class Unkept(LabError):
    """The cache cannot be written; `runs` has what was played all the same."""

    def __init__(self, why: str, runs: Sequence[KernelRun]) -> None:
        super().__init__(why)
        self.runs = runs


def play(specs: Sequence[Spec], plan: Plan, watcher: Watcher) -> list[KernelRun]:
    """Play on every kernel; return the runs in the order of the specs. Each is stored in the cache.

    Raises `LabError` where no guest can be started here at all (no QEMU), before anything is
    fetched, and `Unkept` in the end where the cache cannot be written.
    """
    guests = [spec for spec in specs if spec.text != HOST]
    if guests:
        qemu.program()
    runs: dict[str, KernelRun] = {}
    unkept = ""
    for run in _all(specs, guests, plan, watcher):
        if plan.name:
            run = replace(run, machine=replace(run.machine, label=plan.name))  # noqa: PLW2901
        runs[run.machine.spec] = run
        watcher.ended(run)
        if run.done:
            try:
                store(run)
            except NetlabError as error:
                unkept = str(error)
    played = [runs[spec.text] for spec in specs if spec.text in runs]
    if unkept:
        raise Unkept(unkept, played)
    return played


def store(run: KernelRun) -> Path:
    """Keep a run in the cache, where `netlab compare` finds it by its name, release and build. What
    an earlier run of the same build has besides is kept: one that plays a few is no loss of all.

    Raises `LabError` where it cannot be written.
    """
    path = cache.folder("runs") / file_name(run)
    with contextlib.suppress(ScenarioError):  # there is none, or it is no run
        run = run.onto(kernel_run.read(path))
    run.write(path)
    return path


def file_name(run: KernelRun) -> str:
    """``6.12.1-mine-7-Sat-Nov-28-01-02-03-UTC-2026.jsonl``, so that each build of a release has its
    own, and so has one with other sysctls or another command line; or as its user calls it. For a
    kernel that never ran, the name it was requested by.
    """
    machine = run.machine
    name = machine.label or " ".join([machine.release, machine.build, *machine.changes])
    return re.sub(r"[^\w.+-]+", "-", name)[:LONGEST_NAME].strip("-") + ".jsonl"


def at_once(plan: Plan) -> int:
    """The number of guests that this machine can run at a time."""
    if plan.jobs:
        return plan.jobs
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MIB
    return max(1, min(len(os.sched_getaffinity(0)), available // (plan.guest.memory + BESIDE)))


def _all(
    specs: Sequence[Spec], guests: Sequence[Spec], plan: Plan, watcher: Watcher
) -> Iterator[KernelRun]:
    # The running kernel first and alone: its clock is real, and guests would slow it down.
    if len(guests) < len(specs):
        try:
            yield here(plan.job, watcher)
        except BrokenPipeError:  # of the watcher: its reader has gone
            raise
        except Exception as error:  # the others go on, where there are any
            if not guests:
                raise
            yield never_booted(HOST, _why(error))
    kernels: dict[str, Kernel] = {}
    for spec in guests:
        try:
            kernels[spec.text] = _obtained(spec, plan, watcher)
        except NoSuite as error:
            if not spec.by_default:
                yield never_booted(spec.text, str(error))
            else:
                watcher.fetching(spec.text, f"left out: {error}", 0, 0)
        except Exception as error:  # the others go on; it is named already
            yield never_booted(spec.text, _why(error).removeprefix(f"{spec.text}: "))
    yield from _guests(kernels.values(), plan, watcher)


def here(job: suite.Job, watcher: Watcher) -> KernelRun:
    """Play on the kernel that runs this process: no guest, and no time-outs of hours.

    What goes wrong after the first scenario is the run's error, and costs none of its results; what
    goes wrong before is raised.
    """
    lines: list[str] = []
    # Time is real here: those would really take hours.
    job = replace(job, timers=tuple(name for name in job.timers if name not in measure.HOURS))

    def emit(line: str) -> None:
        lines.append(line)
        watcher.heard(HOST, line)

    about = suite.machine(HOST, "real", job, _distribution())
    try:
        suite.play(job, about, emit, watcher.meanwhile)
    except BrokenPipeError:  # of the watcher
        raise
    except Exception as error:
        if not lines or not (run := gather(lines)).scenarios:
            raise
        return replace(run, error=_why(error))
    return gather(lines)


def _why(error: Exception) -> str:
    """A sentence about an error of one kernel; it may be that a package is missing."""
    missing = extras.lacking(error) if isinstance(error, ModuleNotFoundError) else None
    known = error if isinstance(error, NetlabError) else missing
    return str(known) if known else bug(error)


def never_booted(spec: str, error: str) -> KernelRun:
    """The record of a kernel that could not be fetched or booted."""
    return KernelRun(Machine(spec, release=spec, version="", architecture="", hz=0), error=error)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:  # no such file: a very small system
        return ""


def _obtained(spec: Spec, plan: Plan, watcher: Watcher) -> Kernel:
    def progress(what: str, done: int, total: int) -> None:
        watcher.fetching(spec.text, what, done, total)

    kernel = fetch.obtain(
        spec,
        mirrors=plan.mirrors,
        keyrings=plan.keyrings,
        refresh=plan.refresh,
        progress=progress,
    )
    for text in kernel.remarks:
        watcher.remark(spec.text, text)
    return kernel


def usual_clock(kernel: Kernel) -> Clock:
    """The real clock where guests are as fast as this machine. An emulated guest is so slow that
    its timers would fire while it still works on what came before.
    """
    return "real" if accelerator.best(kernel.image) == "kvm" else "virtual"


def _guests(kernels: Iterable[Kernel], plan: Plan, watcher: Watcher) -> Iterator[KernelRun]:
    """Boot them side by side, each followed by its own thread; yield runs as they end. Where a
    processor would be idle, each is booted twice, and plays one half of the job in each guest.
    """
    news: queue.SimpleQueue[tuple[str, str | KernelRun]] = queue.SimpleQueue()
    stop = threading.Event()

    def follow(kernel: Kernel, job: suite.Job) -> None:
        def heard(line: str) -> None:
            news.put((kernel.spec, line))

        try:
            clock = plan.clock or usual_clock(kernel)
            guest = replace(plan.guest, stop=stop, clock=clock)
            run = boot.play(kernel, job, guest, cache.folder("guests"), heard)
        except Exception as error:  # the others go on, and nobody waits for this one
            run = never_booted(kernel.spec, _why(error))
        news.put((kernel.spec, run))

    booted = [*kernels]
    idle = at_once(plan) >= 2 * len(booted)
    jobs = plan.job.halves() if idle else [plan.job]
    halves: dict[str, list[KernelRun]] = {kernel.spec: [] for kernel in booted}
    with ThreadPoolExecutor(at_once(plan), "guest") as pool:
        try:
            threads = [pool.submit(follow, kernel, job) for kernel in booted for job in jobs]
            waiting = len(threads)
            while waiting:
                watcher.meanwhile()
                try:
                    spec, piece = news.get(timeout=LOOK_S)
                except queue.Empty:
                    _raise_what_ended(threads)
                    continue
                if isinstance(piece, KernelRun):
                    waiting -= 1
                    halves[spec].append(piece)
                    if len(halves[spec]) == len(jobs):
                        good_first = sorted(halves[spec], key=lambda run: bool(run.error))
                        yield functools.reduce(KernelRun.with_rest, good_first)
                else:
                    watcher.heard(spec, piece)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _raise_what_ended(threads: Iterable[Future[None]]) -> None:
    """Nobody may wait for a thread that has ended without a word: raise what ended it."""
    for thread in threads:
        if thread.done() and not thread.cancelled():
            thread.result()
