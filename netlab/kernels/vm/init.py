# SPDX-License-Identifier: GPL-2.0-or-later
"""The first program of a guest: sets up the bare system, plays the job, and ends the guest.

There is nothing else in a guest: no shell, no init, no modprobe. Errors are reported on the port
for the records, or on the console where there is no port yet.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import struct
import sys
import traceback
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from netlab import scheduler
from netlab.kernels.vm import image
from netlab.kernels.vm.modules import REQUIRED
from netlab.linux import syscalls
from netlab.model.errors import LabError, NetlabError
from netlab.model.kernel_run import line

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
MOUNTS = (
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("tmpfs", "/run"),
    ("tracefs", "/sys/kernel/tracing"),
)
WARNINGS = "5"  # the console shows what is worse than a notice: a lab's links log a lot of those
PORT = "netlab"  # as the host names it
PORT_S = 10.0  # seconds: a port appears within milliseconds, or never


def main() -> None:
    """Play the job, and restart: a machine that may not restart (-no-reboot) ends then."""
    try:
        _mount()
        refused = _load()
        Path("/proc/sys/kernel/printk").write_text(WARNINGS)
        port = _open_port()
    except (LabError, OSError) as error:
        print(f"netlab: {error}", flush=True)
    else:
        _follow(port, refused)
    syscalls.restart()


def _mount() -> None:
    for kind, path in MOUNTS:
        if not os.path.isdir(path):
            continue
        try:
            syscalls.mount(kind, path)
        except OSError as error:
            if path in {"/proc", "/sys", "/dev"}:
                raise LabError(f"this kernel has no {kind}: {error.strerror}") from None


def _load() -> str:
    """Load the modules in order; return the error of a required one, or ""."""
    folder = Path(image.MODULES)
    for name in (folder / "order").read_text().split():
        try:
            with (folder / f"{name}.ko").open("rb") as file:
                syscalls.load_module(file.fileno())
        except FileExistsError:
            continue
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, str(error.errno))
            problem = f"the kernel refused its module {name}: {error.strerror} ({code})"
            print(f"netlab: {problem}", flush=True)
            if name in REQUIRED:
                return problem
    return ""


def _find_port() -> str | None:
    for path in Path("/sys/class/virtio-ports").glob("*/name"):
        if path.read_text().strip() == PORT:
            return f"/dev/{path.parent.name}"
    return None


def _open_port() -> BinaryIO:
    path = scheduler.wait(_find_port, scheduler.now() + PORT_S)
    if path is None:
        raise LabError("the port for the records is not there: no virtio_console in this kernel?")
    return open(path, "wb", buffering=0)


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

    job, spec, clock = image.asked(Path(image.JOB).read_text())
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
    os.environ.update(HOME="/root", PATH="/usr/sbin:/usr/bin:/sbin:/bin")
    with socket.socket() as any_socket:
        request = struct.pack("16sH14x", b"lo", IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)


def _error(problem: str) -> str:
    return line("error", {"error": problem.strip(), "console": []})
