# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that runs in a lab's namespace, and dies with netlab."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from netlab.errors import LabError
from netlab.testbed.namespace import Namespace

PR_SET_PDEATHSIG = 1
#: Programs that come with netlab, by the name a scenario uses.
OWN = {"tcp_client": [sys.executable, "-m", "netlab.programs.tcp_client"]}

_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """One process inside a namespace. Its output is kept in memory, never in a file."""

    def __init__(self, namespace: Namespace, command: Sequence[str]) -> None:
        command = [*OWN.get(command[0], [command[0]]), *command[1:]]
        self._output = os.memfd_create("netlab-output", os.MFD_CLOEXEC)
        try:
            with namespace:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    stderr=subprocess.STDOUT,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509 (one thread, and no lock held)
                )
        except OSError as error:
            os.close(self._output)
            raise LabError(f"cannot run {command[0]!r}: {error.strerror}") from None

    @property
    def output(self) -> str:
        """Everything it has written so far, to standard output and error."""
        return os.pread(self._output, 1 << 24, 0).decode(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def close(self) -> None:
        """Kill it if it still runs, and forget its output."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._output)
