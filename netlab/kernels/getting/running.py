# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs programs of apt's, follows what they fetch, and reads what they complain of."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from netlab.kernels.getting.mirrors import environment, without_apt

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a program."""

    code: int  # negative: the signal that ended it
    errors: str  # what it wrote to standard error

    @property
    def complaint(self) -> str:
        """The first thing that it complains of, else how it ended."""
        lines = [line for line in self.errors.splitlines() if line.startswith(("E: ", "W: "))]
        if lines:
            return re.sub(r"\s+", " ", lines[0][3:])
        return f"signal {-self.code}" if self.code < 0 else f"apt ended with {self.code}"


def run(command: Sequence[str], folder: Path, tick: Callable[[], None] = lambda: None) -> Ended:
    """Run a program in a folder; `tick` is called twice a second, as apt says how far it is.

    Raises `LabError` where there is no such program.
    """
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as messages, open(reader, errors="replace") as status:
        try:
            process = subprocess.Popen(
                [*command, f"-oAPT::Status-Fd={writer}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=messages,
                cwd=folder,
                env=environment(),
                pass_fds=(writer,),
                preexec_fn=_die_with_parent,  # noqa: PLW1509 (it only makes a system call)
            )
        except OSError:
            raise without_apt() from None
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


def _die_with_parent() -> None:
    """A netlab that is killed leaves no apt behind, which would write where the next one does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
