# SPDX-License-Identifier: GPL-2.0-or-later
"""The first program of a guest: sets up the bare system, plays the job, and ends the guest.

There is nothing else in a guest: no shell, no init, no modprobe. Errors are reported on the port
for the records, or on the console where there is no port yet.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from netlab.kernels.vm import bare, image
from netlab.linux import syscalls
from netlab.model.errors import LabError, NetlabError
from netlab.model.kernel_run import line

PORT = "netlab"  # as the host names it


def main() -> None:
    """Play the job, and restart: a machine that may not restart (-no-reboot) ends then."""
    try:
        bare.mount()
        refused = bare.load()
        bare.quieten()
        port = _open_port()
    except (LabError, OSError) as error:
        print(f"netlab: {error}", flush=True)
    else:
        _follow(port, refused)
    syscalls.restart()


def _open_port() -> BinaryIO:
    return open(bare.port(PORT), "wb", buffering=0)


def _follow(port: BinaryIO, refused: str) -> None:
    """Play in a separate process: this one, the first, survives whatever happens to that one."""
    if refused:
        _send(port, _error(refused))
        return
    player = os.fork()
    if not player:
        sys.excepthook = partial(_failed, port)
        _be_a_host()
        _play(port)
        sys.exit()
    process = status = 0
    while process != player:  # orphans are inherited by the first process, and are reaped here too
        process, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _send(port, _error(f"netlab was killed in the guest by {signal.Signals(-code).name}"))


def _play(port: BinaryIO) -> None:
    from netlab.kernels import suite

    job, spec, clock = image.asked(Path(bare.JOB).read_text())
    suite.play(job, suite.machine(spec, clock, job), partial(_send, port), lambda: None)


def _failed(
    port: BinaryIO,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    """Report an exception that nothing else caught (sys.excepthook)."""
    if isinstance(error, NetlabError):
        _send(port, _error(str(error)))
        return
    traceback.print_exception(kind, error, trace)
    _send(port, _error(f"netlab failed in the guest: {kind.__name__}: {error}"))


def _send(port: BinaryIO, text: str) -> None:
    data = f"{text}\n".encode()
    while data:
        data = data[port.write(data) :]


def _be_a_host() -> None:
    """Set up what netlab uses and a distribution's init would have set up."""
    os.environ.update(HOME="/root", PATH=bare.SEARCHED)
    bare.loopback()


def _error(problem: str) -> str:
    return line("error", {"error": problem.strip(), "console": []})
