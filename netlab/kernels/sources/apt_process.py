# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs apt's programs, follows their downloads, and reads their error messages."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlab.kernels.sources.mirrors import environment, without_apt
from netlab.linux import scratch
from netlab.linux.syscalls import bound


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of a program."""

    code: int  # negative: the signal that ended it
    errors: str  # what it wrote to standard error

    @property
    def complaint(self) -> str:
        """Its first error or warning, or else how it ended."""
        lines = [line for line in self.errors.splitlines() if line.startswith(("E: ", "W: "))]
        if lines:
            return re.sub(r"\s+", " ", lines[0][3:])
        return f"signal {-self.code}" if self.code < 0 else f"apt ended with {self.code}"


def run(command: Sequence[str], folder: Path, tick: Callable[[], None] = lambda: None) -> Ended:
    """Run a program in a folder; `tick` is called twice a second, as apt reports its progress.

    If netlab is killed, apt ends too: it would write where the next one does.

    Raises `LabError` where the program is not installed.
    """
    if shutil.which(command[0]) is None:
        raise without_apt()
    reader, writer = os.pipe()
    with (
        tempfile.TemporaryFile(dir=scratch.place()) as messages,
        open(reader, errors="replace") as status,
    ):
        try:
            process = subprocess.Popen(
                bound([*command, f"-oAPT::Status-Fd={writer}"], signal.SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                cwd=folder,
                env=environment(),
                pass_fds=(writer,),
            )
        finally:
            os.close(writer)
        with process:
            ended = False
            try:
                for _ in status:
                    tick()
                ended = True  # apt has closed its end
            finally:
                if not ended:
                    process.terminate()
        messages.seek(0)
        return Ended(process.returncode, messages.read().decode(errors="replace"))
