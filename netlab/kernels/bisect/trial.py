# SPDX-License-Identifier: GPL-2.0-or-later
"""One commit, tried: the kernel is built in its tree, booted and played on."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from netlab.kernels import cache
from netlab.kernels.bisect.history import Commit, Mark
from netlab.kernels.compare.behaviour import KernelProfile, behaviour
from netlab.kernels.compare.differences import Difference, compare
from netlab.kernels.matrix import Plan, usual_clock
from netlab.kernels.sources import fetch, spec
from netlab.kernels.vm import boot
from netlab.linux import scratch
from netlab.model.errors import NetlabError
from netlab.model.kernel_run import KernelRun

LOOK_S = 0.1  # seconds between two looks at a signal
#: Of what a build prints, the end is kept: make goes on a little after the first error.
END = 64 << 10
ERROR = re.compile(r"^.*(?:\berror\b|\*\*\*).*$", re.IGNORECASE | re.MULTILINE)
#: What a whole kernel has, whatever is played: a bisection asks about one thing.
UNASKED = ("sysctl", "counter")


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one commit."""

    commit: Commit
    why: str = ""  # it could not be judged: it does not build, it does not boot, ...
    run: KernelRun | None = None
    build_s: float = 0.0
    play_s: float = 0.0

    @property
    def seconds(self) -> float:
        """All that it took, in seconds."""
        return self.build_s + self.play_s


def attempt(
    commit: Commit, tree: Path, build: str, plan: Plan, meanwhile: Callable[[], None]
) -> Trial:
    """Build what is checked out with the shell's command `build`, and play on it.

    `meanwhile` is called often; what it raises ends the build or the guest, and is passed on.
    Raises `LabError` where no guest can be booted here at all.
    """
    began = time.monotonic()
    why = _build(tree, build, meanwhile)
    built = time.monotonic()
    if why:
        return Trial(commit, f"does not build: {why}", build_s=built - began)
    try:
        run = _play(tree, plan, meanwhile)
    except NetlabError as error:
        return Trial(commit, f"cannot be booted: {error}", build_s=built - began)
    return Trial(commit, _unjudged(run), run, built - began, time.monotonic() - built)


def _unjudged(run: KernelRun) -> str:
    """Why a run tells nothing of what was asked, or ''."""
    if run.error:
        return f"does not play to the end: {run.error}"
    played = [(one.scenario, one.outcome, one.reason) for one in run.scenarios]
    played += [(row.name, row.outcome, row.problem) for row in run.rows]
    errors = (
        f"{name} cannot be played: {why}" for name, outcome, why in played if outcome == "error"
    )
    return next(errors, "")


def _build(tree: Path, command: str, meanwhile: Callable[[], None]) -> str:
    """Run the command of a build; return its complaint, or '' where it succeeds."""
    with tempfile.TemporaryFile(dir=scratch.place()) as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=tree,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while True:
                meanwhile()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_S)
                    break
        finally:
            with contextlib.suppress(ProcessLookupError):  # make and its compilers, and all theirs
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return _complaint(output) if process.returncode else ""


def _complaint(output: IO[bytes]) -> str:
    output.seek(max(0, output.seek(0, os.SEEK_END) - END))
    text = output.read().decode(errors="replace")
    found = ERROR.search(text)
    lines = text.split("\n")
    return (found[0] if found else next(filter(None, reversed(lines)), "it says nothing")).strip()


def _play(tree: Path, plan: Plan, meanwhile: Callable[[], None]) -> KernelRun:
    kernel = fetch.obtain(spec.parse(str(tree)))
    clock = plan.clock or usual_clock(kernel)
    guest = replace(plan.guest, clock=clock, stop=threading.Event())
    folder = cache.folder("guests")
    with ThreadPoolExecutor(1, "guest") as pool:
        playing = pool.submit(boot.play, kernel, plan.job, guest, folder)
        try:
            while not wait([playing], LOOK_S).done:
                meanwhile()
        finally:
            guest.stop.set()
        return playing.result()


class Judge:
    """Tells which of two kernels a third one behaves like, in what those two differ in."""

    def __init__(self, good: Trial, bad: Trial) -> None:
        self._good = _profile(good)
        self.differences = _differences(self._good, _profile(bad))
        self._kinds = {*map(_kind, self.differences)}

    def mark(self, trial: Trial) -> Mark:
        """Bad, where it differs from the good one in anything in which the bad one does."""
        if trial.why:
            return "skip"
        found = map(_kind, _differences(self._good, _profile(trial)))
        return "bad" if self._kinds.intersection(found) else "good"


def _profile(trial: Trial) -> KernelProfile:
    assert trial.run is not None, trial.why
    return behaviour(trial.run)


def _differences(before: KernelProfile, after: KernelProfile) -> tuple[Difference, ...]:
    found = compare(before, after).differences
    return tuple(each for each in found if each.topic not in UNASKED)


def _kind(difference: Difference) -> tuple[str, str, str]:
    """What differs, whatever it is now. Of a timer only the worst aspect is known."""
    aspect = "" if difference.topic == "timer" else difference.aspect
    return difference.topic, difference.subject, aspect
