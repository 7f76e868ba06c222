# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads broken files in processes of their own, and measures each: CPU, memory, and how it ends."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netlab.model.errors import NetlabError

from .kinds import Kind

#: What no file may take: seconds of CPU, and bytes beyond what netlab takes without any file.
SECONDS, MEMORY = 2.0, 300 << 20
#: Nothing waits longer than this for an answer, in seconds, and no process gets more memory.
PATIENCE, CEILING = 60.0, 4 << 30
#: Files for one process: to begin one costs 10 ms.
BATCH = 100


@dataclass(frozen=True)
class Trial:
    """How one file was read."""

    number: int
    read: bool  # else refused, as most are
    seconds: float
    memory: int  # bytes
    wrong: str = ""  # why it is a fault of netlab's

    @property
    def fault(self) -> str:
        """The fault in a line, or ""."""
        if self.wrong:
            return self.wrong
        if self.seconds > SECONDS:
            return f"took {self.seconds:.1f} s"
        return f"took {self.memory >> 20} MB" if self.memory > MEMORY else ""


def trials(kind: Kind, numbers: range, folder: Path) -> Iterator[Trial]:
    """Break and read the files of these numbers."""
    left = list(numbers)
    while left:
        batch = left[:BATCH]
        done = list(_in_a_process(kind, batch, folder))
        yield from done
        left = left[len(done) :]


def _in_a_process(kind: Kind, numbers: list[int], folder: Path) -> Iterator[Trial]:
    """Trials, until one of them ends the process or takes too long."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(out)
            resource.setrlimit(resource.RLIMIT_AS, (CEILING, CEILING))
            for number in numbers:
                os.write(into, _written(_trial(kind, number, folder)))
        finally:
            os._exit(0)
    os.close(into)
    answers = b""
    for number in numbers:
        ready = True
        while b"\n" not in answers and ready:
            ready = bool(select.select([out], [], [], PATIENCE)[0])
            more = os.read(out, 1 << 16) if ready else b""
            answers += more
            if not more:
                break
        line, newline, answers = answers.partition(b"\n")
        if not newline:
            why = "the process died" if ready else f"no answer in {PATIENCE:.0f} s"
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            yield Trial(number, False, 0.0, 0, why)
            break
        yield _understood(line)
    os.close(out)
    os.waitpid(child, 0)


def _trial(kind: Kind, number: int, folder: Path) -> Trial:
    path = folder / f"{number}{kind.suffix}"
    path.write_bytes(kind.broken(number))
    gc.collect()
    before = _memory(anew=True)
    begun = time.process_time()
    wrong, read = "", True
    try:
        kind.read(path)
    except NetlabError as error:
        read = False
        if "bug of netlab" in str(error):
            wrong = str(error)
    except BaseException as error:
        wrong = f"{type(error).__name__}: {error} ({_place(error)})".encode(
            errors="replace"
        ).decode()
    seconds = time.process_time() - begun
    path.unlink()
    return Trial(number, read, seconds, max(0, _memory() - before), wrong)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "netlab/" in frame.filename] or frames
    return f"{own[-1].filename.rpartition('netlab/')[2]}:{own[-1].lineno}"


def _memory(anew: bool = False) -> int:
    """The most memory of this process so far, or since it was asked anew (proc(5), clear_refs)."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def _written(trial: Trial) -> bytes:
    wrong = " ".join(trial.wrong.split())[:500]
    return f"{trial.number}\t{trial.read:d}\t{trial.seconds}\t{trial.memory}\t{wrong}\n".encode()


def _understood(answer: bytes) -> Trial:
    number, read, seconds, memory, wrong = answer.decode().split("\t")
    return Trial(int(number), read == "1", float(seconds), int(memory), wrong)
